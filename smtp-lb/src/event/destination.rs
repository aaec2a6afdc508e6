//! A destination: a queue, a task, and what is known of how it does.

mod collectors;
mod condition;
mod dial;
mod disk;
mod file;
mod hec;
mod journald;
mod secure;
mod tcp;
mod udp;
mod worker;

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::plan::{DestinationKind, DestinationPlan, Transport};

use super::EventError;
use super::format::encoder::Encoder;
use super::label::Labels;
use super::packet::Item;
use super::queue::Queue;
use super::rate::Rate;
use super::spool::Bounds;
use super::status::{DestinationState, DestinationStatus, Lost};
use super::timing::Timing;
use crate::tls::Profiles;
use collectors::Collectors;
use condition::Condition;
use disk::Gauge;
use file::File;
use hec::Hec;
use journald::Journald;
use secure::Secure;
use tcp::Tcp;
use udp::Udp;

/// A running destination. Dropping the last handle closes its queue: the task sends what is
/// left, within [`Timing::drain`], and ends.
#[derive(Debug)]
pub(super) struct Destination {
    plan: DestinationPlan,
    desk: Arc<Desk>,
    collectors: Option<Arc<Collectors>>,
    task: Mutex<Option<JoinHandle<()>>>,
    rate: Rate,
}

/// What the handle and the task share.
#[derive(Debug)]
struct Desk {
    name: String,
    queue: Queue,
    condition: Condition,
    /// Of its queue on disk.
    gauge: Option<Gauge>,
    /// The names of packets.
    labels: Arc<Labels>,
}

/// A destination that has all it needs and does not run yet.
#[derive(Debug)]
pub(super) struct Ready {
    plan: DestinationPlan,
    timing: Timing,
    encoder: Encoder,
    sink: AnySink,
    collectors: Option<Arc<Collectors>>,
}

#[derive(Debug)]
enum AnySink {
    File(File),
    Udp(Udp),
    Tcp(Tcp),
    Hec(Box<Hec>),
    Journald(Journald),
}

impl Ready {
    /// Opens files, so that a bad path is told before anything changes. Collectors are reached
    /// for later: that one is away must not keep the daemon from starting.
    pub(super) fn prepare(
        plan: &DestinationPlan,
        timing: Timing,
        profiles: &Arc<ArcSwap<Profiles>>,
    ) -> Result<Self, EventError> {
        let (sink, facility, collectors) = match &plan.kind {
            DestinationKind::File { path, rotate } => {
                let opened = File::open(path.clone(), *rotate);
                let file = opened.map_err(|source| EventError::OpenFile {
                    name: plan.name.clone(),
                    path: path.clone(),
                    source,
                })?;
                (AnySink::File(file), 0, None)
            }
            DestinationKind::Syslog {
                collectors,
                transport,
                facility,
                source,
            } => {
                let shared = Collectors::new(collectors);
                let to = Arc::clone(&shared);
                let tcp = |framing, secure| Tcp::new(to, *source, framing, timing, secure);
                let sink = match transport {
                    Transport::Udp => AnySink::Udp(Udp::new(Arc::clone(&shared), *source)),
                    Transport::Tcp(framing) => AnySink::Tcp(tcp(*framing, None)),
                    Transport::Tls(framing, profile) => {
                        AnySink::Tcp(tcp(*framing, Some(Secure::new(profiles, *profile))))
                    }
                };
                (sink, *facility, Some(shared))
            }
            DestinationKind::Hec {
                collectors,
                tls,
                token,
                acknowledge,
            } => {
                let shared = Collectors::new(collectors);
                let secure = tls.map(|profile| Secure::new(profiles, profile));
                let with = (token.clone(), *acknowledge);
                let hec = Hec::new(Arc::clone(&shared), secure, with, timing);
                (AnySink::Hec(Box::new(hec)), 0, Some(shared))
            }
            DestinationKind::Journald { path } => {
                (AnySink::Journald(Journald::new(path.clone())), 0, None)
            }
        };
        if let Some(disk) = &plan.disk {
            make_folder(&disk.folder).map_err(|source| EventError::MakeQueue {
                name: plan.name.clone(),
                path: disk.folder.clone(),
                source,
            })?;
        }
        Ok(Self {
            plan: plan.clone(),
            timing,
            encoder: Encoder::of_this_host(plan.format.clone(), facility),
            sink,
            collectors,
        })
    }

    /// Runs it on the current tokio runtime. Packets will have their names of `labels`.
    pub(super) fn start(self, labels: &Arc<Labels>) -> Arc<Destination> {
        let desk = Arc::new(Desk {
            name: self.plan.name.clone(),
            queue: Queue::new(self.plan.queue, self.plan.overflow),
            condition: Condition::default(),
            gauge: self.plan.disk.as_ref().map(|disk| Gauge::new(disk.size)),
            labels: Arc::clone(labels),
        });
        let place = self.plan.disk.as_ref().map(|disk| disk::Place {
            folder: disk.folder.clone(),
            bounds: Bounds {
                size: disk.size,
                age: disk.age,
                overflow: self.plan.overflow,
            },
            confirm: disk.confirm,
        });
        if let Some(collectors) = &self.collectors {
            collectors.watch(desk.queue.token());
        }
        let work = (self.encoder, Arc::clone(&desk), self.timing, place);
        let task = match self.sink {
            AnySink::File(sink) => run(sink, work),
            AnySink::Udp(sink) => run(sink, work),
            AnySink::Tcp(sink) => run(sink, work),
            AnySink::Hec(sink) => run(*sink, work),
            AnySink::Journald(sink) => run(sink, work),
        };
        Arc::new(Destination {
            plan: self.plan,
            desk,
            collectors: self.collectors,
            task: Mutex::new(Some(task)),
            rate: Rate::default(),
        })
    }
}

type Work = (Encoder, Arc<Desk>, Timing, Option<disk::Place>);

fn run(sink: impl worker::Sink, (encoder, desk, timing, place): Work) -> JoinHandle<()> {
    match place {
        Some(place) => tokio::spawn(disk::run(sink, encoder, desk, timing, place)),
        None => tokio::spawn(worker::run(sink, encoder, desk, timing)),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true).mode(0o700).create(path)
}

impl Destination {
    pub(super) fn plan(&self) -> &DestinationPlan {
        &self.plan
    }

    /// Queues records in order, and empties `records`.
    pub(super) fn offer(&self, records: &mut Vec<Item>) {
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

    /// Called once a second.
    pub(super) fn note_rate(&self) {
        self.rate.note(self.status().sent);
    }

    pub(super) fn status(&self) -> DestinationStatus {
        let memory = || self.desk.queue.ledger();
        let (ledger, shown) = match &self.desk.gauge {
            Some(gauge) => {
                let (ledger, shown) = gauge.read(memory);
                (ledger, Some(shown))
            }
            None => (memory(), None),
        };
        let (state, failures, last_error) = self.desk.condition.read();
        let (kind, file) = describe(&self.plan.kind);
        let target = self
            .collectors
            .as_ref()
            .map_or(file, |collectors| collectors.shown());
        // What the queue in memory calls sent is on disk.
        let (carried, sent, on_disk) = shown.as_ref().map_or((0, ledger.sent, 0), |shown| {
            (shown.carried, shown.sent, shown.disk.queued)
        });
        let lost = shown.as_ref().map_or(ledger.lost, |shown| Lost {
            overflow: ledger.lost.overflow + shown.lost.overflow,
            shutdown: ledger.lost.shutdown,
            ..shown.lost
        });
        let on_disk_oldest = shown.as_ref().and_then(|shown| shown.disk.oldest_ns);
        let oldest = on_disk_oldest.or_else(|| self.desk.queue.oldest());
        DestinationStatus {
            name: self.plan.name.clone(),
            kind: kind.to_owned(),
            target,
            state,
            capacity: self.desk.queue.capacity(),
            queued: ledger.queued + on_disk,
            carried,
            offered: ledger.offered,
            sent,
            lost,
            failures,
            last_error,
            rate: self.rate.read(),
            lag_ms: oldest.map_or(0, |oldest| now_ns().saturating_sub(oldest) / 1_000_000),
            disk: shown.map(|shown| shown.disk),
        }
    }
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

impl Drop for Destination {
    fn drop(&mut self) {
        self.close();
    }
}

/// The kind, and the target where that is a path.
fn describe(kind: &DestinationKind) -> (&'static str, String) {
    match kind {
        DestinationKind::File { path, .. } => ("file", path.display().to_string()),
        DestinationKind::Journald { path } => ("journald", path.display().to_string()),
        DestinationKind::Hec { .. } => ("hec", String::new()),
        DestinationKind::Syslog { transport, .. } => {
            let kind = match transport {
                Transport::Udp => "syslog-udp",
                Transport::Tcp(_) => "syslog-tcp",
                Transport::Tls(..) => "syslog-tls",
            };
            (kind, String::new())
        }
    }
}

#[cfg(test)]
pub(in crate::event) mod tests;
