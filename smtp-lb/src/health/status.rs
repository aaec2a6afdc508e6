//! What health tells about itself.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use super::State;
use super::probe::Step;

/// A member as its monitors see it. Times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// Pool.
    pub pool: Arc<str>,
    /// Member.
    pub member: Arc<str>,
    /// Where it is.
    pub address: SocketAddr,
    /// As last told to the pool; `checking` if nothing was told yet.
    pub state: State,
    /// When that began.
    pub since: String,
    /// Why, printable ASCII.
    pub reason: String,
    /// Each of its monitors.
    pub monitors: Vec<MonitorStatus>,
}

/// One monitor's view of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonitorStatus {
    /// Name of the monitor.
    pub monitor: String,
    /// What it makes of the member.
    pub state: State,
    /// When that began.
    pub since: String,
    /// It had the member down, and waits for an operator to resume it.
    pub held: bool,
    /// Probes ended.
    pub probes: u64,
    /// Of them, those that failed.
    pub failures: u64,
    /// When the newest probe started.
    pub last_probe: Option<String>,
    /// How the newest probe that ended did: `ok`, or step and cause.
    pub last_result: Option<String>,
    /// Where a probe under way is.
    pub step: Option<Step>,
}
