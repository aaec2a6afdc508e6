//! Up or down, from successes and the time between them. Time is an argument: the duration
//! since any fixed moment.

use std::time::Duration;

use serde::Serialize;

/// What a monitor makes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No success yet, and not yet time to call it down.
    Checking,
    /// The last success is younger than the time-out.
    Up,
    /// No success for the time-out.
    Down,
}

/// One monitor's view of one member.
#[derive(Debug)]
pub(super) struct Threshold {
    timeout: Duration,
    /// Successes in a row that end [`State::Down`].
    rise: u32,
    /// Failures in a row that begin it.
    fall: Option<u32>,
    /// When the newest success was; at first, when watching began.
    success: Duration,
    successes: u32,
    failures: u32,
    state: State,
}

impl Threshold {
    pub(super) fn new(now: Duration, timeout: Duration, rise: u32, fall: Option<u32>) -> Self {
        Self {
            timeout,
            rise,
            fall,
            success: now,
            successes: 0,
            failures: 0,
            state: State::Checking,
        }
    }

    /// A probe succeeded. Tells whether that changed the state.
    pub(super) fn succeed(&mut self, now: Duration) -> bool {
        self.success = self.success.max(now);
        self.failures = 0;
        self.successes = self.successes.saturating_add(1);
        if self.state == State::Down && self.successes < self.rise {
            return false;
        }
        std::mem::replace(&mut self.state, State::Up) != State::Up
    }

    /// A probe failed. Tells whether that changed the state, to [`State::Down`].
    pub(super) fn fail(&mut self) -> bool {
        self.successes = 0;
        self.failures = self.failures.saturating_add(1);
        let over = self.fall.is_some_and(|fall| self.failures >= fall);
        over && std::mem::replace(&mut self.state, State::Down) != State::Down
    }

    /// Lets time pass. Tells whether that changed the state, to [`State::Down`].
    pub(super) fn pass(&mut self, now: Duration) -> bool {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        if over {
            self.state = State::Down;
            self.successes = 0;
        }
        over
    }

    /// When it goes down unless a probe succeeds before; `None` if it is.
    pub(super) fn deadline(&self) -> Option<Duration> {
        (self.state != State::Down).then(|| self.success.saturating_add(self.timeout))
    }

    pub(super) fn state(&self) -> State {
        self.state
    }
}

/// The verdict of all monitors of a member, of which at least so many must have it up; `None`:
/// not known yet.
pub(super) fn verdict(states: impl Iterator<Item = State>, least: usize) -> Option<bool> {
    let (mut up, mut open) = (0, 0);
    for state in states {
        match state {
            State::Up => up += 1,
            State::Checking => open += 1,
            State::Down => {}
        }
    }
    if up >= least {
        Some(true)
    } else if up + open < least {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Checking, Down, Up};
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: u64 = 91;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn by_table() {
        // When, whether a probe succeeds then, and the state after.
        let table: [&[(u64, bool, State)]; 6] = [
            &[
                (0, false, Checking),
                (90, false, Checking),
                (91, false, Down),
            ],
            &[(1, true, Up), (91, false, Up), (92, false, Down)],
            &[
                (500, false, Down),
                (501, true, Up),
                (591, false, Up),
                (592, false, Down),
            ],
            &[
                (30, true, Up),
                (60, true, Up),
                (150, false, Up),
                (151, false, Down),
            ],
            &[(91, false, Down), (92, false, Down), (93, true, Up)],
            &[(400, true, Up), (490, false, Up), (491, false, Down)],
        ];
        for steps in table {
            let mut threshold = Threshold::new(seconds(0), seconds(TIMEOUT), 1, None);
            let mut before = Checking;
            for &(now, success, after) in steps {
                let changed = if success {
                    threshold.succeed(seconds(now))
                } else {
                    threshold.pass(seconds(now))
                };
                assert_eq!(threshold.state(), after, "at {now} of {steps:?}");
                assert_eq!(changed, before != after, "at {now} of {steps:?}");
                before = after;
            }
        }
    }

    #[test]
    fn one_down_is_down_and_all_must_be_up() {
        let table: [(&[State], Option<bool>); 7] = [
            (&[], Some(true)),
            (&[Up], Some(true)),
            (&[Up, Up], Some(true)),
            (&[Up, Checking], None),
            (&[Checking, Down], Some(false)),
            (&[Down, Up], Some(false)),
            (&[Checking], None),
        ];
        for (states, expected) in table {
            let all = states.len();
            assert_eq!(verdict(states.iter().copied(), all), expected, "{states:?}");
        }
    }

    #[test]
    fn at_least_so_many() {
        let table: [(&[State], usize, Option<bool>); 6] = [
            (&[Up, Down, Down], 1, Some(true)),
            (&[Down, Checking, Down], 1, None),
            (&[Up, Checking, Down], 2, None),
            (&[Up, Up, Checking], 2, Some(true)),
            (&[Up, Down, Down], 2, Some(false)),
            (&[Down, Down], 1, Some(false)),
        ];
        for (states, least, expected) in table {
            assert_eq!(
                verdict(states.iter().copied(), least),
                expected,
                "{states:?}"
            );
        }
    }

    #[test]
    fn rises_and_falls_by_count() {
        /// Whether a probe succeeds, at each second, and the state after.
        type Steps = &'static [(bool, State)];
        let table: [(u32, Option<u32>, Steps); 4] = [
            (
                3,
                Some(2),
                &[
                    (true, Up),
                    (false, Up),
                    (false, Down),
                    (true, Down),
                    (true, Down),
                    (false, Down),
                    (true, Down),
                    (true, Down),
                    (true, Up),
                ],
            ),
            (
                1,
                Some(3),
                &[
                    (false, Checking),
                    (false, Checking),
                    (true, Up),
                    (false, Up),
                    (false, Up),
                    (false, Down),
                    (true, Up),
                ],
            ),
            // A member not judged yet needs no more than one success.
            (5, None, &[(false, Checking), (true, Up), (false, Up)]),
            (1, Some(1), &[(false, Down), (true, Up), (false, Down)]),
        ];
        for (rise, fall, steps) in table {
            let mut threshold = Threshold::new(seconds(0), seconds(TIMEOUT), rise, fall);
            let mut before = Checking;
            for (second, (success, after)) in (1..).zip(steps) {
                let changed = if *success {
                    threshold.succeed(seconds(second))
                } else {
                    threshold.fail()
                };
                assert_eq!(threshold.state(), *after, "at {second} of {steps:?}");
                assert_eq!(changed, before != *after, "at {second} of {steps:?}");
                before = *after;
            }
        }
    }

    #[test]
    fn the_time_out_holds_whatever_the_counts() {
        let mut threshold = Threshold::new(seconds(0), seconds(TIMEOUT), 2, Some(100));
        assert!(threshold.succeed(seconds(1)));
        assert!(!threshold.fail());
        assert!(threshold.pass(seconds(92)));
        assert!(!threshold.succeed(seconds(93)), "one of two");
        assert!(threshold.succeed(seconds(94)));
        assert_eq!(threshold.deadline(), Some(seconds(94 + TIMEOUT)));
    }

    proptest! {
        /// Against the definition: down if and only if the newest success, or the start, is as
        /// old as the time-out; else up if there was one at all.
        #[test]
        fn as_defined(steps in prop::collection::vec((0..60_u64, any::<bool>()), 0..60)) {
            let mut threshold = Threshold::new(seconds(1000), seconds(TIMEOUT), 1, None);
            let (mut now, mut newest, mut any) = (1000, 1000, false);
            for (later, success) in steps {
                now += later;
                let before = threshold.state();
                let mut changed = threshold.pass(seconds(now));
                if success {
                    (newest, any) = (now, true);
                    changed |= threshold.succeed(seconds(now));
                }
                let expected = match (now - newest >= TIMEOUT, any) {
                    (true, _) => Down,
                    (false, true) => Up,
                    (false, false) => Checking,
                };
                prop_assert_eq!(threshold.state(), expected);
                prop_assert!(changed || before == expected);
                let deadline = (expected != Down).then(|| seconds(newest + TIMEOUT));
                prop_assert_eq!(threshold.deadline(), deadline);
            }
        }
    }
}
