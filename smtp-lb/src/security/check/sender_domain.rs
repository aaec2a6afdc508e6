//! Reverse-paths whose domain cannot be resolved in DNS: nobody could answer.

use futures_util::future::join;

use super::domain::{self, Domain};
use super::finding::Finding;
use crate::config::plan::WhenAway;
use crate::spf::{Dns, DnsFailure};

/// What is asked of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What does not exist is refused for good: 550; else for now: 450. A null MX always is for good.
    pub permanent: bool,
    /// Address literals, as `a@[192.0.2.1]`, pass.
    pub literals: bool,
    /// If DNS does not answer.
    pub when_away: WhenAway,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            permanent: false,
            literals: true,
            when_away: WhenAway::Refuse,
        }
    }
}

/// What DNS says of a sender's domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderDomain {
    /// There is none to ask about: the null path.
    NotAsked,
    /// Mail can be sent there.
    Resolves,
    /// An address literal.
    Literal,
    /// It says that it takes no mail (RFC 7505).
    NullMx,
    /// It has neither MX nor addresses, or does not exist.
    Nothing,
    /// There is no saying.
    Unknown(DnsFailure),
}

/// Asks about the domain of a reverse-path without brackets: MX, and if there is none, A and AAAA
/// side by side. At most 3 questions.
pub async fn ask(dns: &impl Dns, sender: &str) -> SenderDomain {
    let name = match domain::of(sender) {
        Domain::None => return SenderDomain::NotAsked,
        Domain::Literal(_) => return SenderDomain::Literal,
        Domain::Bad => return SenderDomain::Nothing,
        Domain::Name(name) => name,
    };
    match dns.mx(&name).await {
        Err(failure) => return SenderDomain::Unknown(failure),
        Ok(hosts) if hosts.iter().any(|host| !is_null(host)) => return SenderDomain::Resolves,
        Ok(hosts) if !hosts.is_empty() => return SenderDomain::NullMx,
        Ok(_) => {}
    }
    let (a, aaaa) = join(dns.a(&name), dns.aaaa(&name)).await;
    let found = (a.map(|it| !it.is_empty()), aaaa.map(|it| !it.is_empty()));
    match found {
        (Ok(true), _) | (_, Ok(true)) => SenderDomain::Resolves,
        (Err(failure), _) | (_, Err(failure)) => SenderDomain::Unknown(failure),
        (Ok(false), Ok(false)) => SenderDomain::Nothing,
    }
}

fn is_null(host: &str) -> bool {
    host.is_empty() || host == "."
}

/// Decides by what DNS said.
#[must_use]
pub fn judge(settings: &Settings, domain: SenderDomain) -> Finding {
    const TEXT: &str = "<{sender}>: sender rejected: {reason}";
    let codes = if settings.permanent {
        "550 5.1.8"
    } else {
        "450 4.1.8"
    };
    match domain {
        SenderDomain::NotAsked | SenderDomain::Resolves => Finding::Pass,
        SenderDomain::Literal if settings.literals => Finding::Pass,
        SenderDomain::Literal => Finding::fail(codes, TEXT, "its domain is an address"),
        SenderDomain::NullMx => Finding::fail("550 5.7.27", TEXT, "its domain takes no mail"),
        SenderDomain::Nothing => Finding::fail(codes, TEXT, "its domain is not in DNS"),
        SenderDomain::Unknown(failure) => Finding::no_dns(&failure),
    }
}

#[cfg(test)]
mod tests;
