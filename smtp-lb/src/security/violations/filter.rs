//! Which violations are asked for.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Kept;
use crate::security::Check;

/// Conditions; those that are not set hold of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// SMTP security profile.
    pub profile: Option<String>,
    /// Virtual server.
    pub virtual_server: Option<String>,
    /// Check.
    pub check: Option<Check>,
    /// `alarm` or `block`.
    pub action: Option<String>,
    /// The client's network.
    pub client: Option<IpNet>,
    /// The sender's or the recipient's domain, or a whole address.
    pub domain: Option<String>,
    /// Session.
    pub session: Option<String>,
    /// That of the violation.
    pub id: Option<String>,
    /// Not before, in seconds since the Unix epoch.
    pub since: Option<u64>,
}

impl Filter {
    pub(super) fn wants_profile(&self, profile: &str) -> bool {
        is(self.profile.as_deref(), profile)
    }

    /// Does it hold?
    #[must_use]
    pub fn admits(&self, kept: &Kept) -> bool {
        let it = &kept.violation;
        self.wants_profile(&it.profile)
            && is(self.virtual_server.as_deref(), &it.virtual_server)
            && is(self.action.as_deref(), it.reaction.action())
            && is(self.session.as_deref(), &it.session)
            && is(self.id.as_deref(), &kept.id)
            && self.check.is_none_or(|check| check == it.check)
            && self
                .client
                .is_none_or(|network| network.contains(&it.client.ip().to_canonical()))
            && self
                .since
                .is_none_or(|since| it.time_ns / 1_000_000_000 >= since)
            && self.domain.as_deref().is_none_or(|domain| {
                [&it.sender, &it.recipient].iter().any(|path| {
                    path.eq_ignore_ascii_case(domain)
                        || path
                            .rsplit_once('@')
                            .is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain))
                })
            })
    }
}

fn is(wanted: Option<&str>, value: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}
