//! `[[smtp_profile]]`.

use std::collections::HashSet;
use std::time::Duration;

use ipnet::IpNet;

use super::WhenAway;
use crate::security::check::{client_dns, dnsbl, greylist, sender_domain, spf};
use crate::security::harvest;
use crate::security::rate::Rate;

/// Index of a profile in [`Plan::smtp_profiles`](super::Plan::smtp_profiles).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SmtpProfileId(pub usize);

/// `[[smtp_profile]]`. A check that is `None` does not run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmtpProfilePlan {
    /// Unique name.
    pub name: String,
    /// Whom no check is for.
    pub exceptions: ExceptionsPlan,
    /// RFC 5321, and the discipline of lines.
    pub protocol_compliance: Option<CheckPlan<()>>,
    /// Clients by address.
    pub disallowed_client: Option<CheckPlan<DisallowedClientPlan>>,
    /// Reverse-paths.
    pub disallowed_sender: Option<CheckPlan<DisallowedSenderPlan>>,
    /// Domains that mail is received for.
    pub recipient_domain: Option<CheckPlan<DomainsPlan>>,
    /// Commands that are not answered.
    pub methods: Option<CheckPlan<Vec<Method>>>,
    /// Who talks before it is greeted.
    pub pregreet: Option<CheckPlan<PregreetPlan>>,
    /// Connections of one client.
    pub client_rate: Option<CheckPlan<ClientRatePlan>>,
    /// Recipients and size of a message.
    pub size: Option<CheckPlan<SizePlan>>,
    /// Bare CR, bare LF and NUL in a message.
    pub smuggling: Option<CheckPlan<()>>,
    /// Clients without a name in DNS.
    pub client_dns: Option<CheckPlan<client_dns::Settings>>,
    /// Clients that lists in DNS have.
    pub dnsbl: Option<CheckPlan<dnsbl::Settings>>,
    /// Reverse-paths whose domain is not in DNS.
    pub sender_domain: Option<CheckPlan<sender_domain::Settings>>,
    /// Clients that may not send for the reverse-path's domain.
    pub spf: Option<CheckPlan<spf::Settings>>,
    /// First messages.
    pub greylist: Option<CheckPlan<greylist::Settings>>,
    /// Messages from a domain.
    pub sender_rate: Option<CheckPlan<Rate>>,
    /// Messages to a domain.
    pub recipient_rate: Option<CheckPlan<Rate>>,
    /// Unknown recipients of a client.
    pub harvest: Option<CheckPlan<harvest::Policy>>,
    /// Members get what SPF found, as `Received-SPF` (RFC 7208, section 9.1).
    pub received_spf: bool,
    /// When a sender is refused.
    pub reject_at: RejectAt,
    /// What becomes of mail if the store does not answer.
    pub store_away: WhenAway,
    /// Violations that are kept; 0 stands for 500.
    pub violations: usize,
}

/// At which command a sender is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RejectAt {
    /// MAIL, before a member hears of it.
    #[default]
    Mail,
    /// Each RCPT, when it is known for whom it would have been.
    Rcpt,
}

impl SmtpProfilePlan {
    /// Whether any of its checks asks DNS.
    #[must_use]
    pub fn asks_dns(&self) -> bool {
        let by_name = |it: &CheckPlan<DisallowedClientPlan>| it.settings.asks_dns();
        self.client_dns.is_some()
            || self.dnsbl.is_some()
            || self.sender_domain.is_some()
            || self.spf.is_some()
            || self.disallowed_client.as_ref().is_some_and(by_name)
    }
}

/// A check that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckPlan<S> {
    /// Whoever fails it is told of. This or `block` is true.
    pub alarm: bool,
    /// Whoever fails it is refused.
    pub block: bool,
    /// Text of the reply behind its codes; `None`: the check's own.
    pub reply: Option<String>,
    /// Where it runs.
    pub servers: ServersPlan,
    /// What else there is to it.
    pub settings: S,
}

/// Virtual servers at which a check runs, of those that have its profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ServersPlan {
    /// All.
    #[default]
    All,
    /// These.
    Only(Vec<String>),
    /// All but these.
    Except(Vec<String>),
}

impl ServersPlan {
    /// Whether it runs at this one.
    #[must_use]
    pub fn includes(&self, server: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == server),
            Self::Except(names) => names.iter().all(|name| name != server),
        }
    }
}

/// Whom no check is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionsPlan {
    /// Clients.
    pub networks: NetworksPlan,
    /// Domains of reverse-paths.
    pub domains: DomainsPlan,
    /// Clients that have authenticated themselves.
    pub authenticated: bool,
}

/// Networks, in an order in which they are quickly looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworksPlan(Vec<IpNet>);

impl NetworksPlan {
    /// Any networks, in any order.
    #[must_use]
    pub fn new(mut networks: Vec<IpNet>) -> Self {
        networks = IpNet::aggregate(&networks);
        networks.sort_unstable_by_key(IpNet::network);
        Self(networks)
    }

    /// Whether an address is in one of them. IPv4 within IPv6 is IPv4.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let after = self.0.partition_point(|it| it.network() <= address);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|network| network.contains(&address))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Domains, in small letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainsPlan {
    /// Themselves.
    pub exact: HashSet<String>,
    /// All below them, but not themselves.
    pub below: HashSet<String>,
}

impl DomainsPlan {
    /// Whether a domain is one of them, in letters of any case.
    #[must_use]
    pub fn contains(&self, domain: &str) -> bool {
        if self.exact.is_empty() && self.below.is_empty() {
            return false;
        }
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_lowercase();
        if self.exact.contains(&domain) {
            return true;
        }
        let mut rest = domain.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if self.below.contains(parent) {
                return true;
            }
            rest = parent;
        }
        false
    }
}

/// `disallowed_client`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisallowedClientPlan {
    /// Those of these addresses.
    pub networks: NetworksPlan,
    /// Those whose name in DNS, which leads back to them, is of these domains.
    pub domains: DomainsPlan,
}

impl DisallowedClientPlan {
    /// Whether names are asked for.
    #[must_use]
    pub fn asks_dns(&self) -> bool {
        self.domains != DomainsPlan::default()
    }
}

/// `disallowed_sender`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisallowedSenderPlan {
    /// Whole addresses, and local parts with `@` behind them, for any domain; in small letters.
    pub users: HashSet<String>,
    /// Domains.
    pub domains: DomainsPlan,
}

/// A command that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// ETRN.
    Etrn,
    /// HELP.
    Help,
    /// NOOP.
    Noop,
}

/// `pregreet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PregreetPlan {
    /// How long clients wait for the banner.
    pub delay: Duration,
}

/// `client_rate`. One of the two at least is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRatePlan {
    /// Connections at once.
    pub at_once: Option<u32>,
    /// New ones within the window.
    pub rate: Option<u64>,
    /// Seconds, at least 1.
    pub window: u32,
}

/// `size`. One of the two at least is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizePlan {
    /// Recipients of one message.
    pub recipients: Option<usize>,
    /// Octets of one message.
    pub octets: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_hold() {
        let networks = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32", "2001:db8::/32"];
        let networks = NetworksPlan::new(networks.iter().map(|it| it.parse().unwrap()).collect());
        for (address, held) in [
            ("10.255.1.1", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.0.2.7", true),
            ("::ffff:192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("::", false),
        ] {
            assert_eq!(
                networks.contains(address.parse().unwrap()),
                held,
                "{address}"
            );
        }
        assert!(!NetworksPlan::default().contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn domains_are_themselves_or_what_is_below() {
        let set = |of: &[&str]| of.iter().map(|it| (*it).to_owned()).collect();
        let domains = DomainsPlan {
            exact: set(&["a.example", "b.example"]),
            below: set(&["b.example"]),
        };
        for (domain, held) in [
            ("a.example", true),
            ("A.Example.", true),
            ("x.a.example", false),
            ("b.example", true),
            ("y.x.B.example", true),
            ("bb.example", false),
            ("example", false),
            ("", false),
        ] {
            assert_eq!(domains.contains(domain), held, "{domain}");
        }
    }
}
