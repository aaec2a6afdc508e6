//! When a name is asked again. Pure.

use std::time::Duration;

/// An answer holds for so long at least, whatever its TTL.
pub const LEAST: Duration = Duration::from_secs(5);
/// And at most.
pub const LONGEST: Duration = Duration::from_hours(1);
/// What `/etc/hosts` says has no TTL.
pub(super) const FILE: Duration = Duration::from_secs(30);
/// Longest pause after failures in a row.
const MOST_PATIENT: Duration = Duration::from_mins(5);

/// How long an answer holds.
pub(super) fn holds(ttl: Duration) -> Duration {
    ttl.clamp(LEAST, LONGEST)
}

/// The pause after so many failures in a row, at least one.
pub(super) fn back_off(failures: u32) -> Duration {
    let doubled = 1 << failures.saturating_sub(1).min(16);
    LEAST.saturating_mul(doubled).min(MOST_PATIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_hold_within_bounds_and_failures_are_asked_again_ever_later() {
        for (ttl, held) in [
            (0, 5),
            (4, 5),
            (5, 5),
            (60, 60),
            (3600, 3600),
            (604_800, 3600),
        ] {
            assert_eq!(holds(Duration::from_secs(ttl)), Duration::from_secs(held));
        }
        let pauses = [1, 2, 3, 4, 7, 8, u32::MAX].map(|failures| back_off(failures).as_secs());
        assert_eq!(pauses, [5, 10, 20, 40, 300, 300, 300]);
    }
}
