//! Bounds on connections, at once and in a second.

use std::time::Duration;

use smtp_lb_common::bucket::Rate;

use crate::config::plan::ConnectionLimits;

/// Bounds of a member or a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    connections: usize,
    rate: Option<Rate>,
    /// `rate` as planned.
    per_second: Option<u32>,
}

/// Whether there is room for a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Free {
    Now,
    /// The rate will allow it after so long.
    In(Duration),
    /// When another connection ends.
    Never,
}

impl Free {
    /// Where there must be room by both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::In(one), Self::In(other)) => Self::In(one.max(other)),
            (Self::In(after), Self::Now) | (Self::Now, Self::In(after)) => Self::In(after),
            (Self::Now, Self::Now) => Self::Now,
        }
    }
}

impl Limit {
    pub(super) const NONE: Self = Self {
        connections: usize::MAX,
        rate: None,
        per_second: None,
    };

    /// As planned.
    pub(super) fn connections(self) -> Option<usize> {
        (self.connections < usize::MAX).then_some(self.connections)
    }

    /// As planned.
    pub(super) fn per_second(self) -> Option<u32> {
        self.per_second
    }

    pub(super) fn new(plan: ConnectionLimits) -> Self {
        Self {
            connections: plan.connections.unwrap_or(usize::MAX),
            rate: plan.rate.map(|rate| Rate::new(rate, rate)),
            per_second: plan.rate,
        }
    }

    /// Whether there is room beside so many connections, by the state of a bucket at `now`
    /// nanoseconds.
    pub(super) fn free(self, connections: usize, bucket: u64, now: u64) -> Free {
        if connections >= self.connections {
            return Free::Never;
        }
        match self.rate {
            Some(rate) if rate.admit(bucket, now).is_none() => {
                let ahead = bucket.saturating_sub(now);
                Free::In(Duration::from_nanos(ahead.saturating_sub(rate.tolerance)))
            }
            _ => Free::Now,
        }
    }

    /// Whether, of so many connections, idle ones may be kept: at least half of the bound is left to
    /// who has use for it.
    pub(super) fn is_roomy(self, connections: usize) -> bool {
        connections <= self.connections / 2
    }

    /// The state of a bucket after one more connection at `now` nanoseconds.
    pub(super) fn taken(self, bucket: u64, now: u64) -> u64 {
        let next = self.rate.and_then(|rate| rate.admit(bucket, now));
        next.unwrap_or(bucket)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(connections: Option<usize>, rate: Option<u32>) -> Limit {
        Limit::new(ConnectionLimits { connections, rate })
    }

    #[test]
    fn connections_at_once() {
        assert_eq!(limit(Some(2), None).free(1, 0, 0), Free::Now);
        assert_eq!(limit(Some(2), None).free(2, 0, 0), Free::Never);
        assert_eq!(limit(None, None).free(1 << 40, 0, 0), Free::Now);
        assert!(limit(None, None).is_roomy(1 << 40));
        assert!(limit(Some(4), None).is_roomy(2) && !limit(Some(4), None).is_roomy(3));
        assert!(!limit(Some(1), None).is_roomy(1));
    }

    proptest! {
        /// What a bucket says of its next time is true, and no time before would do.
        #[test]
        fn a_rate_says_when(rate in 1u32..2000, times in prop::collection::vec(0u64..2_000_000, 1..200)) {
            let limit = limit(None, Some(rate));
            let (mut bucket, mut now) = (0, 1_000_000_000_000);
            for step in times {
                now += step;
                match limit.free(0, bucket, now) {
                    Free::Now => bucket = limit.taken(bucket, now),
                    Free::In(after) => {
                        let after = u64::try_from(after.as_nanos()).unwrap();
                        prop_assert!(after > 0);
                        prop_assert_eq!(limit.free(0, bucket, now + after), Free::Now);
                        prop_assert_ne!(limit.free(0, bucket, now + after - 1), Free::Now);
                    }
                    Free::Never => prop_assert!(false),
                }
            }
        }

        /// Never more than a second's worth at once and the rate after it.
        #[test]
        fn a_rate_holds(rate in 1u32..500, times in prop::collection::vec(0u64..20_000_000, 1..2000)) {
            let limit = limit(None, Some(rate));
            let begin = 1_000_000_000_000;
            let (mut bucket, mut now, mut passed) = (0, begin, 0);
            for step in times {
                now += step;
                if limit.free(0, bucket, now) == Free::Now {
                    bucket = limit.taken(bucket, now);
                    passed += 1;
                }
                // A second's worth may be spent at once; the interval is rounded down.
                let earned = u64::from(rate) + (now - begin) / (1_000_000_000 / u64::from(rate));
                prop_assert!(passed <= earned + 1, "{passed} of {earned}");
            }
        }
    }
}
