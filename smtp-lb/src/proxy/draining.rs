//! The word to sessions that the daemon stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Said once, heard by all. Asking whether it was said is one atomic load.
#[derive(Debug, Default)]
pub(super) struct Draining {
    begun: AtomicBool,
    word: Arc<Notify>,
}

impl Draining {
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
        self.word.notify_waiters();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Ready when it begins after this call. Whoever waits must look at
    /// [`has_begun`](Self::has_begun) afterwards.
    pub(super) fn heard(&self) -> OwnedNotified {
        Arc::clone(&self.word).notified_owned()
    }
}
