//! What is known of names, and which is to be asked next. Pure: time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::schedule::back_off;
use super::{Answer, DnsError};

/// Names with their addresses. The last known set is kept when nobody answers.
#[derive(Debug, Default)]
pub struct Table {
    names: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: Vec<IpAddr>,
    due: Duration,
    failures: u32,
    /// The last one in a row.
    failure: Option<DnsError>,
}

/// What an operator sees of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// As they are known.
    pub addresses: Vec<IpAddr>,
    /// Until it is asked again.
    pub again: Duration,
    /// In a row.
    pub failures: u32,
    /// The last of them.
    pub failure: Option<DnsError>,
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Nothing, or nobody asks for the name any more.
    Same,
    /// The addresses.
    Changed,
    /// It began to fail. What was known is known on.
    Failing,
    /// It answers again, as before.
    Mended,
}

impl Table {
    /// Names of which the addresses were known before, all due at once.
    #[must_use]
    pub fn remembered(names: impl IntoIterator<Item = (String, Vec<IpAddr>)>) -> Self {
        let known = names.into_iter().map(|(name, addresses)| {
            let known = Known {
                addresses,
                ..Known::default()
            };
            (name, known)
        });
        Self {
            names: known.collect(),
        }
    }

    /// From now on these are the names. New ones are due at once.
    pub fn watch(&mut self, names: &BTreeSet<&str>) {
        self.names.retain(|name, _| names.contains(name.as_str()));
        for name in names {
            if !self.names.contains_key(*name) {
                self.names.insert((*name).to_owned(), Known::default());
            }
        }
    }

    /// Whether addresses of the name are known.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.names
            .get(name)
            .is_some_and(|known| !known.addresses.is_empty())
    }

    /// What is known of the name; empty: nothing.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let known = self.names.get(name);
        known
            .map(|known| known.addresses.clone())
            .unwrap_or_default()
    }

    /// What an operator sees of the name as of `now`. `None`: it is new.
    #[must_use]
    pub fn show(&self, name: &str, now: Duration) -> Option<Shown> {
        self.names.get(name).map(|known| Shown {
            addresses: known.addresses.clone(),
            again: known.due.saturating_sub(now),
            failures: known.failures,
            failure: known.failure.clone(),
        })
    }

    /// All names with their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[IpAddr])> {
        let names = self.names.iter();
        names.map(|(name, known)| (name.as_str(), known.addresses.as_slice()))
    }

    /// Names that are to be asked at `now`.
    #[must_use]
    pub fn due(&self, now: Duration) -> Vec<String> {
        let due = self.names.iter().filter(|(_, known)| known.due <= now);
        due.map(|(name, _)| name.clone()).collect()
    }

    /// When the next one is. `None`: there is none.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.names.values().map(|known| known.due).min()
    }

    /// Notes what was heard at `now`. The name need not be known yet.
    pub fn note(&mut self, name: &str, heard: &Result<Answer, DnsError>, now: Duration) -> Noted {
        let known = self.names.entry(name.to_owned()).or_default();
        let answer = match heard {
            Ok(answer) => answer,
            Err(error) => {
                known.failure = Some(error.clone());
                known.failures = known.failures.saturating_add(1);
                known.due = now.saturating_add(back_off(known.failures));
                return if known.failures == 1 {
                    Noted::Failing
                } else {
                    Noted::Same
                };
            }
        };
        known.failure = None;
        known.due = now.saturating_add(answer.ttl);
        let failed = std::mem::take(&mut known.failures) > 0;
        if known.addresses != answer.addresses {
            known.addresses.clone_from(&answer.addresses);
            return Noted::Changed;
        }
        if failed { Noted::Mended } else { Noted::Same }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what is noted may be an error")]
    fn answer(addresses: &[&str], ttl: u64) -> Result<Answer, DnsError> {
        Ok(Answer {
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            ttl: Duration::from_secs(ttl),
        })
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_name_is_asked_again_when_its_answer_is_over() {
        let mut table = Table::default();
        table.watch(&BTreeSet::from(["a", "b"]));
        assert_eq!(table.due(seconds(0)), ["a", "b"]);
        let now = seconds(100);
        assert_eq!(
            table.note("a", &answer(&["192.0.2.1"], 60), now),
            Noted::Changed
        );
        assert_eq!(
            table.note("b", &answer(&["192.0.2.2"], 30), now),
            Noted::Changed
        );
        assert_eq!(table.next(), Some(seconds(130)));
        assert!(table.due(seconds(129)).is_empty());
        assert_eq!(table.due(seconds(130)), ["b"]);
        assert_eq!(
            table.note("b", &answer(&["192.0.2.2"], 30), seconds(130)),
            Noted::Same
        );
        table.watch(&BTreeSet::from(["b"]));
        assert!(!table.knows("a") && table.knows("b"));
    }

    #[test]
    fn what_was_known_is_kept_while_nobody_answers() {
        let known = vec!["192.0.2.1".parse().unwrap()];
        let mut table = Table::remembered([("a".to_owned(), known.clone())]);
        assert_eq!(table.due(seconds(0)), ["a"]);
        let mut now = seconds(0);
        for (round, pause) in [5, 10, 20, 40].into_iter().enumerate() {
            let noted = table.note("a", &Err(DnsError::Timeout), now);
            let expected = if round == 0 {
                Noted::Failing
            } else {
                Noted::Same
            };
            assert_eq!(noted, expected);
            now += seconds(pause);
            assert_eq!(table.next(), Some(now));
            assert_eq!(table.addresses("a"), known);
            let shown = table.show("a", now.saturating_sub(seconds(1))).unwrap();
            assert_eq!(
                (shown.failures as usize, shown.again),
                (round + 1, seconds(1))
            );
            assert_eq!(shown.failure, Some(DnsError::Timeout));
        }
        assert_eq!(
            table.note("a", &answer(&["192.0.2.1"], 5), now),
            Noted::Mended
        );
        assert_eq!(
            table.note("a", &Err(DnsError::NoAddress), now),
            Noted::Failing
        );
        assert_eq!(table.addresses("a"), known);
    }
}
