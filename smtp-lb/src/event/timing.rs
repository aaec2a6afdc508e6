//! Time bounds of destinations.

use std::time::Duration;

/// Time bounds of one destination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// For one connect.
    pub(super) connect: Duration,
    /// For one write to make any progress; also `TCP_USER_TIMEOUT`, so that a collector that
    /// vanished without a word is noticed while its receive window is still open.
    pub(super) write: Duration,
    /// Longest wait after the first failure.
    pub(super) retry_first: Duration,
    /// Longest wait between attempts.
    pub(super) retry_most: Duration,
    /// For a destination that was removed or stopped to send what it still holds.
    pub(super) drain: Duration,
}

impl Timing {
    /// What runs in production.
    pub(super) const STANDARD: Self = Self {
        connect: Duration::from_secs(10),
        write: Duration::from_secs(10),
        retry_first: Duration::from_millis(200),
        retry_most: Duration::from_secs(30),
        drain: Duration::from_secs(30),
    };
}
