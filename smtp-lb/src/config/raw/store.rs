//! `[store]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, DurationText, SecretText};

/// What security checks remember: whom greylisting knows, what rates and harvests have counted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// Where. Default: `"embedded"`.
    #[serde(rename = "type")]
    pub kind: Option<At<StoreKind>>,
    /// What becomes of a message if the store does not answer. Default: `"pass"`.
    pub when_away: Option<WhenAway>,
    /// For the type `embedded`.
    #[serde(default)]
    pub embedded: EmbeddedStore,
    /// For the type `valkey`.
    pub valkey: Option<ValkeyStore>,
}

/// Bounds of what is kept in memory, and in a file of `state_path`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddedStore {
    /// Triplets and clients. Default: 1000000.
    #[schemars(range(min = 1000, max = 50_000_000))]
    pub entries: Option<At<usize>>,
    /// Domains and clients of which something is counted. Default: 100000.
    #[schemars(range(min = 1000, max = 10_000_000))]
    pub counts: Option<At<usize>>,
}

/// A Valkey or Redis server that several hosts share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValkeyStore {
    /// Host and port of the server, or the path of its Unix socket.
    #[schemars(required, extend("examples" = ["192.0.2.10:6379", "/run/valkey/valkey.sock"]))]
    pub address: Option<At<String>>,
    /// Speak TLS with the server, whose certificate must be good for the host of `address`. Default: false.
    pub tls: Option<At<bool>>,
    /// PEM of authorities that its certificate is trusted by. Default: the system's.
    pub ca: Option<At<String>>,
    /// User of the server's access lists. Default: the server's default one.
    #[schemars(length(min = 1, max = 255))]
    pub username: Option<At<String>>,
    /// Where the password is had from. Default: none.
    pub password: Option<At<SecretText>>,
    /// Number of the database. Default: 0.
    #[schemars(range(min = 0, max = 255))]
    pub database: Option<At<u8>>,
    /// What all keys begin with. Hosts that share it share all. Default: `"smtp-lb"`.
    #[schemars(length(min = 1, max = 63), extend("examples" = ["smtp-lb"]))]
    pub prefix: Option<At<String>>,
    /// Time for one operation, `"10ms"` to `"10s"`. Default: `"1s"`.
    pub timeout: Option<At<DurationText>>,
}

/// Where it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoreKind {
    /// In memory, and in a file of `state_path`.
    Embedded,
    /// In a Valkey or Redis server that several hosts share.
    Valkey,
}

/// What becomes of a message if something that a check needs does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum WhenAway {
    /// The check counts as passed.
    #[serde(rename = "pass")]
    Pass,
    /// It is refused for now.
    #[serde(rename = "450")]
    Refuse,
}
