//! A session's claim on a member.

use std::sync::Arc;

use super::Member;

/// Counts one session on a member for as long as it lives.
#[derive(Debug)]
pub struct Lease {
    member: Arc<Member>,
    index: usize,
}

impl Lease {
    pub(super) fn new(member: Arc<Member>, index: usize) -> Self {
        member.enter();
        Self { member, index }
    }

    /// Whom it is on.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The member's place in its pool, for [`Tried`](super::Tried).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Says that the member took the connection.
    pub fn connected(&self) {
        self.member.count_session();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.member.leave();
    }
}
