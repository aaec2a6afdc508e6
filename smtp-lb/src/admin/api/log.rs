//! The event pipeline over the control socket.

use serde::{Deserialize, Serialize};

/// `GET /v1/log`, and in the answer of `POST /v1/log/test`.
pub use crate::event::{LogStatus as LogReport, TestReport};

/// `POST /v1/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventQuery {
    /// Conditions that an event must meet, all of them, as `action=drop`.
    #[serde(default)]
    pub filters: Vec<String>,
    /// How records are written: `json` (the default), `rfc5424`, `rfc3164`, `cef`, `splunk` or `bigip`.
    #[serde(default)]
    pub format: Option<String>,
}

/// `POST /v1/log/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTest {
    /// Name of the destination.
    pub destination: String,
    /// Records, 1 to 1000000.
    pub count: usize,
    /// Longest time to wait for them, in milliseconds, at most 25000.
    pub within_ms: u64,
}
