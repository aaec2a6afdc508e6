//! When a session has lasted, or been silent, for too long.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::clock;

/// The idle and the session time-out over one timer. Activity only notes the time; the timer is
/// set again when it goes off too early, not for every read. Times are of [`clock::coarse`].
#[derive(Debug)]
pub(super) struct Deadline {
    idle: Duration,
    end: Option<Duration>,
    last: Duration,
    /// The timer has promised to wake this task. As in [`socket`](super::socket), that holds
    /// outside of tokio's cooperative budget only.
    awaited: bool,
}

impl Deadline {
    pub(super) fn new(idle: Duration, session: Option<Duration>, now: Duration) -> Self {
        Self {
            idle,
            // Past the end of time: no bound.
            end: session.and_then(|session| now.checked_add(session)),
            last: now,
            awaited: false,
        }
    }

    /// A byte moved.
    pub(super) fn touch(&mut self, now: Duration) {
        self.last = now;
    }

    /// Time until the session must end if nothing moves any more. `None`: never.
    fn left(&self, now: Duration) -> Option<Duration> {
        let idle = self.last.checked_add(self.idle);
        let due = match (idle, self.end) {
            (Some(idle), Some(end)) => Some(idle.min(end)),
            (idle, end) => idle.or(end),
        };
        due.map(|due| due.saturating_sub(now))
    }

    /// Ready when the session must end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        if self.awaited && !timer.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            let left = self.left(clock::coarse());
            if left == Some(Duration::ZERO) {
                return Poll::Ready(());
            }
            // The timer is only brought forward or, once it has gone off, set anew.
            let due = left.and_then(|left| Instant::now().checked_add(left));
            if let Some(due) = due
                && (timer.is_elapsed() || due < timer.deadline())
            {
                timer.as_mut().reset(due);
            }
            self.awaited = timer.as_mut().poll(cx).is_pending();
            if self.awaited || due.is_none() {
                return Poll::Pending;
            }
        }
    }
}

/// A timer that is brought forward when what it is for comes earlier, and set anew when it goes
/// off too early.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// When the timer goes off, which has promised to wake this task then.
    set: Option<Duration>,
}

impl Alarm {
    /// Somebody else has used the timer.
    pub(super) fn forget(&mut self) {
        self.set = None;
    }

    /// Ready when `due` has come, by [`clock::coarse`].
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        due: Option<Duration>,
    ) -> Poll<()> {
        let Some(due) = due else {
            return Poll::Pending;
        };
        if self.set.is_some_and(|set| set <= due) && !timer.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            let left = due.saturating_sub(clock::coarse());
            if left.is_zero() {
                self.set = None;
                return Poll::Ready(());
            }
            let Some(at) = Instant::now().checked_add(left) else {
                return Poll::Pending;
            };
            timer.as_mut().reset(at);
            if timer.as_mut().poll(cx).is_pending() {
                self.set = Some(due);
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_earlier_bound_counts() {
        let start = seconds(1000);
        let mut deadline = Deadline::new(seconds(10), Some(seconds(25)), start);
        for (touched, now, left) in [
            (1000, 1000, 10),
            (1000, 1004, 6),
            (1009, 1009, 10),
            (1018, 1018, 7),
            (1024, 1024, 1),
            (1024, 1025, 0),
            (1024, 9999, 0),
        ] {
            deadline.touch(seconds(touched));
            let got = deadline.left(seconds(now));
            assert_eq!(got, Some(seconds(left)), "{touched} {now}");
        }
    }

    #[test]
    fn bounds_may_be_missing_or_endless() {
        let start = seconds(1000);
        let unbounded = Deadline::new(seconds(10), None, start);
        assert_eq!(unbounded.left(seconds(1011)), Some(Duration::ZERO));
        let endless = Deadline::new(Duration::MAX, Some(Duration::MAX), start);
        assert_eq!(endless.left(seconds(u64::MAX / 2)), None);
    }
}
