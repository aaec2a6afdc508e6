//! What a log profile lets through: one in so many, and so many a second; pure. What it does not is
//! counted, and told of.

use std::fmt::Write as _;
use std::time::Duration;

use crate::config::plan::ClassRates;

/// Time between two records of what was left out.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// Classes that have rates of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Accept,
    Drop,
    Reject,
    /// What staged policies would have decided otherwise.
    Staged,
    Reputation,
    Session,
    Violation,
    /// Health, members, administration, the daemon itself.
    Other,
}

const CLASSES: [&str; 8] = [
    "accept",
    "drop",
    "reject",
    "staged",
    "reputation",
    "session",
    "violation",
    "other",
];

/// What a profile asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// One in so many accepted packets and sessions; 0 and 1: all.
    pub(super) sample: u64,
    /// A second, over all.
    pub(super) rate: Option<u32>,
    /// A second, of each class.
    pub(super) rates: ClassRates,
}

/// The rate of a class.
const fn rate_of(rates: &ClassRates, class: Class) -> Option<u32> {
    match class {
        Class::Accept => rates.accept,
        Class::Drop => rates.drop,
        Class::Reject => rates.reject,
        Class::Staged => rates.staged,
        Class::Reputation => rates.reputation,
        Class::Session => rates.session,
        Class::Violation => rates.violation,
        Class::Other => rates.other,
    }
}

/// The state of one profile.
#[derive(Debug, Clone, Default)]
pub(super) struct Limiter {
    bounds: Bounds,
    accepted: u64,
    total: Bucket,
    classes: [Bucket; CLASSES.len()],
    suppressed: [u64; CLASSES.len()],
    sampled: [u64; CLASSES.len()],
    told: Duration,
}

/// Tokens of one second at most.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Thousandths.
    tokens: u64,
    at: Option<Duration>,
}

impl Bucket {
    fn fill(&mut self, rate: u32, now: Duration) {
        let full = u64::from(rate) * 1000;
        let passed = self.at.map(|at| now.saturating_sub(at));
        let grown = passed.map_or(full, |passed| {
            let grown = passed.as_micros() * u128::from(rate) / 1000;
            u64::try_from(grown).unwrap_or(full)
        });
        // Fractions of a thousandth stay for the next time.
        if grown > 0 {
            self.tokens = self.tokens.saturating_add(grown).min(full);
            self.at = Some(now);
        }
    }

    fn has(&self) -> bool {
        self.tokens >= 1000
    }

    fn take(&mut self) {
        self.tokens = self.tokens.saturating_sub(1000);
    }
}

impl Limiter {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Does an event get through? `key` is the same at both ends of a session, so that both are told or
    /// neither.
    pub(super) fn admits(&mut self, class: Class, key: Option<u64>, now: Duration) -> bool {
        let place = class as usize;
        if self.bounds.sample > 1 {
            let number = match (class, key) {
                (Class::Session, Some(key)) => key,
                (Class::Accept, _) => {
                    self.accepted += 1;
                    self.accepted - 1
                }
                _ => 0,
            };
            if !number.is_multiple_of(self.bounds.sample) {
                count(&mut self.sampled, place);
                return false;
            }
        }
        let mut room = true;
        if let Some(rate) = self.bounds.rate {
            self.total.fill(rate, now);
            room = self.total.has();
        }
        let rate = rate_of(&self.bounds.rates, class);
        if let (Some(rate), Some(bucket)) = (rate, self.classes.get_mut(place)) {
            bucket.fill(rate, now);
            room &= bucket.has();
            if room {
                bucket.take();
            }
        }
        if !room {
            count(&mut self.suppressed, place);
            return false;
        }
        if self.bounds.rate.is_some() {
            self.total.take();
        }
        true
    }

    /// What was left out since it was last told, if it is time to tell that.
    pub(super) fn left_out(&mut self, now: Duration) -> Option<String> {
        if now.saturating_sub(self.told) < PERIOD {
            return None;
        }
        self.told = now;
        let suppressed = std::mem::take(&mut self.suppressed);
        let sampled = std::mem::take(&mut self.sampled);
        let (rates, sampling) = (total(&suppressed), total(&sampled));
        if rates + sampling == 0 {
            return None;
        }
        let mut text = format!("{} events left out", rates + sampling);
        // Writing to a String cannot fail.
        let _ = write!(text, ": {rates} over the rate");
        list(&suppressed, &mut text);
        let _ = write!(text, ", {sampling} by sampling");
        list(&sampled, &mut text);
        Some(text)
    }
}

fn count(counters: &mut [u64; CLASSES.len()], place: usize) {
    if let Some(counter) = counters.get_mut(place) {
        *counter += 1;
    }
}

fn total(counters: &[u64]) -> u64 {
    counters.iter().sum()
}

fn list(counters: &[u64], text: &mut String) {
    for (name, number) in CLASSES
        .iter()
        .zip(counters)
        .filter(|(_, number)| **number > 0)
    {
        let _ = write!(text, " {name}={number}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn all(rate: u32) -> ClassRates {
        let rate = Some(rate);
        ClassRates {
            accept: rate,
            drop: rate,
            reject: rate,
            staged: rate,
            reputation: rate,
            session: rate,
            violation: rate,
            other: rate,
        }
    }

    #[test]
    fn each_class_has_its_own_rate() {
        let mut limiter = Limiter::new(Bounds {
            sample: 1,
            rate: None,
            rates: ClassRates {
                drop: Some(7),
                session: Some(3),
                violation: None,
                ..all(5)
            },
        });
        let through = [
            Class::Accept,
            Class::Drop,
            Class::Reject,
            Class::Staged,
            Class::Reputation,
            Class::Session,
            Class::Violation,
            Class::Other,
        ]
        .map(|class| {
            (0..50)
                .filter(|_| limiter.admits(class, None, at(0)))
                .count()
        });
        assert_eq!(through, [5, 7, 5, 5, 5, 3, 50, 5]);
        let text = limiter.left_out(at(60_000)).unwrap();
        assert_eq!(
            text,
            "315 events left out: 315 over the rate accept=45 drop=43 reject=45 staged=45 reputation=45 session=47 \
             other=45, 0 by sampling"
        );
    }

    #[test]
    fn rates_of_classes_and_over_all() {
        let mut limiter = Limiter::new(Bounds {
            sample: 1,
            rate: Some(30),
            rates: all(20),
        });
        let mut through = |class, count, now| {
            (0..count)
                .filter(|_| limiter.admits(class, None, at(now)))
                .count()
        };
        assert_eq!(through(Class::Drop, 100, 0), 20);
        assert_eq!(through(Class::Accept, 100, 0), 10, "over all");
        assert_eq!(through(Class::Drop, 100, 500), 10);
        assert_eq!(through(Class::Other, 100, 500), 5);
        assert_eq!(through(Class::Session, 100, 60_000), 20);
        let text = limiter.left_out(at(60_000)).unwrap();
        assert_eq!(
            text,
            "435 events left out: 435 over the rate accept=90 drop=170 session=80 other=95, 0 by sampling"
        );
        assert_eq!(limiter.left_out(at(60_001)), None);
    }

    #[test]
    fn sampling_takes_one_in_so_many_and_both_ends_of_a_session() {
        let mut limiter = Limiter::new(Bounds {
            sample: 10,
            ..Bounds::default()
        });
        let accepted = (0..100)
            .filter(|_| limiter.admits(Class::Accept, None, at(0)))
            .count();
        assert_eq!(accepted, 10);
        assert!(
            (0..100).all(|_| limiter.admits(Class::Drop, None, at(0))),
            "all that is dropped"
        );
        for key in 0..100 {
            let open = limiter.admits(Class::Session, Some(key), at(0));
            assert_eq!(limiter.admits(Class::Session, Some(key), at(9)), open);
            assert_eq!(open, key % 10 == 0);
        }
        let text = limiter.left_out(at(10_000)).unwrap();
        assert_eq!(
            text,
            "270 events left out: 0 over the rate, 270 by sampling accept=90 session=180"
        );
    }

    proptest! {
        #[test]
        fn no_more_than_the_rate_and_all_is_counted(
            rate in 1..50_u32, steps in prop::collection::vec((0..200_u64, 1..30_usize), 1..60),
        ) {
            let mut limiter = Limiter::new(Bounds { sample: 1, rate: Some(rate), rates: ClassRates::default() });
            let (mut now, mut through, mut asked) = (0, 0, 0);
            for (passed, count) in steps {
                now += passed;
                asked += count;
                through += (0..count).filter(|_| limiter.admits(Class::Drop, None, at(now))).count();
                let most = u64::from(rate) + u64::from(rate) * now / 1000 + 1;
                prop_assert!(through as u64 <= most);
            }
            let left = limiter.suppressed.iter().sum::<u64>();
            prop_assert_eq!(through as u64 + left, asked as u64);
        }
    }
}
