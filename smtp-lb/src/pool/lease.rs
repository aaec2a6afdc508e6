//! A session's claim on a member.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::bells::Bell;
use super::{Administration, Member};

/// Counts one session, and its connection, on a member for as long as it lives. Small: every idle
/// session holds one.
#[derive(Debug)]
pub struct Lease {
    member: Arc<Member>,
    /// A pool with more members than fit would not fit into memory.
    index: u32,
    /// When the member took the connection, until it greets.
    greets_since: Option<Micros>,
    bell: Option<Bell>,
}

/// A time in microseconds. It goes round after 71 minutes: greetings are awaited less long.
type Micros = NonZeroU32;

/// Counts a connection that is kept for later, without a session.
#[derive(Debug)]
pub struct Kept {
    member: Arc<Member>,
    bell: Option<Bell>,
}

impl Lease {
    pub(super) fn new(member: &Arc<Member>, index: usize) -> Self {
        member.enter();
        member.open();
        Self {
            member: Arc::clone(member),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            greets_since: None,
            bell: None,
        }
    }

    /// What an operator says of the member. From now on the task is woken when that changes; it must
    /// always be the same task's waker.
    pub fn heed(&mut self, waker: &Waker) -> Administration {
        heed(&self.member, &mut self.bell, waker)
    }

    /// Whom it is on.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The member's place in its pool, for [`Tried`](super::Tried).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Says that the member took the connection at `now`.
    pub fn connected(&mut self, now: Duration) {
        self.member.count_session();
        self.greets_since = Some(micros(now));
    }

    /// Says that the member was heard at `now`, by the clock of [`connected`](Self::connected). The
    /// first time, that is its greeting.
    pub fn heard(&mut self, now: Duration) {
        if let Some(since) = self.greets_since.take() {
            let time = micros(now).get().wrapping_sub(since.get());
            self.member
                .note_greeting(Duration::from_micros(time.into()));
        }
    }

    /// Counts the connection on when the session, and so the lease, ends.
    #[must_use]
    pub fn keep(&self) -> Kept {
        self.member.open();
        Kept {
            member: Arc::clone(&self.member),
            bell: None,
        }
    }
}

impl Kept {
    /// As [`Lease::heed`].
    pub fn heed(&mut self, waker: &Waker) -> Administration {
        heed(&self.member, &mut self.bell, waker)
    }

    /// Whether sessions may go on with it later.
    #[must_use]
    pub fn is_of_use(&self) -> bool {
        self.member.administration().takes_sessions() && !self.member.is_gone()
    }
}

/// First the bell, then a look: what is said in between is not missed.
fn heed(member: &Member, bell: &mut Option<Bell>, waker: &Waker) -> Administration {
    if bell.is_none() {
        *bell = member.bells.hang(waker);
    }
    member.administration()
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(bell) = &self.bell {
            self.member.bells.take_down(bell);
        }
        self.member.leave();
        // Last: it wakes who waits for room.
        self.member.close();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(bell) = &self.bell {
            self.member.bells.take_down(bell);
        }
        self.member.close();
    }
}

fn micros(time: Duration) -> Micros {
    let round = time.as_micros() % u128::from(u32::MAX);
    // Below the bound, so it fits.
    let round = u32::try_from(round).unwrap_or(u32::MAX);
    Micros::new(round).unwrap_or(Micros::MIN)
}
