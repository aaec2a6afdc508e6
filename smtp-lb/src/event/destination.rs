//! A destination: a queue, a task, and what is known of how it does.

mod condition;
mod file;
mod secure;
mod tcp;
mod udp;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::plan::{DestinationKind, DestinationPlan, Transport};

use super::EventError;
use super::format::encoder::Encoder;
use super::model::Event;
use super::queue::Queue;
use super::status::{DestinationState, DestinationStatus};
use super::timing::Timing;
use crate::tls::Profiles;
use condition::Condition;
use file::File;
use secure::Secure;
use tcp::Tcp;
use udp::Udp;

/// A running destination. Dropping the last handle closes its queue: the task sends what is
/// left, within [`Timing::drain`], and ends.
#[derive(Debug)]
pub(super) struct Destination {
    plan: DestinationPlan,
    desk: Arc<Desk>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the handle and the task share.
#[derive(Debug)]
struct Desk {
    name: String,
    queue: Queue,
    condition: Condition,
}

/// A destination that has all it needs and does not run yet.
#[derive(Debug)]
pub(super) struct Ready {
    plan: DestinationPlan,
    timing: Timing,
    sink: AnySink,
}

#[derive(Debug)]
enum AnySink {
    File(File),
    Udp(Udp),
    Tcp(Tcp),
}

impl Ready {
    /// Opens files, so that a bad path is told before anything changes. Collectors are reached
    /// for later: that one is away must not keep the daemon from starting.
    pub(super) fn prepare(
        plan: &DestinationPlan,
        timing: Timing,
        profiles: &Arc<ArcSwap<Profiles>>,
    ) -> Result<Self, EventError> {
        let sink = match &plan.kind {
            DestinationKind::File { path } => {
                let encoder = Encoder::of_this_host(plan.format.clone(), 0);
                let opened = File::open(path.clone(), encoder);
                AnySink::File(opened.map_err(|source| EventError::OpenFile {
                    name: plan.name.clone(),
                    path: path.clone(),
                    source,
                })?)
            }
            DestinationKind::Syslog {
                address,
                host,
                transport,
                facility,
                source,
            } => {
                let encoder = Encoder::of_this_host(plan.format.clone(), *facility);
                match transport {
                    Transport::Udp => AnySink::Udp(Udp::new(*address, *source, encoder)),
                    Transport::Tcp(framing) => {
                        let shape = (encoder, *framing);
                        AnySink::Tcp(Tcp::new(*address, *source, shape, timing, None))
                    }
                    Transport::Tls(framing, profile) => {
                        let shape = (encoder, *framing);
                        let secure = Secure::new(profiles, *profile, host.as_deref());
                        AnySink::Tcp(Tcp::new(*address, *source, shape, timing, Some(secure)))
                    }
                }
            }
        };
        Ok(Self {
            plan: plan.clone(),
            timing,
            sink,
        })
    }

    /// Runs it on the current tokio runtime.
    pub(super) fn start(self) -> Arc<Destination> {
        let desk = Arc::new(Desk {
            name: self.plan.name.clone(),
            queue: Queue::new(self.plan.queue),
            condition: Condition::default(),
        });
        let shared = Arc::clone(&desk);
        let timing = self.timing;
        let task = match self.sink {
            AnySink::File(sink) => tokio::spawn(worker::run(sink, shared, timing)),
            AnySink::Udp(sink) => tokio::spawn(worker::run(sink, shared, timing)),
            AnySink::Tcp(sink) => tokio::spawn(worker::run(sink, shared, timing)),
        };
        Arc::new(Destination {
            plan: self.plan,
            desk,
            task: Mutex::new(Some(task)),
        })
    }
}

impl Destination {
    pub(super) fn plan(&self) -> &DestinationPlan {
        &self.plan
    }

    /// Queues records in order, and empties `records`.
    pub(super) fn offer(&self, records: &mut Vec<Arc<Event>>) {
        self.desk.queue.offer(records);
    }

    /// Makes a file destination look whether its file was moved away.
    pub(super) fn nudge(&self) {
        self.desk.queue.nudge();
    }

    pub(super) fn close(&self) {
        self.desk.queue.close();
    }

    /// Waits until what was queued is sent, or gives it up at `deadline`.
    pub(super) async fn finish(&self, deadline: Instant) {
        self.close();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut task) = task
            && tokio::time::timeout_at(deadline, &mut task).await.is_err()
        {
            task.abort();
            // Its counters are still once it has ended, and an aborted task always ends.
            let _ = task.await;
        }
        self.desk.queue.abandon();
        self.desk.condition.stopped();
    }

    pub(super) fn status(&self) -> DestinationStatus {
        let ledger = self.desk.queue.ledger();
        let (state, failures, last_error) = self.desk.condition.read();
        let (kind, target) = describe(&self.plan.kind);
        DestinationStatus {
            name: self.plan.name.clone(),
            kind,
            target,
            state,
            capacity: self.desk.queue.capacity(),
            queued: ledger.queued,
            offered: ledger.offered,
            sent: ledger.sent,
            lost: ledger.lost,
            failures,
            last_error,
        }
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        self.close();
    }
}

fn describe(kind: &DestinationKind) -> (&'static str, String) {
    match kind {
        DestinationKind::File { path } => ("file", path.display().to_string()),
        DestinationKind::Syslog {
            address, transport, ..
        } => {
            let kind = match transport {
                Transport::Udp => "syslog-udp",
                Transport::Tcp(_) => "syslog-tcp",
                Transport::Tls(..) => "syslog-tls",
            };
            (kind, address.to_string())
        }
    }
}

#[cfg(test)]
pub(in crate::event) mod tests;
