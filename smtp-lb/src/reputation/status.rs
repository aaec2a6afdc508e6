//! What is told of reputation: types of the control API.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ledger::Entry;
use super::sets::Member;

/// All that can be told at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReputationStatus {
    /// Whether a policy asks for reputation.
    pub used: bool,
    /// Feeds, in the order of the file.
    pub feeds: Vec<FeedStatus>,
    /// Categories with what was counted of them; the empty name stands for allow entries.
    pub categories: Vec<CategoryStatus>,
    /// The image in force.
    pub image: ImageStatus,
    /// Added entries.
    pub added: AddedStatus,
}

/// How it stands with the source of a feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Not looked at yet, and nothing was kept.
    #[default]
    Waiting,
    /// In force as it is there.
    Good,
    /// Not looked at yet; in force is what was kept on disk.
    Kept,
    /// The last look failed, or found what was refused. What is in force is older, or nothing.
    Failed,
}

impl fmt::Display for FeedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Good => "good",
            Self::Kept => "kept",
            Self::Failed => "failed",
        })
    }
}

/// A feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Name.
    pub name: String,
    /// File or URL.
    pub source: String,
    /// How it stands with the source.
    pub state: FeedState,
    /// Ranges in force, IPv4; networks that touch are one.
    pub v4: usize,
    /// Ranges in force, IPv6.
    pub v6: usize,
    /// Good lines of what is in force.
    pub lines: usize,
    /// Bad lines of it.
    pub bad_lines: usize,
    /// The first few of them.
    pub first_bad: Vec<String>,
    /// Last look at the source, in seconds since the Unix epoch.
    pub looked: Option<u64>,
    /// When what is in force was taken, in seconds since the Unix epoch.
    pub taken: Option<u64>,
    /// Looks at the source.
    pub looks: u64,
    /// Looks that found nothing new.
    pub unchanged: u64,
    /// Looks that failed, or found what was refused.
    pub failures: u64,
    /// The newest failure.
    pub last_error: Option<String>,
    /// What was counted of its sources.
    pub hits: Entry,
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryStatus {
    /// Name.
    pub name: String,
    /// What was counted of its sources.
    pub hits: Entry,
}

/// The image in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStatus {
    /// Counts images since the start.
    pub generation: u32,
    /// Octets of the image.
    pub bytes: u64,
    /// Sets in it.
    pub sets: usize,
    /// From parsed feeds to the image in force, in milliseconds.
    pub millis: u64,
}

/// Added entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedStatus {
    /// Entries now.
    pub entries: usize,
    /// The bound.
    pub most: usize,
    /// Entries that were refused, as there was no room.
    pub full: u64,
    /// Entries that were refused, as they named a trusted source or made no sense.
    pub refused: u64,
    /// Reports of the proxy that were lost, as too many came at once.
    pub lost: u64,
    /// What was counted of them.
    pub hits: Entry,
}

/// Who adds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// An operator, by CLI or API.
    Operator = 0,
    /// The proxy, by [`super::Feedback`].
    Proxy = 1,
}

impl Origin {
    pub(super) const fn from_u32(number: u32) -> Self {
        if number == Self::Proxy as u32 {
            Self::Proxy
        } else {
            Self::Operator
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Proxy => "proxy",
        })
    }
}

/// An added entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedEntry {
    /// Network.
    pub network: String,
    /// Category.
    pub category: String,
    /// Seconds until it ends.
    pub left: u64,
    /// When it was added, in seconds since the Unix epoch.
    pub since: u64,
    /// Who added it.
    pub origin: Origin,
    /// Why.
    pub reason: String,
}

/// Who lists an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressStatus {
    /// The address.
    pub address: IpAddr,
    /// A trusted source, which no entry can list: of the failsafe list or of `allow`.
    pub trusted: bool,
    /// Feeds that list it, and as what; an empty category allows it.
    pub feeds: Vec<Member>,
    /// Added entries that hold it.
    pub added: Vec<AddedEntry>,
    /// What each context does with its packets, before its own policy.
    pub verdicts: Vec<ContextVerdict>,
}

/// What a context does with packets from an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextVerdict {
    /// `host`, or the name of a virtual server behind `virtual-server:`.
    pub context: String,
    /// `drop`, or `accept` for what goes on.
    pub action: String,
    /// Policy and category that decide, or tell.
    pub by: Option<String>,
}

/// `POST /v1/reputation/show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressQuestion {
    /// The address.
    pub address: IpAddr,
}

/// `POST /v1/reputation/refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshRequest {
    /// Name of a feed; `None`: all.
    pub feed: Option<String>,
    /// Take it however much it has changed.
    #[serde(default)]
    pub force: bool,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// The feeds, as they are after the look.
    pub feeds: Vec<FeedStatus>,
}

/// `POST /v1/reputation/add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddRequest {
    /// Network or address.
    pub network: String,
    /// Category.
    pub category: String,
    /// Seconds that it holds, 1 to 31,536,000.
    pub ttl_seconds: u64,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// `POST /v1/reputation/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveRequest {
    /// Network or address, as it was added.
    pub network: String,
}

/// `GET /v1/reputation/added`, and the answer to what changes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedList {
    /// Those that hold now; of a change those that it added or took away.
    pub entries: Vec<AddedEntry>,
}
