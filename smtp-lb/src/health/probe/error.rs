//! Why a probe failed.

use std::io;
use std::time::Duration;

use crate::smtp::reply::{Reply, ReplyError};

use super::{Step, Transcript};

/// A probe that failed: where, why, and what was said until then. Shown, it is printable ASCII
/// of less than 300 characters.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct ProbeError {
    /// Where.
    pub step: Step,
    /// Why.
    #[source]
    pub cause: Cause,
    /// What was said until then.
    pub transcript: Transcript,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Nobody listens.
    #[error("refused")]
    Refused,
    /// Any other failure of the network.
    #[error("{0}")]
    Io(io::ErrorKind),
    /// The server closed the connection.
    #[error("closed by the server")]
    Closed,
    /// The probe's time is over.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Another reply than the step wants.
    #[error("{0}")]
    Rejected(Reply),
    /// Octets that are no reply.
    #[error(transparent)]
    Malformed(#[from] ReplyError),
    /// More than the one reply.
    #[error("server talks unasked")]
    Unasked,
    /// The name for EHLO is no word of printable ASCII.
    #[error("domain for EHLO is not valid")]
    Domain,
}
