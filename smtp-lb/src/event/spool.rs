//! A queue on disk: records in segments, a cursor, and a ledger that adds up over restarts.
//!
//! A record is *accepted* once it is written to its segment: from then on it survives the death of the
//! process at any instant, and a power cut once the segment is synchronised. It is *done with* once
//! the cursor has passed it. At every instant
//!
//! - `accepted = sent + lost + queued`, each counted since the queue was made.
//!
//! The cursor is written before a segment is removed. So a crash repeats what the cursor had not
//! heard of, and skips nothing.

mod batch;
mod cursor;
mod record;
mod segment;
mod store;

pub(super) use batch::Batch;
pub(super) use store::{Bounds, Spool};

/// Records that a queue on disk gave up or never took, by cause, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Causes {
    /// No room, by the policy of overflow.
    pub(super) overflow: u64,
    /// Older than asked for.
    pub(super) aged: u64,
    /// What was read is not what was written.
    pub(super) corrupt: u64,
    /// The transport does not carry a record of that size.
    pub(super) too_large: u64,
}

impl Causes {
    pub(super) fn total(&self) -> u64 {
        self.overflow + self.aged + self.corrupt + self.too_large
    }
}

/// The counters at one instant, since the queue was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) accepted: u64,
    pub(super) sent: u64,
    pub(super) lost: Causes,
    pub(super) queued: u64,
    /// Records cut in two by a crash: they had not been accepted.
    pub(super) torn: u64,
}

#[cfg(test)]
mod tests;
