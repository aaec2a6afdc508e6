//! A part of what is in memory. Pure: time is an argument.

use std::collections::HashMap;

use super::{Count, Entry, Key};

/// Entries that are looked at to find one that gives way.
const LOOK: usize = 32;

/// Entries.
#[derive(Debug, Default)]
pub(super) struct Shard {
    entries: HashMap<Key, Entry>,
    evicted: u64,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn get(&self, key: &Key, now: u64) -> Option<Entry> {
        let entry = self.entries.get(key).copied();
        entry.filter(|entry| entry.expires > now)
    }

    /// What gave way for it, if it is new and there is no room for more. Who never passed expires sooner than who did, and gives way first.
    pub(super) fn put(&mut self, key: Key, entry: Entry, full: bool) -> Option<Key> {
        let mut gone = None;
        if full && !self.entries.contains_key(&key) {
            let some = self.entries.iter().take(LOOK);
            gone = some
                .min_by_key(|(_, entry)| entry.expires)
                .map(|(key, _)| key.clone());
        }
        if let Some(gone) = &gone {
            self.entries.remove(gone);
            self.evicted += 1;
        }
        self.entries.insert(key, entry);
        gone
    }

    pub(super) fn remove(&mut self, key: &Key) -> bool {
        self.entries.remove(key).is_some()
    }

    pub(super) fn list(&self, begins: &str, now: u64) -> impl Iterator<Item = (Key, Entry)> {
        let entries = self.entries.iter();
        entries
            .filter(move |(key, entry)| entry.expires > now && key.as_str().starts_with(begins))
            .map(|(key, entry)| (key.clone(), *entry))
    }

    /// Takes out what has expired.
    pub(super) fn sweep(&mut self, now: u64) -> Vec<Key> {
        let gone = self.entries.extract_if(|_, entry| entry.expires <= now);
        gone.map(|(key, _)| key).collect()
    }
}

/// Counts, up to a bound.
#[derive(Debug)]
pub(super) struct Counts {
    windows: HashMap<Key, Windows>,
    most: usize,
    evicted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Windows {
    /// When the later one began.
    begin: u64,
    window: u64,
    count: Count,
}

impl Counts {
    pub(super) fn new(most: usize) -> Self {
        Self {
            windows: HashMap::new(),
            most,
            evicted: 0,
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn add(&mut self, key: &Key, amount: u32, window: u32, now: u64) -> Count {
        let window = u64::from(window.max(1));
        let begin = now - now % window;
        let new = Windows {
            begin,
            window,
            count: Count::default(),
        };
        if self.windows.len() >= self.most && !self.windows.contains_key(key) {
            let some = self.windows.iter().take(LOOK);
            let gone = some
                .min_by_key(|(_, it)| it.begin + it.window)
                .map(|(key, _)| key.clone());
            if let Some(gone) = gone {
                self.windows.remove(&gone);
                self.evicted += 1;
            }
        }
        let counted = self.windows.entry(key.clone()).or_insert(new);
        if counted.window != window {
            *counted = new;
        }
        if begin > counted.begin {
            let next = begin == counted.begin + window;
            counted.count.before = if next { counted.count.within } else { 0 };
            counted.count.within = 0;
            counted.begin = begin;
        }
        counted.count.within = counted.count.within.saturating_add(amount.into());
        counted.count
    }

    /// Takes out what says nothing any more.
    pub(super) fn sweep(&mut self, now: u64) {
        self.windows.retain(|_, it| it.begin + 2 * it.window > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(expires: u64) -> Entry {
        Entry {
            first: 0,
            last: 0,
            expires,
            passes: 0,
        }
    }

    #[test]
    fn what_is_full_gives_up_what_expires_first() {
        let mut shard = Shard::default();
        for (key, expires) in [("a", 30), ("b", 10), ("c", 20)] {
            assert_eq!(shard.put(Key::new(key), entry(expires), false), None);
        }
        assert_eq!(shard.put(Key::new("a"), entry(40), true), None);
        assert_eq!(
            shard.put(Key::new("d"), entry(50), true),
            Some(Key::new("b"))
        );
        assert_eq!((shard.len(), shard.evicted()), (3, 1));
    }

    #[test]
    fn what_has_expired_is_not_there_and_is_swept_away() {
        let mut shard = Shard::default();
        shard.put(Key::new("a"), entry(10), false);
        shard.put(Key::new("b"), entry(11), false);
        assert_eq!(shard.get(&Key::new("a"), 10), None);
        assert_eq!(shard.list("", 10).count(), 1);
        assert_eq!(shard.sweep(10), [Key::new("a")]);
        assert_eq!(shard.len(), 1);
    }

    #[test]
    fn counts_are_bounded_and_swept() {
        let mut counts = Counts::new(2);
        for (at, key) in (0..).zip(["a", "b", "c"]) {
            counts.add(&Key::new(key), 1, 60, at * 60);
        }
        assert_eq!((counts.windows.len(), counts.evicted()), (2, 1));
        assert_eq!(
            counts.add(&Key::new("b"), 1, 60, 125),
            Count {
                before: 1,
                within: 1
            }
        );
        counts.sweep(300);
        assert!(counts.windows.is_empty());
    }
}
