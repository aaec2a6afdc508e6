//! Pools as an operator sees them.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{Administration, Member, Pool, State, Terms, WHOLE};
use crate::config::plan::Balance;

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolStatus {
    /// Unique name.
    pub name: String,
    /// How a member is chosen, as the configuration has it.
    pub balance: &'static str,
    /// Whether monitors judge its members.
    pub monitored: bool,
    /// Members of the greatest priority that must be up.
    pub min_active: usize,
    /// Connections at once to all members. None: no bound.
    pub limit: Option<usize>,
    /// New connections in a second to all members. None: no bound.
    pub rate: Option<u32>,
    /// Sessions that may wait. None: they do not.
    pub queue_length: Option<usize>,
    /// How long one may wait, in milliseconds.
    pub queue_wait_millis: Option<u64>,
    /// Sessions that wait for a member with room now.
    pub waiting: usize,
    /// Sessions that had to wait, ever.
    pub queued: u64,
    /// Sessions that found all members at their limits, and no place to wait or waited in vain, ever.
    pub refused: u64,
    /// Its members, in the order of the configuration. Those that are not in it any more and still have
    /// connections come last.
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
    /// What an operator says of it.
    pub administration: Administration,
    /// Since when, in seconds since the Unix epoch.
    pub administration_since: u64,
    /// When its drain is to be over, in seconds since the Unix epoch.
    pub drain_until: Option<u64>,
    /// The plan in force does not have it any more.
    pub gone: bool,
    /// Connections at once. None: no bound.
    pub limit: Option<usize>,
    /// New connections in a second. None: no bound.
    pub rate: Option<u32>,
    /// Its weight.
    pub ratio: u32,
    /// Its priority group.
    pub priority: u32,
    /// What slow ramp lets it have, in per cent of its weight.
    pub ramp: u32,
    /// How long it took to greet, smoothed, in microseconds. None: it was never seen to.
    pub greeting_micros: Option<u64>,
    /// Connections now, those that the gateway keeps for later included.
    pub connections: usize,
    /// Sessions now.
    pub active: usize,
    /// Sessions that were connected, ever.
    pub sessions: u64,
    /// Connects that failed or timed out, ever.
    pub connect_failures: u64,
    /// Greetings that were no 220, ever.
    pub refused_greetings: u64,
    /// Times that it broke SMTP or did not answer in time, where SMTP is read.
    pub faults: u64,
    /// Bytes from clients to the member, ever.
    pub bytes_in: u64,
    /// Bytes from the member to clients, ever.
    pub bytes_out: u64,
}

pub(super) fn of(pool: &Pool, now: Duration) -> PoolStatus {
    let members = pool.members.iter().zip(&pool.terms);
    let members = members.map(|(member, terms)| of_member(pool, member, terms, now));
    let leaving = pool.leaving();
    let leaving = leaving
        .iter()
        .map(|member| of_member(pool, member, &Terms::NONE, now));
    PoolStatus {
        name: pool.name.clone(),
        balance: word(pool.balance),
        monitored: pool.monitored,
        min_active: pool.min_active,
        limit: pool.limit.connections(),
        rate: pool.limit.per_second(),
        queue_length: pool.bounds.map(|queue| queue.length),
        queue_wait_millis: pool.bounds.map(|queue| millis(queue.wait)),
        waiting: pool.queue.waiting(),
        queued: pool.queue.queued.load(Ordering::Relaxed),
        refused: pool.queue.refused.load(Ordering::Relaxed),
        members: members.chain(leaving).collect(),
    }
}

fn of_member(pool: &Pool, member: &Member, terms: &Terms, now: Duration) -> MemberStatus {
    let standing = member.standing();
    // A member may keep an older judgement over a reload that took its monitors away.
    let (state, reason) = if pool.monitored {
        (standing.state, standing.reason)
    } else {
        (State::Up, "no monitor".to_owned())
    };
    let order = member.order();
    let greeting = member.greeting().map(|time| time.as_micros());
    MemberStatus {
        name: member.name().to_owned(),
        address: member.address(),
        state,
        reason,
        since: seconds(standing.since),
        administration: order.state,
        administration_since: seconds(order.since),
        drain_until: order.until.map(seconds),
        gone: member.is_gone(),
        limit: terms.limit.connections(),
        rate: terms.limit.per_second(),
        ratio: terms.ratio,
        priority: terms.priority,
        ramp: pool.share(member, now) * 100 / WHOLE,
        greeting_micros: greeting.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX)),
        connections: member.connections(),
        active: member.active(),
        sessions: member.sessions(),
        connect_failures: member.connect_failures(),
        refused_greetings: member.refused_greetings(),
        faults: member.faults(),
        bytes_in: member.bytes_in(),
        bytes_out: member.bytes_out(),
    }
}

/// As the configuration has it.
fn word(balance: Balance) -> &'static str {
    match balance {
        Balance::LeastConnections => "least-connections",
        Balance::RoundRobin => "round-robin",
        Balance::Ratio => "ratio",
        Balance::WeightedLeastConnections => "weighted-least-connections",
        Balance::Fastest => "fastest",
        Balance::PowerOfTwo => "power-of-two",
        Balance::SourceHash => "source-hash",
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
