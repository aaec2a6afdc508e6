//! Exponential back-off with jitter, chance as an argument.

use std::time::Duration;

use crate::chance;

/// Waits that double with each failure.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits of at most `first` at first, and never more than `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first: first.min(most),
            most,
            failures: 0,
        }
    }

    /// The wait after one more failure: half of it fixed, so that retries stay rare, half by
    /// chance, so that many clients of one collector do not return at once.
    pub(super) fn next(&mut self, chance: u64) -> Duration {
        let ceiling = 2_u32
            .checked_pow(self.failures)
            .and_then(|factor| self.first.checked_mul(factor))
            .map_or(self.most, |wait| wait.min(self.most));
        self.failures = self.failures.saturating_add(1);
        let half = ceiling / 2;
        half + chance::share(half, chance)
    }

    /// Forgets the failures.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_millis(200);
    const MOST: Duration = Duration::from_secs(30);

    #[test]
    fn doubles_up_to_the_bound_and_starts_afresh() {
        let mut backoff = Backoff::new(FIRST, MOST);
        let waits: Vec<_> = (0..10).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(
            waits,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000
            ]
        );
        backoff.reset();
        assert_eq!(backoff.next(0).as_millis(), 100);
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(chances in prop::collection::vec(any::<u64>(), 1..200)) {
            let mut backoff = Backoff::new(FIRST, MOST);
            for chance in chances {
                let wait = backoff.next(chance);
                prop_assert!(wait >= FIRST / 2 && wait <= MOST);
            }
        }
    }
}
