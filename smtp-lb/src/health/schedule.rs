//! When probes start; chance as an argument.

use std::time::Duration;

use crate::chance::share;

/// First probes are spread over so long, so that a start is no burst.
const SPREAD: Duration = Duration::from_secs(1);

/// Wait before the first probe: less than a second, and less than the interval.
pub(super) fn first(interval: Duration, chance: u64) -> Duration {
    share(interval.min(SPREAD), chance)
}

/// From the start of one probe to that of the next: the interval, by up to `jitter` more or less,
/// so that monitors that fell into step fall out of it.
pub(super) fn next(interval: Duration, jitter: Duration, chance: u64) -> Duration {
    let least = interval.saturating_sub(jitter);
    least.saturating_add(share(jitter.saturating_mul(2), chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn within_bounds(millis in 1..10_000_000_u64, part in 2..100_u32, chance: u64) {
            let interval = Duration::from_millis(millis);
            let jitter = interval / part;
            prop_assert!(first(interval, chance) < interval.min(SPREAD));
            let wait = next(interval, jitter, chance);
            prop_assert!(interval.abs_diff(wait) <= jitter, "{wait:?}");
            prop_assert_eq!(next(interval, Duration::ZERO, chance), interval);
        }
    }
}
