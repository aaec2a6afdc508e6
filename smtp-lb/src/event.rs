//! Events: the ring reader → bus → publisher → destinations.
//!
//! Anything may [`Bus::emit`]; emitting never blocks. One task takes events off the bus and
//! hands each to the destinations of its log profile, every one of which has a bounded queue
//! and a task of its own, so that a slow or dead one holds up nobody. What is lost is counted
//! where it is lost:
//!
//! - `emitted = accepted + lost` on the bus,
//! - `accepted = published + filtered + suppressed + unrouted + queued` at the publisher,
//! - `carried + offered = sent + lost + queued` at each destination; `carried` is what its queue on disk
//!   held at the start.

mod backoff;
mod bus;
mod destination;
mod filter;
mod follow;
pub mod format;
mod label;
mod limits;
mod losses;
pub mod model;
mod outgoing;
mod packet;
mod pipeline;
mod publisher;
mod queue;
mod rate;
mod recent;
pub mod ring;
mod routes;
pub mod schema;
mod spool;
mod status;
mod timing;

pub use bus::Bus;
#[cfg(test)]
pub(crate) use bus::Receiver;
pub use filter::{Filter, FilterError};
pub use follow::Follower;
pub use pipeline::{Pipeline, Prepared};
pub use routes::Routes;
pub use status::{
    BusStatus, DestinationState, DestinationStatus, DiskStatus, FollowerStatus, LogStatus, Lost,
    PublisherStatus, RingStatus, TestReport,
};

use std::io;
use std::path::PathBuf;

/// Why the event pipeline cannot begin or change.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A log file cannot be opened for appending.
    #[error("log destination `{name}`: cannot open {}: {source}", path.display())]
    OpenFile {
        /// The destination.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of a queue on disk cannot be made.
    #[error("log destination `{name}`: cannot make the queue {}: {source}", path.display())]
    MakeQueue {
        /// The destination.
        name: String,
        /// Its folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
