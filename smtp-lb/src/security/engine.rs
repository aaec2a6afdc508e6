//! The checks of one profile at one virtual server.

use std::sync::Arc;

use super::connections::Connections;
use super::services::Services;
use crate::config::plan::{CheckPlan, SmtpProfilePlan};

/// The checks of one profile at one virtual server. Sessions keep the one that they began with.
#[derive(Debug)]
pub struct Engine {
    pub(super) profile: Arc<str>,
    pub(super) server: Arc<str>,
    /// Without the checks that do not run here.
    pub(super) plan: SmtpProfilePlan,
    pub(super) services: Services,
    pub(super) connections: Arc<Connections>,
}

impl Engine {
    /// What was counted `before` counts on.
    #[must_use]
    pub fn new(
        profile: &SmtpProfilePlan,
        server: &str,
        services: &Services,
        before: Option<&Self>,
    ) -> Self {
        let mut plan = profile.clone();
        here(&mut plan.protocol_compliance, server);
        here(&mut plan.disallowed_client, server);
        here(&mut plan.disallowed_sender, server);
        here(&mut plan.recipient_domain, server);
        here(&mut plan.methods, server);
        here(&mut plan.pregreet, server);
        here(&mut plan.client_rate, server);
        here(&mut plan.size, server);
        here(&mut plan.smuggling, server);
        here(&mut plan.client_dns, server);
        here(&mut plan.dnsbl, server);
        here(&mut plan.sender_domain, server);
        here(&mut plan.spf, server);
        here(&mut plan.greylist, server);
        here(&mut plan.sender_rate, server);
        here(&mut plan.recipient_rate, server);
        here(&mut plan.harvest, server);
        Self {
            profile: profile.name.as_str().into(),
            server: server.into(),
            plan,
            services: services.clone(),
            connections: before.map_or_else(Arc::default, |it| Arc::clone(&it.connections)),
        }
    }
}

fn here<S>(check: &mut Option<CheckPlan<S>>, server: &str) {
    check.take_if(|check| !check.servers.includes(server));
}
