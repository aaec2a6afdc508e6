//! When probes start; chance as an argument.

use std::time::Duration;

use crate::chance::share;

/// First probes are spread over so long, so that a start is no burst.
const SPREAD: Duration = Duration::from_secs(1);

/// Wait before the first probe: less than a second, and less than the interval.
pub(super) fn first(interval: Duration, chance: u64) -> Duration {
    share(interval.min(SPREAD), chance)
}

/// From the start of one probe to that of the next: the interval, a twentieth more or less, so
/// that monitors that fell into step fall out of it.
pub(super) fn next(interval: Duration, chance: u64) -> Duration {
    let least = interval.saturating_sub(interval / 20);
    least.saturating_add(share(interval / 10, chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn within_bounds(millis in 1..10_000_000_u64, chance: u64) {
            let interval = Duration::from_millis(millis);
            prop_assert!(first(interval, chance) < interval.min(SPREAD));
            let wait = next(interval, chance).as_secs_f64() / interval.as_secs_f64();
            prop_assert!((0.949..=1.051).contains(&wait), "{}", wait);
        }
    }
}
