//! Violations: counted, told, and the newest of each profile kept.

mod counts;
mod filter;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Violation;
use crate::chance;
use crate::event::Bus;
use crate::store::{Store, StoreError};

pub use counts::{Counted, OfCheck, OfDomain, Stats};
pub use filter::Filter;

use counts::Counts;

/// Violations of a profile that are kept, if nothing else is said.
pub const KEPT: usize = 500;
/// Violations that wait for the shared store.
const OUTGOING: usize = 1024;
/// Octets of one that another host has written.
const LONGEST: usize = 8192;
/// Profiles of which any are kept.
const PROFILES: usize = 1000;

/// A violation that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// By which it is asked for: 16 hexadecimal digits.
    pub id: String,
    /// The host that found it.
    pub host: Arc<str>,
    /// What it found.
    #[serde(flatten)]
    pub violation: Violation,
}

/// One that waits for the shared store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// List of the store.
    pub list: String,
    /// What to put there.
    pub item: Vec<u8>,
    /// How many that list keeps.
    pub keep: usize,
}

/// Where violations go. Shared by all sessions.
#[derive(Debug)]
pub struct Recorder {
    bus: Bus,
    host: Arc<str>,
    /// Whether there is a store that other hosts read.
    shares: AtomicBool,
    kept: Mutex<HashMap<Arc<str>, Ring>>,
    counts: Mutex<Counts>,
    outgoing: Mutex<VecDeque<Outgoing>>,
    unshared: AtomicU64,
}

#[derive(Debug)]
struct Ring {
    most: usize,
    /// The newest first.
    kept: VecDeque<Arc<Kept>>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            most: KEPT,
            kept: VecDeque::new(),
        }
    }
}

impl Recorder {
    /// Tells `bus`; `host` is this one's name.
    #[must_use]
    pub fn new(bus: Bus, host: &str) -> Self {
        Self {
            bus,
            host: host.into(),
            shares: AtomicBool::new(false),
            kept: Mutex::default(),
            counts: Mutex::default(),
            outgoing: Mutex::default(),
            unshared: AtomicU64::new(0),
        }
    }

    /// One that tells nobody.
    #[must_use]
    pub fn null() -> Self {
        Self::new(Bus::null(), "")
    }

    /// Says of how many profiles how many are kept, and whether other hosts are to see them. Those of
    /// profiles that are not named are forgotten; counters stay.
    pub fn configure<'a>(
        &self,
        profiles: impl IntoIterator<Item = (&'a str, usize)>,
        shares: bool,
    ) {
        self.shares.store(shares, Ordering::Relaxed);
        let mut kept = lock(&self.kept);
        let mut before = std::mem::take(&mut *kept);
        for (name, most) in profiles {
            let mut ring = before.remove(name).unwrap_or_default();
            ring.most = most;
            ring.kept.truncate(most);
            kept.insert(name.into(), ring);
        }
    }

    /// Counts a violation; with alarm it is told and kept, too. Never waits: what the bus or the shared
    /// store has no room for is lost to them, and counted.
    pub fn record(&self, violation: Violation) {
        let violation = self.count(violation);
        self.tell(violation);
    }

    /// Counts a violation that is to be told later; with no text longer than it may be.
    #[must_use]
    pub(super) fn count(&self, violation: Violation) -> Violation {
        let violation = violation.bounded();
        lock(&self.counts).count(&violation);
        violation
    }

    /// Tells a violation that was counted, and keeps it, if it is to be.
    pub(super) fn tell(&self, violation: Violation) {
        if !violation.reaction.alarm {
            return;
        }
        let violation = violation.bounded();
        self.bus.emit(violation.to_event());
        let kept = Arc::new(Kept {
            id: format!("{:016x}", chance::draw()),
            host: Arc::clone(&self.host),
            violation,
        });
        let Some(keep) = self.keep(&kept) else {
            return;
        };
        if self.shares.load(Ordering::Relaxed) {
            self.share(&kept, keep);
        }
    }

    /// How many of its profile are kept; `None`: there are too many profiles.
    fn keep(&self, it: &Arc<Kept>) -> Option<usize> {
        let mut kept = lock(&self.kept);
        let profile = &it.violation.profile;
        if !kept.contains_key(profile) && kept.len() >= PROFILES {
            return None;
        }
        let ring = kept.entry(Arc::clone(profile)).or_default();
        ring.kept.push_front(Arc::clone(it));
        ring.kept.truncate(ring.most);
        Some(ring.most)
    }

    fn share(&self, kept: &Kept, keep: usize) {
        // It is all text and numbers, which cannot fail.
        let item = serde_json::to_vec(kept).unwrap_or_default();
        let mut outgoing = lock(&self.outgoing);
        if outgoing.len() >= OUTGOING {
            self.unshared.fetch_add(1, Ordering::Relaxed);
            return;
        }
        outgoing.push_back(Outgoing {
            list: list(&kept.violation.profile),
            item,
            keep,
        });
    }

    /// What is to be put into the shared store, the oldest first, at most `most`. Whoever takes it does
    /// so, or tells of it by [`Recorder::could_not_share`].
    #[must_use]
    pub fn take_outgoing(&self, most: usize) -> Vec<Outgoing> {
        let mut outgoing = lock(&self.outgoing);
        let most = most.min(outgoing.len());
        outgoing.drain(..most).collect()
    }

    /// Counts violations that other hosts will not see.
    pub fn could_not_share(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.unshared.fetch_add(count, Ordering::Relaxed);
    }

    /// Of this host, the newest first, at most `most`.
    #[must_use]
    pub fn own(&self, filter: &Filter, most: usize) -> Vec<Arc<Kept>> {
        let kept = lock(&self.kept);
        let all = kept.values().flat_map(|ring| &ring.kept);
        let mut found: Vec<Arc<Kept>> = all.filter(|it| filter.admits(it)).cloned().collect();
        drop(kept);
        newest(&mut found, most);
        found
    }

    /// Of all hosts that share `store`, the newest first, at most `most`; this one's are there whether
    /// it had time to share them or not.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn of_all(
        &self,
        store: &impl Store,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<Arc<Kept>>, StoreError> {
        let profiles: Vec<(Arc<str>, usize)> = {
            let kept = lock(&self.kept);
            let rings = kept.iter();
            rings
                .map(|(name, ring)| (Arc::clone(name), ring.most))
                .collect()
        };
        let mut found = self.own(filter, usize::MAX);
        let mut ids: HashSet<String> = found.iter().map(|it| it.id.clone()).collect();
        for (profile, keep) in profiles {
            if !filter.wants_profile(&profile) {
                continue;
            }
            for item in store.newest(&list(&profile), keep).await? {
                if let Some(kept) = read(&item)
                    && filter.admits(&kept)
                    && ids.insert(kept.id.clone())
                {
                    found.push(Arc::new(kept));
                }
            }
        }
        newest(&mut found, most);
        Ok(found)
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = lock(&self.counts).stats();
        stats.unshared = self.unshared.load(Ordering::Relaxed);
        stats
    }
}

/// The list of a profile in the store.
fn list(profile: &str) -> String {
    format!("violations:{profile}")
}

/// What a host has put there. `None`: nothing that we can read.
fn read(item: &[u8]) -> Option<Kept> {
    let item = item.get(..item.len().min(LONGEST + 1))?;
    let kept: Kept = serde_json::from_slice(item).ok()?;
    Some(Kept {
        violation: kept.violation.bounded(),
        ..kept
    })
}

fn newest(found: &mut Vec<Arc<Kept>>, most: usize) {
    // Ids make the order the same for those of one moment.
    found.sort_unstable_by(|a, b| {
        let of = |it: &Kept| (it.violation.time_ns, it.id.clone());
        of(b).cmp(&of(a))
    });
    found.truncate(most);
}

/// What a panic left is whole: nothing is changed in steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
