//! When a session has lasted, or been silent, for too long.

use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future::Future, pin::Pin};

use tokio::time::{Instant, Sleep};

/// The idle and the session time-out over one timer. Activity only notes the time; the timer is
/// set again when it goes off too early, not for every read.
#[derive(Debug)]
pub(super) struct Deadline {
    idle: Duration,
    end: Option<Instant>,
    last: Instant,
}

impl Deadline {
    pub(super) fn new(idle: Duration, session: Option<Duration>, now: Instant) -> Self {
        Self {
            idle,
            // Past the end of time: no bound.
            end: session.and_then(|session| now.checked_add(session)),
            last: now,
        }
    }

    /// A byte moved.
    pub(super) fn touch(&mut self, now: Instant) {
        self.last = now;
    }

    /// When the session must end if nothing moves any more.
    pub(super) fn due(&self) -> Option<Instant> {
        let idle = self.last.checked_add(self.idle);
        match (idle, self.end) {
            (Some(idle), Some(end)) => Some(idle.min(end)),
            (idle, end) => idle.or(end),
        }
    }

    /// Ready when the session must end.
    pub(super) fn poll(&self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        loop {
            ready!(timer.as_mut().poll(cx));
            match self.due() {
                Some(due) if due > Instant::now() => timer.as_mut().reset(due),
                Some(_) => return Poll::Ready(()),
                None => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_bound_counts() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let idle = Duration::from_secs(10);
        let mut deadline = Deadline::new(idle, Some(Duration::from_secs(25)), start);
        assert_eq!(deadline.due(), Some(at(10)));
        deadline.touch(at(9));
        assert_eq!(deadline.due(), Some(at(19)));
        deadline.touch(at(18));
        assert_eq!(deadline.due(), Some(at(25)));
        let unbounded = Deadline::new(idle, None, start);
        assert_eq!(unbounded.due(), Some(at(10)));
        let endless = Deadline::new(Duration::MAX, Some(Duration::MAX), start);
        assert_eq!(endless.due(), None);
    }
}
