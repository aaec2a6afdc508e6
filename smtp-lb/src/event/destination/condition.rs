//! How a destination does, and the log lines when that changes.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::DestinationState;

/// Octets of an error that are kept.
const ERROR: usize = 256;

/// State and failures of a destination.
#[derive(Debug)]
pub(super) struct Condition(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    state: DestinationState,
    failures: u64,
    last_error: Option<String>,
}

impl Default for Condition {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            state: DestinationState::Starting,
            failures: 0,
            last_error: None,
        }))
    }
}

impl Condition {
    /// It takes records.
    pub(super) fn up(&self, name: &str) {
        let mut inner = self.lock();
        match inner.state {
            DestinationState::Up | DestinationState::Stopped => return,
            DestinationState::Starting => {
                tracing::debug!(destination = name, "log destination open");
            }
            DestinationState::Retrying => {
                tracing::info!(destination = name, "log destination works again");
            }
        }
        inner.state = DestinationState::Up;
    }

    /// An attempt failed; only the first after a success is worth a line.
    pub(super) fn failed(&self, name: &str, error: &io::Error) {
        let mut text: String = error.to_string().escape_debug().collect();
        text.truncate(text.floor_char_boundary(ERROR));
        let mut inner = self.lock();
        if inner.state != DestinationState::Retrying {
            tracing::warn!(destination = name, error = text, "log destination failed");
        }
        inner.state = DestinationState::Retrying;
        inner.failures += 1;
        inner.last_error = Some(text);
    }

    /// It ended.
    pub(super) fn stopped(&self) {
        self.lock().state = DestinationState::Stopped;
    }

    pub(super) fn read(&self) -> (DestinationState, u64, Option<String>) {
        let inner = self.lock();
        (inner.state, inner.failures, inner.last_error.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
