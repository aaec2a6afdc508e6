//! Chance for jitter. Not for secrets.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A number that differs from call to call and from process to process.
pub(crate) fn draw() -> u64 {
    // Each RandomState has its own keys, so the hash of nothing is already chance.
    RandomState::new().hash_one(())
}

/// The part of `whole` that `chance` picks: 0 gives none, `u64::MAX` all but a nanosecond.
pub(crate) fn share(whole: Duration, chance: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(chance)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_spans_the_whole() {
        let whole = Duration::from_secs(30);
        assert_eq!(share(whole, 0), Duration::ZERO);
        assert_eq!(share(whole, 1 << 63), whole / 2);
        assert_eq!(
            share(whole, u64::MAX),
            whole.checked_sub(Duration::from_nanos(1)).unwrap()
        );
        assert_eq!(share(Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn draws_differ() {
        assert_ne!(draw(), draw());
    }
}
