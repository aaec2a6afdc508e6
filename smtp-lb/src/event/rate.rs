//! How many a second, over the last ten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Seconds that are looked back.
const SECONDS: usize = 10;

/// Counts of a counter, one a second.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<VecDeque<u64>>);

impl Rate {
    /// What the counter stands at, told once a second.
    pub(super) fn note(&self, counter: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > SECONDS {
            kept.pop_front();
        }
        kept.push_back(counter);
    }

    pub(super) fn read(&self) -> u64 {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (kept.front(), kept.back()) else {
            return 0;
        };
        let seconds = (kept.len() - 1).max(1) as u64;
        last.saturating_sub(*first) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_last_ten_seconds() {
        let rate = Rate::default();
        assert_eq!(rate.read(), 0);
        for second in 0..30_u64 {
            rate.note(second.min(25) * 100);
        }
        assert_eq!(rate.read(), 60, "six of ten seconds at 100");
    }
}
