//! `/v1/violations` and `/v1/greylist`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::security::greylist::book::{Listed as GreylistEntry, State as GreylistState};
pub use crate::security::violations::{
    Filter as ViolationFilter, Kept as KeptViolation, Stats as ViolationStats,
};

/// `POST /v1/violations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationQuery {
    /// Which.
    #[serde(flatten)]
    pub filter: ViolationFilter,
    /// How many at most.
    pub most: usize,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationList {
    /// The newest first.
    pub violations: Vec<Arc<KeptViolation>>,
    /// Those of all hosts that share a store are among them.
    pub shared: bool,
    /// Why those of others are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// `POST /v1/greylist`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreylistQuery {
    /// What stands somewhere in client, sender or recipient; empty: all.
    pub part: String,
    /// How many at most.
    pub most: usize,
}

/// Its answer, and that of `POST /v1/greylist/allow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreylistEntries {
    /// The last seen first.
    pub entries: Vec<GreylistEntry>,
}

/// `POST /v1/greylist/allow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreylistAllow {
    /// Address, network, or domain for which SPF passes.
    pub client: String,
    /// For how long; `None`: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
}

/// `POST /v1/greylist/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreylistRemove {
    /// A client, or the key of an entry.
    pub what: String,
}

/// Its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreylistRemoved {
    /// Entries that are gone.
    pub removed: u64,
}
