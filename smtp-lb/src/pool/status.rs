//! Pools as an operator sees them.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{Member, State};

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolStatus {
    /// Unique name.
    pub name: String,
    /// Whether monitors judge its members.
    pub monitored: bool,
    /// Its members, in the order of the configuration.
    pub members: Vec<MemberStatus>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// Unique within the pool.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Up, down, or not judged yet. Always up in a pool without monitors.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: u64,
    /// Sessions now.
    pub active: usize,
    /// Sessions that were connected, ever.
    pub sessions: u64,
    /// Connects that failed or timed out, ever.
    pub connect_failures: u64,
    /// Greetings that were no 220, ever.
    pub refused_greetings: u64,
    /// Bytes from clients to the member, ever.
    pub bytes_in: u64,
    /// Bytes from the member to clients, ever.
    pub bytes_out: u64,
}

impl MemberStatus {
    pub(super) fn of(member: &Member, monitored: bool) -> Self {
        let standing = member.standing();
        // A member may keep an older judgement over a reload that took its monitors away.
        let (state, reason) = if monitored {
            (standing.state, standing.reason)
        } else {
            (State::Up, "no monitor".to_owned())
        };
        Self {
            name: member.name().to_owned(),
            address: member.address(),
            state,
            reason,
            since: seconds(standing.since),
            active: member.active(),
            sessions: member.sessions(),
            connect_failures: member.connect_failures(),
            refused_greetings: member.refused_greetings(),
            bytes_in: member.bytes_in(),
            bytes_out: member.bytes_out(),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
