//! When a client has broken rules often enough to be listed. Pure: time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::added::network_of_client;
use crate::config::plan::{FeedbackPlan, Offence};

/// Clients that are watched at once.
const MOST: usize = 16_384;

/// What clients have done of late, by client and rule.
#[derive(Debug, Default)]
pub(super) struct Watched {
    clients: HashMap<(IpNet, usize), Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    /// Nanoseconds of the monotonic clock.
    began: u64,
    count: u32,
}

/// A client is to be listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) network: IpNet,
    /// Number of the category.
    pub(super) category: usize,
    pub(super) duration: Duration,
    pub(super) reason: String,
}

impl Watched {
    /// Takes an offence; says whether the client is to be listed for it.
    pub(super) fn take(
        &mut self,
        rules: &[FeedbackPlan],
        (client, offence, server): (IpAddr, Offence, &str),
        now: u64,
    ) -> Option<Verdict> {
        let place = rules.iter().position(|rule| rule.on.contains(&offence))?;
        let rule = rules.get(place)?;
        let network = network_of_client(client);
        let key = (network, place);
        let within = nanos(rule.within);
        if self.clients.len() >= MOST && !self.clients.contains_key(&key) {
            self.make_room(rules, now);
        }
        let window = self.clients.entry(key).or_insert(Window {
            began: now,
            count: 0,
        });
        if now.saturating_sub(window.began) > within {
            *window = Window {
                began: now,
                count: 0,
            };
        }
        window.count += 1;
        if window.count < rule.after {
            return None;
        }
        self.clients.remove(&key);
        let times = match rule.after {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        Some(Verdict {
            network,
            category: rule.category,
            duration: rule.duration,
            reason: format!("{offence}{times}, at {server}"),
        })
    }

    /// Forgets those whose time is over; if none is, everybody: an attack by so many is not one
    /// that a table of addresses stops.
    fn make_room(&mut self, rules: &[FeedbackPlan], now: u64) {
        self.clients.retain(|(_, rule), window| {
            let within = rules.get(*rule).map_or(0, |rule| nanos(rule.within));
            now.saturating_sub(window.began) <= within
        });
        if self.clients.len() >= MOST {
            self.clients.clear();
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rules() -> Vec<FeedbackPlan> {
        let rule = |on: &[Offence], after| FeedbackPlan {
            on: on.to_vec(),
            category: 7,
            duration: Duration::from_hours(1),
            after,
            within: Duration::from_mins(1),
        };
        vec![
            rule(&[Offence::ProxyHeader], 1),
            rule(&[Offence::TlsGarbage, Offence::CommandFlood], 3),
        ]
    }

    fn at(client: &str, offence: Offence) -> (IpAddr, Offence, &'static str) {
        (client.parse().unwrap(), offence, "mx")
    }

    #[test]
    fn clients_are_listed_when_they_have_done_it_often_enough_within_the_time() {
        let (rules, mut watched) = (rules(), Watched::default());
        let mut take = |client, offence, second| {
            let listed = watched.take(&rules, at(client, offence), second * SECOND);
            listed.map(|it| (it.network.to_string(), it.reason))
        };
        let listed = |network: &str, reason: &str| Some((network.to_owned(), reason.to_owned()));
        assert_eq!(
            take("192.0.2.7", Offence::ProxyHeader, 1),
            listed("192.0.2.7/32", "no trusted PROXY header, at mx")
        );
        // Neighbours in a /64 are one.
        assert_eq!(take("2001:db8::7", Offence::TlsGarbage, 1), None);
        assert_eq!(take("2001:db8::8", Offence::CommandFlood, 2), None);
        assert_eq!(take("2001:db8:0:1::8", Offence::CommandFlood, 2), None);
        assert_eq!(
            take("2001:db8::9", Offence::TlsGarbage, 61),
            listed("2001:db8::/64", "no TLS where it belongs, 3 times, at mx")
        );
        // From the beginning again.
        assert_eq!(take("2001:db8::9", Offence::TlsGarbage, 61), None);
        assert_eq!(take("2001:db8::9", Offence::TlsGarbage, 62), None);
        assert_eq!(
            take("2001:db8::9", Offence::TlsGarbage, 122),
            None,
            "too long ago"
        );
    }

    #[test]
    fn those_who_are_watched_are_bounded() {
        let (rules, mut watched) = (rules(), Watched::default());
        for number in 0..u32::try_from(MOST).unwrap() + 5 {
            let client = IpAddr::from(std::net::Ipv4Addr::from(number));
            let offence = (client, Offence::TlsGarbage, "mx");
            assert_eq!(watched.take(&rules, offence, SECOND), None);
            assert!(watched.clients.len() <= MOST);
        }
    }

    #[test]
    fn without_a_rule_nothing_happens() {
        let mut watched = Watched::default();
        let offence = at("192.0.2.7", Offence::TlsGarbage);
        assert_eq!(watched.take(&[], offence, 0), None);
        assert!(watched.clients.is_empty());
    }
}
