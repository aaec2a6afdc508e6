//! The ports of one address of ours towards one member: who has which, and how many are left.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// First port that is given out; those below are for services.
pub(in crate::proxy) const FIRST: u16 = 1024;
/// Ports from there to the last one.
pub(in crate::proxy) const CAPACITY: usize = 65_536 - FIRST as usize;
const WORDS: usize = CAPACITY / 64;
/// Of a hundred: from where on an operator is told, and how far below it is forgotten.
const MARKS: [usize; 3] = [80, 95, 100];
const SLACK: usize = 5;

/// Shared by all workers; taking and giving back is a few atomic operations.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// One bit a port, set while it is in use. Made with the first one: a plan has many pairs that nobody
    /// comes to use.
    taken: OnceLock<Box<[AtomicU64]>>,
    used: AtomicUsize,
    /// Where the next search begins. It goes round, so that a port rests as long as it can: its last
    /// connection may linger in the kernel.
    next: AtomicUsize,
    /// Marks that were told of.
    told: AtomicU8,
    exhausted: AtomicU64,
}

impl Ports {
    /// A port that nobody has; none if all are in use, which is counted.
    pub(super) fn take(&self) -> Option<u16> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % CAPACITY;
        let first = start / 64;
        let taken = self
            .taken
            .get_or_init(|| (0..WORDS).map(|_| AtomicU64::new(0)).collect());
        for step in 0..=WORDS {
            let index = (first + step) % WORDS;
            let Some(word) = taken.get(index) else {
                break;
            };
            // Of the word that it begins in, the ports from there on; at the end those before.
            let beyond = u64::MAX << (start % 64);
            let wanted = match step {
                0 => beyond,
                WORDS => !beyond,
                _ => u64::MAX,
            };
            let mut seen = word.load(Ordering::Relaxed);
            while !seen & wanted != 0 {
                let bit = (!seen & wanted).trailing_zeros();
                let set = seen | 1 << bit;
                match word.compare_exchange_weak(seen, set, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        self.used.fetch_add(1, Ordering::Relaxed);
                        return u16::try_from(index * 64 + bit as usize)
                            .ok()
                            .and_then(|offset| offset.checked_add(FIRST));
                    }
                    Err(now) => seen = now,
                }
            }
        }
        self.exhausted.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Searches from another place on: who has one port has those behind it, too, as another daemon does,
    /// or connections of a former one that linger.
    pub(super) fn leave(&self, place: u64) {
        let place = usize::try_from(place % CAPACITY as u64).unwrap_or_default();
        self.next.store(place, Ordering::Relaxed);
    }

    /// Gives back a port that was taken.
    pub(super) fn give(&self, port: u16) {
        let offset = usize::from(port.saturating_sub(FIRST));
        if let Some(word) = self.taken.get().and_then(|taken| taken.get(offset / 64)) {
            let bit = 1 << (offset % 64);
            if word.fetch_and(!bit, Ordering::Relaxed) & bit != 0 {
                self.used.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Times that all were in use.
    pub(super) fn exhausted(&self) -> u64 {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// The greatest mark that was passed since the last call, in percent.
    pub(super) fn news(&self) -> Option<usize> {
        let before = self.told.load(Ordering::Relaxed);
        let now = passed(self.used(), before);
        if now == before {
            return None;
        }
        let changed = self
            .told
            .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed);
        if changed.is_err() || now < before {
            return None;
        }
        MARKS.get(usize::from(now).checked_sub(1)?).copied()
    }
}

/// How many marks are passed, if so many were.
fn passed(used: usize, before: u8) -> u8 {
    let mut passed = 0;
    for (mark, number) in MARKS.into_iter().zip(1..) {
        let slack = if number <= before { SLACK } else { 0 };
        if used * 100 >= (mark - slack) * CAPACITY {
            passed = number;
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_port_is_given_once_and_then_none() {
        let ports = Ports::default();
        for _ in 0..100 {
            let port = ports.take().unwrap();
            ports.give(port);
        }
        let all: HashSet<u16> = (0..CAPACITY).map(|_| ports.take().unwrap()).collect();
        assert_eq!(all.len(), 64_512);
        assert_eq!(all.iter().min(), Some(&1024));
        assert_eq!(all.iter().max(), Some(&65_535));
        assert_eq!((ports.take(), ports.exhausted()), (None, 1));
        ports.give(4711);
        assert_eq!(ports.take(), Some(4711));
        assert_eq!((ports.take(), ports.exhausted()), (None, 2));
    }

    #[test]
    fn a_port_rests_while_others_are_free() {
        let ports = Ports::default();
        let first = ports.take().unwrap();
        ports.give(first);
        let seen: HashSet<u16> = (0..CAPACITY - 1)
            .map(|_| {
                let port = ports.take().unwrap();
                ports.give(port);
                port
            })
            .collect();
        assert!(!seen.contains(&first));
        assert_eq!(seen.len(), CAPACITY - 1);
    }

    #[test]
    fn marks_are_told_once_and_again_after_a_while() {
        let ports = Ports::default();
        let mut told = Vec::new();
        let mut held = Vec::new();
        for _ in 0..CAPACITY {
            held.extend(ports.take());
            told.extend(ports.news().map(|mark| (mark, held.len())));
        }
        assert_eq!(told, [(80, 51_610), (95, 61_287), (100, 64_512)]);
        // It goes up and down around a mark.
        for _ in 0..10 {
            let port = held.pop().unwrap();
            ports.give(port);
            assert_eq!(ports.news(), None);
            held.extend(ports.take());
            assert_eq!(ports.news(), None);
        }
        held.drain(..).for_each(|port| ports.give(port));
        assert_eq!((ports.news(), ports.used()), (None, 0));
        held.extend((0..52_000).filter_map(|_| ports.take()));
        assert_eq!(ports.news(), Some(80));
    }

    #[test]
    fn threads_never_share_a_port() {
        let ports = Ports::default();
        let taken: Vec<Vec<u16>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..10_000).filter_map(|_| ports.take()).collect()))
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let all: HashSet<u16> = taken.into_iter().flatten().collect();
        assert_eq!((all.len(), ports.used()), (40_000, 40_000));
    }

    proptest! {
        #[test]
        fn what_is_used_is_what_is_held(steps in prop::collection::vec(any::<bool>(), 0..500)) {
            let ports = Ports::default();
            let mut held: Vec<u16> = Vec::new();
            for take in steps {
                if take {
                    let port = ports.take().unwrap();
                    prop_assert!(!held.contains(&port));
                    held.push(port);
                } else if let Some(port) = held.pop() {
                    ports.give(port);
                    // Giving back twice changes nothing.
                    ports.give(port);
                }
                prop_assert_eq!(ports.used(), held.len());
            }
        }
    }
}
