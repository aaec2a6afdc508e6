//! A thread with a runtime of its own.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use super::ProxyError;

/// Runs sessions until it is dropped, which resets those that are left and joins the thread.
pub(super) struct Worker {
    runtime: Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn spawn(index: usize) -> Result<Self, ProxyError> {
        Self::try_spawn(index).map_err(|source| ProxyError::Worker { index, source })
    }

    fn try_spawn(index: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || runtime.block_on(stopped.cancelled()))?;
        Ok(Self {
            runtime: handle,
            stop,
            thread: Some(thread),
        })
    }

    /// Where its tasks are spawned and its sockets registered.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Asks it to end, without waiting.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("a worker ended by a panic");
        }
    }
}
