//! Rates: how many in a while, over a window that slides.

use crate::store::{Count, Key, Store, StoreError};

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many in a window.
    pub limit: u64,
    /// Seconds, at least 1.
    pub window: u32,
}

/// What is kept apart by its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// Messages from a domain.
    Sender(&'a str),
    /// Messages to a domain.
    Recipient(&'a str),
}

impl Of<'_> {
    fn key(self) -> Key {
        match self {
            Self::Sender(domain) => Key::new(&format!("rs:{}", domain.to_lowercase())),
            Self::Recipient(domain) => Key::new(&format!("rr:{}", domain.to_lowercase())),
        }
    }
}

impl Rate {
    /// How many there were in the window that ends at `now`: those of this fixed window, and of the
    /// one before as many as would fall into it, had they come evenly. Rounded down.
    #[must_use]
    pub fn within(&self, count: Count, now: u64) -> u64 {
        let window = u64::from(self.window.max(1));
        let left = u128::from(window - now % window);
        let before = u128::from(count.before) * left / u128::from(window);
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        count.within.saturating_add(before)
    }

    /// Whether that is too many.
    #[must_use]
    pub fn exceeded(&self, count: Count, now: u64) -> bool {
        self.within(count, now) > self.limit
    }
}

/// Counts one, and tells whether it is one too many. Those that are count too: who goes on is kept out
/// until it is slower.
///
/// # Errors
/// The store did not answer.
pub async fn take(
    store: &impl Store,
    rate: &Rate,
    of: Of<'_>,
    now: u64,
) -> Result<bool, StoreError> {
    let count = store.count(&of.key(), 1, rate.window, now).await?;
    Ok(rate.exceeded(count, now))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Embedded, EmbeddedSettings};

    const RATE: Rate = Rate {
        limit: 10,
        window: 60,
    };

    #[test]
    fn the_window_slides() {
        let count = Count {
            before: 30,
            within: 3,
        };
        for (second, within) in [(0, 33), (1, 32), (30, 18), (46, 10), (59, 3)] {
            assert_eq!(RATE.within(count, 6000 + second), within, "{second}");
        }
        assert!(RATE.exceeded(count, 6044) && !RATE.exceeded(count, 6045));
        let most = Count {
            before: u64::MAX,
            within: u64::MAX,
        };
        assert_eq!(RATE.within(most, 6000), u64::MAX);
    }

    #[test]
    fn domains_are_counted_apart_in_any_case_and_by_direction() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let take = |of, now| {
            take(&store, &RATE, of, now)
                .now_or_never()
                .unwrap()
                .unwrap()
        };
        for _ in 0..5 {
            assert!(!take(Of::Sender("a.example"), 6000));
            assert!(!take(Of::Sender("A.Example"), 6000));
        }
        assert!(take(Of::Sender("a.example"), 6001));
        assert!(!take(Of::Sender("b.example"), 6001));
        assert!(!take(Of::Recipient("a.example"), 6001));
        assert!(take(Of::Sender("a.example"), 6060));
        assert!(!take(Of::Sender("a.example"), 6120));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Never more than the limit in a fixed window, and one who keeps to half of it is let through.
        #[test]
        fn bounds_hold(gaps in vec(0..20_u64, 1..200)) {
            let store = Embedded::open(&EmbeddedSettings { entries: 1, counts: 100, file: None }).unwrap();
            let (mut now, mut passed) = (6000, std::collections::HashMap::<u64, u64>::new());
            for gap in gaps {
                now += gap;
                let refused = take(&store, &RATE, Of::Sender("x"), now).now_or_never().unwrap().unwrap();
                *passed.entry(now / 60).or_default() += u64::from(!refused);
                prop_assert!(passed[&(now / 60)] <= RATE.limit);
            }
            let mut slow = now + 1000;
            for _ in 0..30 {
                slow += 12;
                let refused = take(&store, &RATE, Of::Sender("y"), slow).now_or_never().unwrap().unwrap();
                prop_assert!(!refused);
            }
        }
    }
}
