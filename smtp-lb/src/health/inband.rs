//! A monitor that watches clients' sessions: so many failures within an interval take a member
//! down, for a time that doubles while it does not help. Time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use super::State;
use crate::config::plan::InbandMonitorPlan;

/// Parts that the interval is counted in.
const PARTS: u32 = 64;

/// One such monitor's view of one member.
#[derive(Debug)]
pub(super) struct Inband {
    plan: InbandMonitorPlan,
    /// Failures that were ever counted, as last seen.
    known: u64,
    /// Newer ones and when they were seen, at most [`PARTS`] and one.
    recent: VecDeque<(Duration, u64)>,
    /// Until when it is down.
    until: Option<Duration>,
    /// How long it was down the last time.
    pause: Option<Duration>,
    /// When it came up again.
    resumed: Duration,
}

impl Inband {
    /// `failures` is what was counted before.
    pub(super) fn new(plan: InbandMonitorPlan, failures: u64) -> Self {
        Self {
            plan,
            known: failures,
            recent: VecDeque::new(),
            until: None,
            pause: None,
            resumed: Duration::ZERO,
        }
    }

    /// Looks at the count of all failures ever.
    pub(super) fn look(&mut self, now: Duration, failures: u64) -> State {
        // A count that fell is that of another object after a reload.
        let new = failures.saturating_sub(self.known);
        self.known = failures;
        match self.until {
            // Sessions that were under way may fail still; that is nothing new.
            Some(until) if now < until => return State::Down,
            Some(until) => {
                (self.until, self.resumed) = (None, until);
                return State::Up;
            }
            None => {}
        }
        self.count(now, new);
        let total: u64 = self.recent.iter().map(|(_, count)| count).sum();
        if total < u64::from(self.plan.failures) {
            return State::Up;
        }
        let pause = match self.pause {
            // Up for no longer than it was down: that did not help.
            Some(pause)
                if now.saturating_sub(self.resumed) <= pause + self.plan.failure_interval =>
            {
                pause.saturating_mul(2).min(self.plan.retry_max)
            }
            _ => self.plan.retry,
        };
        self.pause = Some(pause);
        self.until = Some(now.saturating_add(pause));
        self.recent.clear();
        State::Down
    }

    fn count(&mut self, now: Duration, new: u64) {
        let oldest = now.saturating_sub(self.plan.failure_interval);
        while self.recent.front().is_some_and(|(at, _)| *at < oldest) {
            self.recent.pop_front();
        }
        if new == 0 {
            return;
        }
        let part = self.plan.failure_interval / PARTS;
        match self.recent.back_mut() {
            Some((at, count)) if now.saturating_sub(*at) < part => *count += new,
            _ => self.recent.push_back((now, new)),
        }
    }

    /// How long it is down now.
    pub(super) fn pause(&self) -> Duration {
        self.pause.unwrap_or(self.plan.retry)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Down, Up};
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn plan() -> InbandMonitorPlan {
        InbandMonitorPlan {
            failures: 3,
            failure_interval: seconds(30),
            retry: seconds(30),
            retry_max: seconds(100),
        }
    }

    /// When, failures ever, and the state after.
    fn check(steps: &[(u64, u64, State)]) {
        let mut inband = Inband::new(plan(), 100);
        for &(now, failures, after) in steps {
            let state = inband.look(seconds(now), 100 + failures);
            assert_eq!(state, after, "at {now} of {steps:?}");
        }
    }

    #[test]
    fn counts_within_the_interval() {
        check(&[
            (1, 0, Up),
            (2, 2, Up),
            (3, 3, Down),
            (32, 3, Down),
            (33, 3, Up),
        ]);
        check(&[(1, 2, Up), (32, 4, Up), (33, 5, Down)]);
        check(&[(1, 1000, Down)]);
        // What fails while it is down is nothing new.
        check(&[
            (1, 3, Down),
            (20, 50, Down),
            (31, 60, Up),
            (32, 62, Up),
            (33, 63, Down),
        ]);
    }

    #[test]
    fn backs_off_while_it_does_not_help() {
        check(&[
            (0, 3, Down),
            (30, 3, Up),
            (31, 6, Down),
            (90, 6, Down),
            (91, 6, Up),
            (92, 9, Down),
            (191, 9, Down),
            (192, 9, Up),
            (200, 12, Down),
            (299, 12, Down),
            (300, 12, Up),
            // Long since: as at first.
            (500, 15, Down),
            (529, 15, Down),
            (530, 15, Up),
        ]);
    }

    proptest! {
        #[test]
        fn stays_within_bounds(steps in prop::collection::vec((0..40_000_u64, 0..4_u64), 0..300)) {
            let mut inband = Inband::new(plan(), 0);
            let (mut now, mut failures) = (0, 0);
            for (later, new) in steps {
                now += later;
                failures += new;
                inband.look(Duration::from_millis(now), failures);
                prop_assert!(inband.recent.len() <= PARTS as usize + 1);
                prop_assert!(inband.pause() <= plan().retry_max);
            }
        }
    }
}
