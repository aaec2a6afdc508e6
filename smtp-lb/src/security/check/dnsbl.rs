//! Lists of clients in DNS (RFC 5782): those of bad ones add to a client's score, those of good ones take
//! from it, and from a threshold on it is refused.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use futures_util::future::join_all;

use super::finding::Finding;
use crate::config::plan::WhenAway;
use crate::spf::{Dns, DnsFailure};

/// Answers by which lists tell that they did not understand, or do not serve, who asks.
const REFUSALS: Range = Range {
    first: u32::from_be_bytes([127, 255, 255, 0]),
    last: u32::from_be_bytes([127, 255, 255, 255]),
};
/// An answer elsewhere is that of somebody who has taken over the list's domain.
const LISTED: Range = Range {
    first: u32::from_be_bytes([127, 0, 0, 0]),
    last: u32::from_be_bytes([127, 255, 255, 255]),
};

/// What is asked, and from when on a client is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// At most 32.
    pub zones: Vec<Zone>,
    /// A score of so much, or more, fails.
    pub threshold: i32,
    /// If lists do not answer that would make a difference.
    pub when_away: WhenAway,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its domain.
    pub name: String,
    /// What a client's being listed adds to its score: below 0 for lists of good ones.
    pub weight: i32,
    /// Answers that count; empty: any.
    pub answers: Vec<Range>,
}

/// Addresses from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: u32,
    last: u32,
}

/// It is no range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address, a network, or a range of addresses")]
pub struct BadRange;

impl FromStr for Range {
    type Err = BadRange;

    /// `127.0.0.2`, `127.0.0.0/28` or `127.0.0.4-127.0.0.7`.
    fn from_str(text: &str) -> Result<Self, BadRange> {
        let address = |text: &str| {
            text.parse::<Ipv4Addr>()
                .map(u32::from)
                .map_err(|_| BadRange)
        };
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (address(first.trim())?, address(last.trim())?);
            return (first <= last)
                .then_some(Self { first, last })
                .ok_or(BadRange);
        }
        if text.contains('/') {
            let network: ipnet::Ipv4Net = text.parse().map_err(|_| BadRange)?;
            let (first, last) = (network.network().into(), network.broadcast().into());
            return Ok(Self { first, last });
        }
        let address = address(text)?;
        Ok(Self {
            first: address,
            last: address,
        })
    }
}

impl Range {
    fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&u32::from(address))
    }
}

/// What a list says of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It is there.
    Yes,
    /// It is not.
    No,
    /// There is no saying.
    Unknown(DnsFailure),
}

/// The name that is asked for (RFC 5782 section 2.1 and 2.4).
#[must_use]
pub fn question(client: IpAddr, zone: &str) -> String {
    use std::fmt::Write as _;

    let mut name = String::with_capacity(80 + zone.len());
    // Writing to a String cannot fail.
    match client.to_canonical() {
        IpAddr::V4(client) => {
            for octet in client.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
        }
        IpAddr::V6(client) => {
            for octet in client.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
            }
        }
    }
    name.push_str(zone);
    name
}

/// Asks all lists side by side; what they say, in their order.
pub async fn ask(dns: &impl Dns, settings: &Settings, client: IpAddr) -> Vec<Listed> {
    join_all(settings.zones.iter().map(|zone| async move {
        let name = question(client, &zone.name);
        match dns.a(&name).await {
            Ok(answers) => zone.read(&answers),
            Err(failure) => Listed::Unknown(failure),
        }
    }))
    .await
}

impl Zone {
    fn read(&self, answers: &[Ipv4Addr]) -> Listed {
        let counts = |answer: &Ipv4Addr| {
            let asked =
                self.answers.is_empty() || self.answers.iter().any(|it| it.contains(*answer));
            LISTED.contains(*answer) && !REFUSALS.contains(*answer) && asked
        };
        if answers.iter().any(counts) {
            Listed::Yes
        } else if answers.iter().any(|answer| REFUSALS.contains(*answer)) {
            Listed::Unknown(DnsFailure::Refused)
        } else {
            Listed::No
        }
    }
}

/// Decides by what the lists said. What did not answer counts as it would be worst to overlook: if it
/// could make the difference, there is no saying.
#[must_use]
pub fn judge(settings: &Settings, said: &[Listed]) -> Finding {
    const TEXT: &str = "Service unavailable; client [{client}] blocked: {reason}";
    let (mut score, mut least, mut most) = (0_i32, 0_i32, 0_i32);
    let mut failed = None;
    let mut by = Vec::new();
    for (zone, listed) in settings.zones.iter().zip(said) {
        match listed {
            Listed::No => {}
            Listed::Yes => {
                score = score.saturating_add(zone.weight);
                if zone.weight > 0 {
                    by.push(zone.name.as_str());
                }
            }
            Listed::Unknown(failure) => {
                failed.get_or_insert((failure, &zone.name));
                least = least.saturating_add(zone.weight.min(0));
                most = most.saturating_add(zone.weight.max(0));
            }
        }
    }
    let threshold = settings.threshold;
    if score.saturating_add(least) >= threshold {
        return Finding::fail("550 5.7.1", TEXT, format!("listed by {}", by.join(", ")));
    }
    match failed {
        Some((failure, zone)) if score.saturating_add(most) >= threshold => {
            Finding::no_dns(&format!("{zone}: {failure}"))
        }
        _ => Finding::Pass,
    }
}

#[cfg(test)]
mod tests;
