//! Token bucket in one word: the generic cell rate algorithm (ITU-T I.371).
//!
//! The state is the theoretical arrival time of the next event. One word can be changed by one
//! compare-and-swap, so all CPUs share a bucket without a lock.

/// Rate of one rule's events, as stored in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds that one event costs.
    pub interval: u64,
    /// Nanoseconds that may be spent ahead: `interval × (burst - 1)`.
    pub tolerance: u64,
}

impl Rate {
    /// `per_second` events a second (1 to 1,000,000,000), `burst` of them (at least 1) at once.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        let interval = 1_000_000_000 / per_second as u64;
        let ahead = if burst == 0 { 0 } else { burst as u64 - 1 };
        Self {
            interval,
            tolerance: interval * ahead,
        }
    }

    /// May an event pass at `now`? Then the new state, to be stored in place of `state`.
    #[must_use]
    #[inline(always)]
    pub const fn admit(self, state: u64, now: u64) -> Option<u64> {
        let due = if state > now { state } else { now };
        if due - now > self.tolerance {
            return None;
        }
        Some(due + self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use proptest::prelude::*;

    fn run(rate: Rate, times: impl IntoIterator<Item = u64>) -> u64 {
        let mut state = 0;
        let mut passed = 0;
        for now in times {
            if let Some(next) = rate.admit(state, now) {
                state = next;
                passed += 1;
            }
        }
        passed
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::new(10, 5);
        assert_eq!(run(rate, (0..100).map(|_| 1_000)), 5);
        let second = (0..1_000).map(|ms| 1_000 + ms * 1_000_000);
        assert_eq!(run(rate, second), 5 + 9);
    }

    #[test]
    fn a_quiet_hour_gives_no_more_than_the_burst() {
        let rate = Rate::new(10, 5);
        let hour = 3_600_000_000_000;
        assert_eq!(run(rate, [1, hour, hour, hour, hour, hour, hour]), 6);
    }

    proptest! {
        #[test]
        fn never_more_than_rate_and_burst(
            per_second in 1u32..100_000, burst in 1u32..1_000,
            mut times in proptest::collection::vec(0u64..10_000_000_000, 1..500),
        ) {
            times.sort_unstable();
            let span = times[times.len() - 1] - times[0];
            let rate = Rate::new(per_second, burst);
            let most = u64::from(burst) + span / rate.interval + 1;
            prop_assert!(run(rate, times) <= most);
        }
    }
}
