//! Live followers: each sees every event the bus took, or learns how many it missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};

use super::model::Event;

/// Events that a follower may fall behind before it misses some.
pub(super) const BEHIND: usize = 1024;

/// A live view of events. Holds up nobody: one that falls behind misses the oldest.
#[derive(Debug)]
pub struct Follower {
    receiver: Receiver<Arc<Event>>,
    lost: u64,
    lost_by_all: Arc<AtomicU64>,
}

impl Follower {
    pub(super) fn new(
        sender: Option<broadcast::Sender<Arc<Event>>>,
        lost_by_all: Arc<AtomicU64>,
    ) -> Self {
        // Without a sender the pipeline has ended: a channel that is closed says the same.
        let sender = sender.unwrap_or_else(|| broadcast::channel(1).0);
        Self {
            receiver: sender.subscribe(),
            lost: 0,
            lost_by_all,
        }
    }

    /// The next event, `None` once the pipeline has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => {
                    self.lost += missed;
                    self.lost_by_all.fetch_add(missed, Ordering::Relaxed);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Events missed so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
