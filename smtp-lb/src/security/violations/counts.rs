//! Counters of violations, by check, virtual server and domain.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::security::{Check, Violation};

/// Combinations of profile, virtual server and check. Their names come from the configuration, which
/// may change often.
const CHECKS: usize = 10_000;
/// Domains that are told apart. What senders call themselves is theirs to choose.
const DOMAINS: usize = 10_000;

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Passed all the same.
    pub alarmed: u64,
    /// Refused.
    pub blocked: u64,
}

impl Counted {
    fn count(&mut self, block: bool) {
        let counter = if block {
            &mut self.blocked
        } else {
            &mut self.alarmed
        };
        *counter = counter.saturating_add(1);
    }

    fn add(&mut self, other: Self) {
        self.alarmed = self.alarmed.saturating_add(other.alarmed);
        self.blocked = self.blocked.saturating_add(other.blocked);
    }

    fn all(self) -> u64 {
        self.alarmed.saturating_add(self.blocked)
    }
}

/// Of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfCheck {
    /// SMTP security profile.
    pub profile: Arc<str>,
    /// Virtual server.
    pub virtual_server: Arc<str>,
    /// Which.
    pub check: Check,
    /// How many.
    #[serde(flatten)]
    pub counted: Counted,
}

/// Of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfDomain {
    /// In small letters.
    pub domain: Arc<str>,
    /// Which check.
    pub check: Check,
    /// How many.
    #[serde(flatten)]
    pub counted: Counted,
}

/// All counters of this host since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// By profile, virtual server and check, in that order.
    pub checks: Vec<OfCheck>,
    /// By domain, the worst first. Those that were counted least gave way.
    pub domains: Vec<OfDomain>,
    /// Of domains that gave way, or had no room.
    pub other_domains: Counted,
    /// Violations that other hosts do not see: the shared store was away.
    pub unshared: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    checks: HashMap<(Arc<str>, Arc<str>, Check), Counted>,
    domains: HashMap<(Arc<str>, Check), Counted>,
    others: Counted,
}

impl Counts {
    pub(super) fn count(&mut self, violation: &Violation) {
        let block = violation.reaction.block;
        let key = (
            Arc::clone(&violation.profile),
            Arc::clone(&violation.virtual_server),
            violation.check,
        );
        if self.checks.len() < CHECKS || self.checks.contains_key(&key) {
            self.checks.entry(key).or_default().count(block);
        }
        let domain = violation.domain();
        if domain.is_empty() {
            return;
        }
        let key = (domain.into(), violation.check);
        if self.domains.len() >= DOMAINS && !self.domains.contains_key(&key) {
            self.make_room();
        }
        self.domains.entry(key).or_default().count(block);
    }

    /// The half that was counted least goes, so that this is seldom.
    fn make_room(&mut self) {
        let mut counts: Vec<u64> = self.domains.values().map(|it| it.all()).collect();
        let middle = counts.len() / 2;
        let (_, &mut median, _) = counts.select_nth_unstable(middle);
        let (mut others, mut room) = (self.others, middle);
        self.domains.retain(|_, counted| {
            // Of equals, as many as half takes.
            let goes = counted.all() <= median && room > 0;
            if goes {
                room -= 1;
                others.add(*counted);
            }
            !goes
        });
        self.others = others;
    }

    pub(super) fn stats(&self) -> Stats {
        let mut checks: Vec<OfCheck> = self
            .checks
            .iter()
            .map(|((profile, server, check), counted)| OfCheck {
                profile: Arc::clone(profile),
                virtual_server: Arc::clone(server),
                check: *check,
                counted: *counted,
            })
            .collect();
        checks.sort_unstable_by(|a, b| {
            let key = |it: &OfCheck| {
                (
                    Arc::clone(&it.profile),
                    Arc::clone(&it.virtual_server),
                    it.check,
                )
            };
            key(a).cmp(&key(b))
        });
        let mut domains: Vec<OfDomain> = self
            .domains
            .iter()
            .map(|((domain, check), counted)| OfDomain {
                domain: Arc::clone(domain),
                check: *check,
                counted: *counted,
            })
            .collect();
        domains.sort_unstable_by(|a, b| {
            let most = b.counted.all().cmp(&a.counted.all());
            most.then_with(|| (&a.domain, a.check).cmp(&(&b.domain, b.check)))
        });
        Stats {
            checks,
            domains,
            other_domains: self.others,
            unshared: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Reaction;

    #[test]
    fn domains_are_bounded_and_nothing_is_lost_of_the_sum() {
        let mut counts = Counts::default();
        let count = |counts: &mut Counts, domain: &str| {
            counts.count(&Violation {
                sender: format!("a@{domain}"),
                reaction: Reaction {
                    alarm: true,
                    block: true,
                },
                ..Violation::new(&"p".into(), &"mx".into(), Check::Spf)
            });
        };
        for _ in 0..10 {
            count(&mut counts, "Often.example");
        }
        for n in 0..3 * DOMAINS {
            count(&mut counts, &format!("{n}.example"));
            assert!(counts.domains.len() <= DOMAINS);
        }
        let stats = counts.stats();
        let first = &stats.domains[0];
        assert_eq!(
            (&*first.domain, first.counted.blocked),
            ("often.example", 10)
        );
        let listed: u64 = stats.domains.iter().map(|it| it.counted.all()).sum();
        let all = u64::try_from(3 * DOMAINS + 10).unwrap();
        assert_eq!(listed + stats.other_domains.all(), all);
        assert_eq!(stats.checks[0].counted.blocked, all);
    }
}
