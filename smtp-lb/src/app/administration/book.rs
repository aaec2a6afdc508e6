//! What was said of members, as the file has it. Pure: time is an argument.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::pool::{Administration, Member, Order};

/// Entries; the ones that were of no member for the longest time go first.
const ENTRIES: usize = 10_000;
/// An entry of no member is kept for so long: the member may come back.
const MEMORY: Duration = Duration::from_hours(30 * 24);
/// Of the file. Another one is not read.
const VERSION: u32 = 1;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Corrupt {
    /// It is not what we write.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is of another smtp-lb.
    #[error("it is of version {0}, not {VERSION}")]
    Version(u32),
}

/// All entries. A member without one is enabled.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    version: u32,
    members: Vec<Entry>,
}

/// What was said of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) pool: String,
    pub(super) member: String,
    /// `None`: whatever addresses the name has.
    address: Option<String>,
    state: Administration,
    /// Seconds since the Unix epoch, as all here.
    since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// When there was such a member last.
    seen: u64,
}

impl Book {
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Corrupt> {
        let mut book: Self = serde_json::from_slice(octets)?;
        if book.version != VERSION {
            return Err(Corrupt::Version(book.version));
        }
        book.members.truncate(ENTRIES);
        Ok(book)
    }

    pub(super) fn encode(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct File<'a> {
            version: u32,
            members: &'a [Entry],
        }
        serde_json::to_vec_pretty(&File {
            version: VERSION,
            members: &self.members,
        })
    }

    /// What is to be in force of a member, that is there now. A drain whose time is over has ended.
    pub(super) fn find(&mut self, pool: &str, member: &Member, now: SystemTime) -> Option<Order> {
        let own = self.members.iter().position(|it| it.is(pool, member));
        let host = || {
            self.members
                .iter()
                .position(|it| it.is_host(pool, member.written()))
        };
        let entry = own.or_else(host).and_then(|at| self.members.get_mut(at))?;
        entry.seen = seconds(now);
        let mut order = entry.order();
        if order.state == Administration::Draining && order.until.is_some_and(|until| until <= now)
        {
            order.state = Administration::Drained;
        }
        Some(order)
    }

    /// From now on this is said of the member.
    pub(super) fn set(&mut self, pool: &str, member: &Member, order: Order, now: SystemTime) {
        self.members.retain(|entry| !entry.is(pool, member));
        let mut entries = self.members.iter();
        let of_host = entries.any(|entry| entry.is_host(pool, member.written()));
        if order.state == Administration::Enabled && !of_host {
            return;
        }
        self.members.push(Entry {
            pool: pool.to_owned(),
            member: member.name().to_owned(),
            address: Some(member.address().to_string()),
            state: order.state,
            since: seconds(order.since),
            until: order.until.map(seconds),
            seen: seconds(now),
        });
        self.prune(now);
    }

    /// From now on this is said of all addresses of a host.
    pub(super) fn set_host(&mut self, pool: &str, host: &str, order: Order, now: SystemTime) {
        let address = |entry: &Entry| {
            let rest = entry.member.strip_prefix(host)?;
            rest.strip_prefix('/').map(|_| ())
        };
        self.members.retain(|entry| {
            entry.pool != pool || !(entry.is_host(pool, Some(host)) || address(entry).is_some())
        });
        if order.state == Administration::Enabled {
            return;
        }
        self.members.push(Entry {
            pool: pool.to_owned(),
            member: host.to_owned(),
            address: None,
            state: order.state,
            since: seconds(order.since),
            until: order.until.map(seconds),
            seen: seconds(now),
        });
        self.prune(now);
    }

    /// Forgets members that were not there for long.
    pub(super) fn prune(&mut self, now: SystemTime) {
        let oldest = seconds(now).saturating_sub(MEMORY.as_secs());
        self.members.retain(|entry| entry.seen >= oldest);
        if self.members.len() > ENTRIES {
            self.members
                .sort_by_key(|entry| std::cmp::Reverse(entry.seen));
            self.members.truncate(ENTRIES);
        }
    }
}

impl Entry {
    fn is(&self, pool: &str, member: &Member) -> bool {
        self.pool == pool
            && self.member == member.name()
            && self.address.as_deref() == Some(&*member.address().to_string())
    }

    fn is_host(&self, pool: &str, host: Option<&str>) -> bool {
        self.pool == pool && self.address.is_none() && Some(self.member.as_str()) == host
    }

    fn order(&self) -> Order {
        Order {
            state: self.state,
            since: time(self.since),
            until: self.until.map(time),
        }
    }
}

/// What does not fit is as good as the beginning.
fn time(seconds: u64) -> SystemTime {
    let since = Duration::from_secs(seconds);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
