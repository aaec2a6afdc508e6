//! From counters of sets to those of feeds and categories. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smtp_lb_common::abi::Tally;
use smtp_lb_common::reputation::PROFILES;

use super::sets::{Member, Sets};

/// Packets and octets by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From listed sources.
    pub packets: u64,
    /// Their octets.
    pub bytes: u64,
    /// Of these: dropped, and this was a reason.
    pub dropped: u64,
    /// Of these: rejected, and this was a reason; dropped if they could not be answered.
    #[serde(default)]
    pub rejected: u64,
    /// Of those: no other feed would have taken them away. Of a category: no other category.
    pub alone: u64,
}

/// What a profile does with sources of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Drops their packets.
    Drop,
    /// Rejects them.
    Reject,
}

impl Entry {
    fn add(&mut self, tally: Tally, act: Option<Act>, alone: bool) {
        self.packets += tally.packets;
        self.bytes += tally.bytes;
        match act {
            Some(Act::Drop) => self.dropped += tally.packets,
            Some(Act::Reject) => self.rejected += tally.packets,
            None => {}
        }
        if alone {
            self.alone += tally.packets;
        }
    }
}

/// What was counted since the counters began, and up to which of their values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// By feed.
    pub feeds: BTreeMap<String, Entry>,
    /// By category; the empty name stands for allow entries.
    pub categories: BTreeMap<String, Entry>,
    /// Packets and octets by counter, as they were seen last.
    seen: BTreeMap<u32, (u64, u64)>,
}

impl Ledger {
    /// Takes what the counters have counted since. `acts` says what a profile, by its number,
    /// does with sources of a category.
    pub fn take(
        &mut self,
        hits: &BTreeMap<u32, Tally>,
        sets: &Sets,
        acts: impl Fn(u32, &str) -> Option<Act>,
    ) {
        for (counter, tally) in hits {
            let seen = self.seen.entry(*counter).or_default();
            let new = Tally {
                packets: tally.packets.saturating_sub(seen.0),
                bytes: tally.bytes.saturating_sub(seen.1),
            };
            *seen = (tally.packets, tally.bytes);
            if new.packets == 0 {
                continue;
            }
            let (set, profile) = (counter / PROFILES, counter % PROFILES);
            let members = sets.get(set).unwrap_or_default();
            let named = members.iter().filter(|it| !it.category.is_empty());
            let acting: Vec<(&Member, Act)> = named
                .filter_map(|it| Some((it, acts(profile, &it.category)?)))
                .collect();
            // As in the packet path: what drops comes before what rejects.
            let drops = acting.iter().any(|(_, act)| *act == Act::Drop);
            let act = if drops { Act::Drop } else { Act::Reject };
            let acting: Vec<&Member> = acting.into_iter().map(|(it, _)| it).collect();
            add(&mut self.feeds, new, members, (act, &acting), |it| &it.feed);
            add(&mut self.categories, new, members, (act, &acting), |it| {
                &it.category
            });
        }
    }
}

fn add<'a>(
    entries: &mut BTreeMap<String, Entry>,
    tally: Tally,
    members: &'a [Member],
    (act, acting): (Act, &[&'a Member]),
    name: impl Fn(&'a Member) -> &'a String,
) {
    let mut names: Vec<&String> = members.iter().map(&name).collect();
    names.sort_unstable();
    names.dedup();
    let mut actors: Vec<&String> = acting.iter().map(|it| name(it)).collect();
    actors.sort_unstable();
    actors.dedup();
    for name in names {
        let acts = actors.binary_search(&name).is_ok();
        let entry = entries.entry(name.clone()).or_default();
        entry.add(tally, acts.then_some(act), acts && actors.len() == 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(list: &[(u32, &[(&str, &str)])]) -> Sets {
        let mut json = serde_json::Map::new();
        for (number, members) in list {
            let members: Vec<Member> = members
                .iter()
                .map(|(feed, category)| Member {
                    feed: (*feed).to_owned(),
                    category: (*category).to_owned(),
                })
                .collect();
            json.insert(number.to_string(), serde_json::to_value(members).unwrap());
        }
        serde_json::from_value(json.into()).unwrap()
    }

    fn tally(packets: u64) -> Tally {
        Tally {
            packets,
            bytes: packets * 60,
        }
    }

    #[test]
    fn feeds_count_what_they_alone_would_have_dropped() {
        let sets = sets(&[
            (64, &[("a", "spam")]),
            (65, &[("a", "spam"), ("b", "spam")]),
            (66, &[("a", "bots"), ("b", "spam")]),
            (67, &[("a", "")]),
        ]);
        // Profile 0 drops spam, profile 1 bots.
        let acts = |profile, category: &str| {
            (category == ["spam", "bots"][profile as usize]).then_some(Act::Drop)
        };
        let hits = BTreeMap::from([
            (64 * PROFILES, tally(1)),
            (65 * PROFILES, tally(10)),
            (66 * PROFILES, tally(100)),
            (66 * PROFILES + 1, tally(1000)),
            (67 * PROFILES, tally(10_000)),
        ]);
        let mut ledger = Ledger::default();
        ledger.take(&hits, &sets, acts);
        let numbers = |entry: Entry| (entry.packets, entry.dropped, entry.alone);
        assert_eq!(numbers(ledger.feeds["a"]), (11_111, 1_011, 1_001));
        assert_eq!(numbers(ledger.feeds["b"]), (1_110, 110, 100));
        assert_eq!(numbers(ledger.categories["spam"]), (1_111, 111, 111));
        assert_eq!(numbers(ledger.categories["bots"]), (1_100, 1_000, 1_000));
        assert_eq!(numbers(ledger.categories[""]), (10_000, 0, 0));
        assert_eq!(ledger.feeds["b"].bytes, 1_110 * 60);

        // Nothing is counted twice, and what comes later is counted as it is then.
        let before = ledger.clone();
        ledger.take(&hits, &sets, acts);
        assert_eq!(ledger, before);
        ledger.take(
            &BTreeMap::from([(64 * PROFILES, tally(6))]),
            &sets,
            |_, _| None,
        );
        assert_eq!(numbers(ledger.feeds["a"]), (11_116, 1_011, 1_001));
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }

    #[test]
    fn what_is_rejected_is_not_counted_as_dropped() {
        let sets = sets(&[
            (64, &[("a", "spam")]),
            (65, &[("a", "spam"), ("b", "bots")]),
        ]);
        let acts = |_, category: &str| match category {
            "spam" => Some(Act::Reject),
            _ => Some(Act::Drop),
        };
        let hits = BTreeMap::from([(64 * PROFILES, tally(1)), (65 * PROFILES, tally(10))]);
        let mut ledger = Ledger::default();
        ledger.take(&hits, &sets, acts);
        let numbers = |entry: Entry| (entry.packets, entry.dropped, entry.rejected, entry.alone);
        assert_eq!(numbers(ledger.feeds["a"]), (11, 10, 1, 1));
        assert_eq!(numbers(ledger.feeds["b"]), (10, 10, 0, 0));
        assert_eq!(numbers(ledger.categories["spam"]), (11, 10, 1, 1));
    }
}
