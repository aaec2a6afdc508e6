//! Addresses of hosts, and the questions of security checks ([`Questions`]).
//!
//! Addresses are those of the machine's own `/etc/hosts` and the name servers of `/etc/resolv.conf`.
//!
//! What a name server says holds for as long as it says so, within bounds. Both files are read again
//! when they have changed.

mod questions;
mod schedule;
mod stamp;
mod system;
mod table;

use std::net::IpAddr;
use std::time::Duration;

pub use questions::{QuestionCounts, QuestionError, QuestionSettings, Questions, system_servers};
pub use schedule::{LEAST, LONGEST};
pub use system::Resolver;
pub use table::{Noted, Shown, Table};

/// Time for one name, all queries and name servers together.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Sorted, each once, never empty.
    pub addresses: Vec<IpAddr>,
    /// How long that holds, [`LEAST`] to [`LONGEST`].
    pub ttl: Duration,
}

/// Why the addresses of a host are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// `/etc/resolv.conf` cannot be made use of.
    #[error("cannot use /etc/resolv.conf: {0}")]
    System(String),
    /// No name server answered, or not with sense.
    #[error("{0}")]
    Failed(String),
    /// Not in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Timeout,
    /// It was said that there is none.
    #[error("it has no address")]
    NoAddress,
}
