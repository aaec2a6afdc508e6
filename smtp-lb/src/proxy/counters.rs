//! What a virtual server counts. Counters survive reloads as long as its name stays.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::peer::HeaderCounters;

/// One total that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    active: AtomicUsize,
    pub(super) sessions: Counter,
    pub(super) refused_by_limit: Counter,
    pub(super) refused_by_filter: Counter,
    pub(super) headers: HeaderCounters,
    pub(super) no_member: Counter,
    pub(super) connect_failures: Counter,
    pub(super) snat_exhausted: Counter,
    pub(super) handshake_failures: Counter,
    pub(super) member_handshake_failures: Counter,
    pub(super) accept_errors: Counter,
    pub(super) timeouts: Counter,
    pub(super) resets: Counter,
    pub(super) cut: Counter,
    pub(super) panics: Counter,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
}

impl Counters {
    /// Sessions now.
    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Counts a session in if there are fewer than `limit`.
    pub(super) fn enter(&self, limit: usize) -> bool {
        let admitted = self.active.fetch_add(1, Ordering::Relaxed) < limit;
        if !admitted {
            self.leave();
        }
        admitted
    }

    pub(super) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_reached_and_not_passed() {
        let counters = Counters::default();
        assert!(counters.enter(2));
        assert!(counters.enter(2));
        assert!(!counters.enter(2));
        assert_eq!(counters.active(), 2);
        counters.leave();
        assert!(counters.enter(2));
        assert!(!counters.enter(0));
    }
}
