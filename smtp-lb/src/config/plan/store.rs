//! What security checks remember, and where.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlan {
    /// Where.
    pub kind: StoreKind,
    /// What becomes of a message if the store does not answer.
    pub when_away: WhenAway,
}

impl Default for StorePlan {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded(EmbeddedStorePlan::default()),
            when_away: WhenAway::Pass,
        }
    }
}

/// Where it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// In memory, and in a file of the state folder.
    Embedded(EmbeddedStorePlan),
    /// In a server that several hosts share.
    Valkey(ValkeyPlan),
}

/// Bounds of what one host remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedStorePlan {
    /// Triplets and clients.
    pub entries: usize,
    /// Domains and clients of which something is counted.
    pub counts: usize,
}

impl Default for EmbeddedStorePlan {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            counts: 100_000,
        }
    }
}

/// TLS with a Valkey or Redis server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValkeyTls {
    /// PEM of authorities; `None`: the system's.
    pub ca: Option<PathBuf>,
}

/// A Valkey or Redis server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValkeyPlan {
    /// Where it is.
    pub address: ValkeyAddress,
    /// TLS, and whom its certificate is trusted by.
    pub tls: Option<ValkeyTls>,
    /// User of its access lists.
    pub username: Option<String>,
    /// Where the password is had from.
    pub password: Option<Secret>,
    /// Number of the database.
    pub database: u8,
    /// What all keys begin with.
    pub prefix: String,
    /// Time for one operation.
    pub timeout: Duration,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValkeyAddress {
    /// Host, by address or name, and port, as `192.0.2.1:6379`.
    Tcp(String),
    /// Its Unix socket.
    Unix(PathBuf),
}

/// What becomes of a message if something that a check needs does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenAway {
    /// The check counts as passed.
    #[default]
    Pass,
    /// It is refused for now: 450 or 451.
    Refuse,
}
