//! What the pipeline tells about itself.

use serde::{Deserialize, Serialize};

/// State and counters of the event pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Before it: the kernel's rings. `None`: nothing counts packets.
    #[serde(default)]
    pub ring: Option<RingStatus>,
    /// The way in.
    pub bus: BusStatus,
    /// Between the bus and the destinations.
    pub publisher: PublisherStatus,
    /// Those who watch live.
    pub followers: FollowerStatus,
    /// In the order of the configuration.
    pub destinations: Vec<DestinationStatus>,
}

/// Between the packet filter and the bus: `asked = sent + rate_limited + lost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingStatus {
    /// Events that rules asked for.
    pub asked: u64,
    /// Events that were told.
    pub sent: u64,
    /// Events over the rate of their rule.
    pub rate_limited: u64,
    /// Events that found no room in the ring of their CPU.
    pub lost: u64,
}

/// The bus: `emitted = accepted + lost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusStatus {
    /// Events that fit.
    pub capacity: usize,
    /// Events waiting now.
    pub queued: usize,
    /// Events taken.
    pub accepted: u64,
    /// Events for which there was no room, or that came after the stop.
    pub lost: u64,
}

/// The publisher: `accepted = published + filtered + suppressed + unrouted + queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherStatus {
    /// Events offered to the destinations of their profile.
    pub published: u64,
    /// Events that their profile does not ask for.
    pub filtered: u64,
    /// Events over the rate of their profile, or left out by its sampling.
    #[serde(default)]
    pub suppressed: u64,
    /// Events of no profile.
    pub unrouted: u64,
}

/// Those who follow live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerStatus {
    /// How many now.
    pub count: usize,
    /// Events that slow followers missed, over all of them.
    pub lost: u64,
}

/// A destination: `carried + offered = sent + lost + queued`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name.
    pub name: String,
    /// `file`, `syslog-udp`, `syslog-tcp`, `syslog-tls`, `hec` or `journald`.
    pub kind: String,
    /// Path or address.
    pub target: String,
    /// How it does.
    pub state: DestinationState,
    /// Records that fit in its queue.
    pub capacity: usize,
    /// Records waiting or being written.
    pub queued: u64,
    /// Records that its queue on disk held at the start.
    pub carried: u64,
    /// Records that the publisher had for it.
    pub offered: u64,
    /// Records written to the file or the socket. What the network or the collector does with
    /// them afterwards syslog has no way to tell. With a queue on disk: those that the collector is known
    /// to have, as far as its kind of transport can say.
    pub sent: u64,
    /// Records given up.
    pub lost: Lost,
    /// Failed attempts to open or write.
    pub failures: u64,
    /// The newest failure, control characters escaped.
    pub last_error: Option<String>,
    /// Records sent in a second, over the last ten.
    pub rate: u64,
    /// Age of the oldest record that waits, in milliseconds.
    pub lag_ms: u64,
    /// Its queue on disk.
    pub disk: Option<DiskStatus>,
}

/// A queue on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Octets that it may take.
    pub size: u64,
    /// Octets that it takes.
    pub octets: u64,
    /// Records written to it, and not known to have arrived.
    pub queued: u64,
    /// The last sequence number given to a record that was written to it.
    pub sequence: u64,
    /// Records that a crash cut in two, since the queue was made. They had not been accepted.
    pub torn: u64,
    /// Time of the oldest ones, nanoseconds since the Unix epoch.
    pub oldest_ns: Option<u64>,
}

/// Records given up, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The queue was full.
    pub overflow: u64,
    /// The network does not carry a datagram of that size.
    pub too_large: u64,
    /// Not sent before the destination was stopped.
    pub shutdown: u64,
    /// Waited on disk for longer than `age`.
    pub aged: u64,
    /// What was read from disk was not what had been written.
    pub corrupt: u64,
}

impl Lost {
    /// Over all causes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.overflow + self.too_large + self.shutdown + self.aged + self.corrupt
    }
}

/// How a destination does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// Not yet open.
    Starting,
    /// Open.
    Up,
    /// Failed; tries again.
    Retrying,
    /// Ended.
    Stopped,
}

impl DestinationStatus {
    /// Records that wait in memory.
    pub(super) fn in_memory(&self) -> u64 {
        self.queued - self.disk.map_or(0, |disk| disk.queued).min(self.queued)
    }
}

/// What became of test records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// Records given to the destination.
    pub given: usize,
    /// Were they, and all that waited before them, sent or lost in time?
    pub settled: bool,
    /// Records sent meanwhile.
    pub sent: u64,
    /// Records lost meanwhile.
    pub lost: u64,
    /// Records that wait still.
    pub queued: u64,
    /// Those of them that are on disk.
    pub on_disk: u64,
    /// Milliseconds that it took.
    pub millis: u64,
    /// How the destination does.
    pub state: DestinationState,
    /// Its newest failure.
    pub last_error: Option<String>,
}

impl TestReport {
    pub(super) fn new(
        given: usize,
        settled: bool,
        before: &DestinationStatus,
        after: &DestinationStatus,
        took: std::time::Duration,
    ) -> Self {
        Self {
            given,
            settled,
            sent: after.sent.saturating_sub(before.sent),
            lost: after.lost.total().saturating_sub(before.lost.total()),
            queued: after.queued,
            on_disk: after.disk.map_or(0, |disk| disk.queued),
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            state: after.state,
            last_error: after.last_error.clone(),
        }
    }
}
