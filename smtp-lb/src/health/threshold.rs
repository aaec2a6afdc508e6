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
    /// When the newest success was; at first, when watching began.
    success: Duration,
    state: State,
}

impl Threshold {
    pub(super) fn new(now: Duration, timeout: Duration) -> Self {
        Self {
            timeout,
            success: now,
            state: State::Checking,
        }
    }

    /// A probe succeeded. Tells whether that changed the state.
    pub(super) fn succeed(&mut self, now: Duration) -> bool {
        self.success = self.success.max(now);
        std::mem::replace(&mut self.state, State::Up) != State::Up
    }

    /// Lets time pass. Tells whether that changed the state, to [`State::Down`].
    pub(super) fn pass(&mut self, now: Duration) -> bool {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        if over {
            self.state = State::Down;
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

/// The verdict of all monitors of a member; `None`: not known yet.
pub(super) fn verdict(states: impl Iterator<Item = State>) -> Option<bool> {
    let mut verdict = Some(true);
    for state in states {
        match state {
            State::Up => {}
            State::Checking => verdict = None,
            State::Down => return Some(false),
        }
    }
    verdict
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
            let mut threshold = Threshold::new(seconds(0), seconds(TIMEOUT));
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
            assert_eq!(verdict(states.iter().copied()), expected, "{states:?}");
        }
    }

    proptest! {
        /// Against the definition: down if and only if the newest success, or the start, is as
        /// old as the time-out; else up if there was one at all.
        #[test]
        fn as_defined(steps in prop::collection::vec((0..60_u64, any::<bool>()), 0..60)) {
            let mut threshold = Threshold::new(seconds(1000), seconds(TIMEOUT));
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
