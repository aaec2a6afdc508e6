//! Which log profile an event belongs to.

use std::collections::HashMap;

use crate::config::plan::{Plan, ProfileId};

use super::model::{Event, Kind};

/// Log profiles by what an event is about.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    servers: HashMap<String, ProfileId>,
    host: Option<ProfileId>,
    system: Option<ProfileId>,
}

impl Routes {
    /// As the plan has it: a virtual server's own profile goes before the firewall's.
    #[must_use]
    pub fn from_plan(plan: &Plan) -> Self {
        let servers = plan.virtual_servers.iter();
        Self {
            servers: servers
                .filter_map(|server| Some((server.name.clone(), server.log_profile?)))
                .collect(),
            host: plan.firewall.log_profile,
            system: plan.log.system_profile,
        }
    }

    /// The profile of an event; `None`: nobody is told.
    #[must_use]
    pub fn profile(&self, event: &Event) -> Option<ProfileId> {
        match &event.kind {
            Kind::Firewall(packet) => {
                let own = self.servers.get(&*packet.virtual_server);
                own.copied().or(self.host)
            }
            Kind::Session(session) => {
                let own = self.servers.get(&*session.virtual_server);
                own.copied().or(self.host)
            }
            Kind::Violation(found) => {
                let own = self.servers.get(&*found.virtual_server);
                own.copied().or(self.host)
            }
            Kind::Flood(flood) => {
                let own = self.servers.get(&*flood.virtual_server);
                own.copied().or(self.host)
            }
            Kind::Health(_) | Kind::Member(_) | Kind::Administration(_) | Kind::System(_) => {
                self.system
            }
        }
    }

    #[cfg(test)]
    pub(super) fn of(
        servers: &[(&str, usize)],
        host: Option<usize>,
        system: Option<usize>,
    ) -> Self {
        Self {
            servers: servers
                .iter()
                .map(|&(name, id)| (name.to_owned(), ProfileId(id)))
                .collect(),
            host: host.map(ProfileId),
            system: system.map(ProfileId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::format::samples;

    #[test]
    fn by_server_then_host_and_system() {
        let routes = Routes::of(&[("mx", 1)], Some(2), Some(3));
        let table = [
            (samples::packet("drop", "mx"), Some(1)),
            (samples::packet("drop", "other"), Some(2)),
            (samples::packet("accept", ""), Some(2)),
            (samples::health(false, "x"), Some(3)),
            (samples::session("mx"), Some(1)),
            (samples::session("other"), Some(2)),
            (samples::violation("mx", "block", "x"), Some(1)),
            (samples::violation("other", "alarm", "x"), Some(2)),
            (samples::flood("mx"), Some(1)),
            (samples::flood("other"), Some(2)),
            (samples::administration("x"), Some(3)),
            (samples::system("started", "x"), Some(3)),
        ];
        for (event, profile) in table {
            assert_eq!(routes.profile(&event), profile.map(ProfileId), "{event:?}");
        }
        let routes = Routes::of(&[("mx", 1)], None, None);
        assert_eq!(routes.profile(&samples::packet("drop", "")), None);
        assert_eq!(routes.profile(&samples::health(true, "x")), None);
    }
}
