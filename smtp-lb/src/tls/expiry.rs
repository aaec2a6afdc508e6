//! When to warn of a certificate's end.

use std::time::{Duration, SystemTime};

/// Days ahead at which is warned; 0: it is over.
const AHEAD: [u64; 4] = [0, 1, 7, 30];
const DAY: u64 = 24 * 60 * 60;

/// The narrowest of [`AHEAD`] that `now` is within. `None`: the end is far.
pub(super) fn stage(end: SystemTime, now: SystemTime) -> Option<u64> {
    let left = end.duration_since(now).unwrap_or_default();
    let within = |days: &u64| left <= Duration::from_secs(days * DAY);
    AHEAD.into_iter().find(within)
}

/// Whole days until `end`, rounded down: negative from the first second after it.
pub(super) fn days_left(end: SystemTime, now: SystemTime) -> i64 {
    let days = |distance: Duration| i64::try_from(distance.as_secs() / DAY).unwrap_or(i64::MAX);
    match end.duration_since(now) {
        Ok(left) => days(left),
        Err(over) => -1 - days(over.duration()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn stages_begin_to_the_second() {
        let table = [
            // Seconds until the end, stage, whole days.
            (400 * DAY, None, 400),
            (30 * DAY + 1, None, 30),
            (30 * DAY, Some(30), 30),
            (30 * DAY - 1, Some(30), 29),
            (7 * DAY + 1, Some(30), 7),
            (7 * DAY, Some(7), 7),
            (DAY + 1, Some(7), 1),
            (DAY, Some(1), 1),
            (1, Some(1), 0),
            (0, Some(0), 0),
        ];
        let now = UNIX_EPOCH + Duration::from_hours(500_000);
        for (left, stage_then, days) in table {
            let end = now + Duration::from_secs(left);
            assert_eq!(stage(end, now), stage_then, "{left}");
            assert_eq!(days_left(end, now), days, "{left}");
        }
        let past = now - Duration::from_secs(1);
        assert_eq!((stage(past, now), days_left(past, now)), (Some(0), -1));
        let past = now - Duration::from_secs(DAY);
        assert_eq!((stage(past, now), days_left(past, now)), (Some(0), -2));
    }
}
