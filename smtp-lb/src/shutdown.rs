//! Signals and the order of stopping.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Running, rings, routing, services};

/// Bound on handing the last events to their destinations. Nobody listens meanwhile, so a
/// collector that is down must not make a restart much longer.
const FLUSH: Duration = Duration::from_secs(1);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals that the daemon heeds.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Heeds them from now on; until then they end the process.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// The next that asks to stop. Safe to cancel.
    async fn stop(&mut self) {
        while self.next().await != Asked::Stop {
            tracing::warn!("stopping: not reloading");
        }
    }
}

/// Stops in the order that loses nothing: sessions, then what watches the members, then the
/// events of all of them. The firewall stays attached and goes on counting.
pub(crate) async fn shutdown(running: &Running, signals: &mut Signals) {
    let grace = running.begin_stop().await;
    tracing::info!(
        ?grace,
        "stopping: a second signal ends all sessions at once"
    );
    let drained = tokio::select! {
        drained = running.proxy.drain(grace) => drained,
        () = signals.stop() => running.proxy.drain(Duration::ZERO).await,
    };
    tracing::info!(
        ended = drained.ended,
        aborted = drained.aborted,
        "sessions have ended"
    );
    running.health.shutdown();
    services::close(&running.services).await;
    tokio::task::block_in_place(|| running.protection.end(&running.firewall, &running.bus));
    tokio::task::block_in_place(|| routing::end(&running.current.load().plan));
    tokio::task::block_in_place(|| running.reputation.shutdown());
    running.tell(
        "stopped",
        format!(
            "{} sessions ended, {} aborted",
            drained.ended, drained.aborted
        ),
    );
    let reader = running
        .reader
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(reader) = reader {
        rings::stop(reader).await;
    }
    let log = tokio::select! {
        log = running.events.shutdown(FLUSH) => log,
        () = signals.stop() => running.events.shutdown(Duration::ZERO).await,
    };
    for destination in log.destinations.iter().filter(|d| d.lost.shutdown > 0) {
        let lost = destination.lost.shutdown;
        tracing::warn!(destination = destination.name, lost, "log records given up");
    }
}
