//! Sets: which feeds hold an address, and as what; and the numbers that sets keep.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use smtp_lb_common::reputation::{ALLOW, FIRST_FEED_SET, SETS};

use super::ranges::ALLOW_TAG;

/// A feed, and what it says of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Name of the feed.
    pub feed: String,
    /// Name of the category; empty: an allow entry.
    pub category: String,
}

/// Sets by number. A set keeps its number from one image to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sets {
    members: BTreeMap<u32, Vec<Member>>,
}

impl Sets {
    /// Who is in a set.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&[Member]> {
        self.members.get(&number).map(Vec::as_slice)
    }

    /// Feeds of a set, by commas.
    #[must_use]
    pub fn feeds(&self, number: u32) -> Option<std::sync::Arc<str>> {
        let mut names: Vec<&str> = self
            .get(number)?
            .iter()
            .map(|it| it.feed.as_str())
            .collect();
        names.dedup();
        Some(names.join(",").into())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Member])> {
        self.members
            .iter()
            .map(|(number, set)| (*number, set.as_slice()))
    }

    /// One set of one member.
    pub(super) fn one(number: u32, member: Member) -> Self {
        Self {
            members: BTreeMap::from([(number, vec![member])]),
        }
    }

    /// Takes the sets of another image over these; numbers that it does not use stay as they are.
    pub fn overlay(&mut self, newer: &Self) {
        self.members
            .extend(newer.members.iter().map(|(n, set)| (*n, set.clone())));
    }
}

/// A feed's entries of one kind, as the sweep knows them: feed, tag.
pub(super) type Pair = (usize, u8);

/// Gives sets their numbers while an image is made.
pub(super) struct Numbers<'a> {
    feeds: &'a [&'a str],
    categories: &'a [String],
    before: HashMap<Vec<Member>, u32>,
    taken: Vec<bool>,
    next: u32,
    /// Of this image.
    sets: Sets,
    masks: BTreeMap<u32, u64>,
}

/// More different sets than there are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the feeds overlap in more than {SETS} different ways")]
pub struct TooManySets;

impl<'a> Numbers<'a> {
    pub(super) fn new(feeds: &'a [&'a str], categories: &'a [String], before: &Sets) -> Self {
        let mut taken = vec![false; SETS as usize];
        for (number, _) in before.iter() {
            if let Some(taken) = taken.get_mut(number as usize) {
                *taken = true;
            }
        }
        let before = before.members.iter();
        Self {
            feeds,
            categories,
            before: before.map(|(number, set)| (set.clone(), *number)).collect(),
            taken,
            next: FIRST_FEED_SET,
            sets: Sets::default(),
            masks: BTreeMap::new(),
        }
    }

    /// The number of the set of these, which are in order. Where an allow entry is among them the
    /// others do not matter. Where numbers run out, only the first feed of each category is told.
    pub(super) fn number(&mut self, pairs: &[Pair]) -> Result<u32, TooManySets> {
        if pairs.is_empty() {
            return Ok(0);
        }
        let allowed: Vec<Pair> = pairs.iter().copied().filter(|p| p.1 == ALLOW_TAG).collect();
        let pairs = if allowed.is_empty() { pairs } else { &allowed };
        if let Some(number) = self.find(pairs) {
            return Ok(number);
        }
        let mut seen = 0_u64;
        let firsts: Vec<Pair> = pairs
            .iter()
            .copied()
            .filter(|(_, tag)| {
                let bit = 1 << tag;
                let new = seen & bit == 0;
                seen |= bit;
                new
            })
            .collect();
        self.find(&firsts).ok_or(TooManySets)
    }

    fn find(&mut self, pairs: &[Pair]) -> Option<u32> {
        let members: Vec<Member> = pairs.iter().map(|pair| self.member(*pair)).collect();
        let number = if let Some(number) = self.before.get(&members) {
            *number
        } else {
            let number = self.free()?;
            self.before.insert(members.clone(), number);
            number
        };
        let mask = pairs.iter().fold(0, |mask, (_, tag)| {
            mask | if *tag == ALLOW_TAG { ALLOW } else { 1 << tag }
        });
        self.masks.insert(number, mask);
        self.sets.members.insert(number, members);
        Some(number)
    }

    fn free(&mut self) -> Option<u32> {
        while *self.taken.get(self.next as usize)? {
            self.next += 1;
        }
        self.taken[self.next as usize] = true;
        Some(self.next)
    }

    fn member(&self, (feed, tag): Pair) -> Member {
        let name = |known: Option<&str>| known.unwrap_or_default().to_owned();
        Member {
            feed: name(self.feeds.get(feed).copied()),
            category: name(self.categories.get(usize::from(tag)).map(String::as_str)),
        }
    }

    /// The sets of this image, and the mask of each by its number.
    pub(super) fn finish(self) -> (Sets, Vec<u64>) {
        let last = self.masks.last_key_value().map_or(0, |(number, _)| *number);
        let mut masks = vec![0; last as usize + 1];
        for (number, mask) in self.masks {
            masks[number as usize] = mask;
        }
        (self.sets, masks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEEDS: &[&str] = &["a", "b"];

    fn categories() -> Vec<String> {
        vec!["spam".to_owned(), "bots".to_owned()]
    }

    #[test]
    fn sets_keep_their_numbers_and_allow_wins() {
        let categories = categories();
        let mut numbers = Numbers::new(FEEDS, &categories, &Sets::default());
        assert_eq!(numbers.number(&[]), Ok(0));
        let both = numbers.number(&[(0, 0), (1, 1)]).unwrap();
        let allowed = numbers.number(&[(0, 0), (1, ALLOW_TAG)]).unwrap();
        assert_eq!(numbers.number(&[(1, ALLOW_TAG)]), Ok(allowed));
        let (sets, masks) = numbers.finish();
        assert_eq!((masks[both as usize], masks[allowed as usize]), (3, ALLOW));
        assert_eq!(sets.get(allowed).unwrap().len(), 1);

        let mut numbers = Numbers::new(FEEDS, &categories, &sets);
        let new = numbers.number(&[(0, 1)]).unwrap();
        assert!(
            new != both && new != allowed,
            "numbers in force are not given away"
        );
        assert_eq!(numbers.number(&[(0, 0), (1, 1)]), Ok(both));
        let (sets, _) = numbers.finish();
        assert_eq!(sets.iter().count(), 2, "only what this image uses");
    }

    #[test]
    fn without_numbers_left_the_category_is_still_right() {
        let feeds: Vec<String> = (0..20).map(|n| format!("f{n}")).collect();
        let feeds: Vec<&str> = feeds.iter().map(String::as_str).collect();
        let categories = categories();
        let mut numbers = Numbers::new(&feeds, &categories, &Sets::default());
        for tag in 0..2 {
            assert!(numbers.number(&[(0, tag)]).is_ok());
        }
        for bits in 1_u32..1 << 14 {
            let pairs: Vec<Pair> = (0..14)
                .filter(|feed| bits >> feed & 1 == 1)
                .map(|feed| (feed, 0))
                .collect();
            let Ok(number) = numbers.number(&pairs) else {
                continue;
            };
            assert_eq!(numbers.masks[&number], 1);
        }
        assert_eq!(numbers.next, SETS);
    }
}
