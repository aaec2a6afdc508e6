//! A session's claim on a member.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Member;

/// Counts one session, and its connection, on a member for as long as it lives. Small: every idle
/// session holds one.
#[derive(Debug)]
pub struct Lease {
    member: Arc<Member>,
    /// A pool with more members than fit would not fit into memory.
    index: u32,
    /// When the member took the connection, until it greets.
    greets_since: Option<Micros>,
}

/// A time in microseconds. It goes round after 71 minutes: greetings are awaited less long.
type Micros = NonZeroU32;

/// Counts a connection that is kept for later, without a session.
#[derive(Debug)]
pub struct Kept(Arc<Member>);

impl Lease {
    pub(super) fn new(member: &Arc<Member>, index: usize) -> Self {
        member.enter();
        member.open();
        Self {
            member: Arc::clone(member),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            greets_since: None,
        }
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
        Kept(Arc::clone(&self.member))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.member.leave();
        // Last: it wakes who waits for room.
        self.member.close();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn micros(time: Duration) -> Micros {
    let round = time.as_micros() % u128::from(u32::MAX);
    // Below the bound, so it fits.
    let round = u32::try_from(round).unwrap_or(u32::MAX);
    Micros::new(round).unwrap_or(Micros::MIN)
}
