//! Clients that cannot be resolved in DNS: no name, or none that leads back to the client (`FCrDNS`,
//! forward-confirmed reverse DNS).

use std::net::IpAddr;

use futures_util::future::join_all;

use super::finding::Finding;
use crate::config::plan::WhenAway;
use crate::spf::{Dns, DnsFailure};

/// Names of a client that are looked up.
const NAMES: usize = 10;

/// What is asked of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A name that does not lead back to the client is none.
    pub forward_confirmed: bool,
    /// Refused for good: 550; else for now: 450.
    pub permanent: bool,
    /// If DNS does not answer.
    pub when_away: WhenAway,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            forward_confirmed: true,
            permanent: true,
            when_away: WhenAway::Refuse,
        }
    }
}

/// What DNS says of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientName {
    /// Its name, which leads back to it. In small letters.
    Verified(String),
    /// It has names, as this one, but none leads back.
    Unverified(String),
    /// It has none.
    None,
    /// There is no saying.
    Unknown(DnsFailure),
}

impl ClientName {
    /// The name that it can be called by.
    #[must_use]
    pub fn verified(&self) -> Option<&str> {
        match self {
            Self::Verified(name) => Some(name),
            _ => None,
        }
    }
}

/// Asks who a client is: its names, then the addresses of the first 10 of them, side by side.
pub async fn ask(dns: &impl Dns, client: IpAddr) -> ClientName {
    let client = client.to_canonical();
    let mut names = match dns.ptr(client).await {
        Ok(names) => names,
        Err(failure) => return ClientName::Unknown(failure),
    };
    names.retain(|name| !name.is_empty());
    names.truncate(NAMES);
    let leads_back = names.iter().map(|name| leads_to(dns, name, client));
    let leads_back = join_all(leads_back).await;
    let mut failed = None;
    for (name, back) in names.iter().zip(leads_back) {
        match back {
            Ok(true) => return ClientName::Verified(name.to_ascii_lowercase()),
            Ok(false) => {}
            Err(failure) => failed = Some(failure),
        }
    }
    match (failed, names.into_iter().next()) {
        (Some(failure), _) => ClientName::Unknown(failure),
        (None, Some(name)) => ClientName::Unverified(name.to_ascii_lowercase()),
        (None, None) => ClientName::None,
    }
}

async fn leads_to(dns: &impl Dns, name: &str, client: IpAddr) -> Result<bool, DnsFailure> {
    match client {
        IpAddr::V4(client) => Ok(dns.a(name).await?.contains(&client)),
        IpAddr::V6(client) => Ok(dns.aaaa(name).await?.contains(&client)),
    }
}

/// Decides by what DNS said.
#[must_use]
pub fn judge(settings: &Settings, name: &ClientName) -> Finding {
    const TEXT: &str = "Client [{client}] rejected: {reason}";
    let codes = if settings.permanent {
        "550 5.7.25"
    } else {
        "450 4.7.25"
    };
    match name {
        ClientName::Verified(_) => Finding::Pass,
        ClientName::Unverified(_) if !settings.forward_confirmed => Finding::Pass,
        ClientName::Unverified(_) => {
            Finding::fail(codes, TEXT, "its name in DNS does not lead back to it")
        }
        ClientName::None => Finding::fail(codes, TEXT, "it has no name in DNS"),
        ClientName::Unknown(failure) => Finding::no_dns(failure),
    }
}

#[cfg(test)]
mod tests;
