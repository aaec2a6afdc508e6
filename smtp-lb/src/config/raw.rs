//! What may be written in a configuration file: the serde mirror of the TOML.
//!
//! The doc comments, bounds and words here become the JSON schema, and `shape` holds every file
//! against that schema: what `smtp-lb schema` prints is what is enforced. Keys that must be written
//! are `Option`s marked `required`: what is missing is told by `shape`, and the rest still read.

mod dns;
mod firewall;
mod flood;
mod gateway;
mod log;
mod monitor;
mod reputation;
mod scalar;
mod server;
pub(crate) mod smtp_profile;
mod store;
mod tls;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::dns::Dns;
pub(crate) use self::firewall::{
    Action, AddressList, DefaultAction, Enforcement, Failsafe, Firewall, FirewallMode, Order,
    PortList, Rule, RuleState, Schedule, TcpState,
};
pub(crate) use self::flood::FloodProfile;
pub(crate) use self::gateway::{Activation, BalanceUnit, Gateway, LineEndings, Xclient};
pub(crate) use self::log::{
    ClassRates, Destination, DestinationKind, Format, Framing, Log, LogPool, Overflow, PoolMonitor,
    Profile as LogProfile, Rotate, Sessions, Transport,
};
pub(crate) use self::monitor::{
    Mechanism, Monitor, MonitorAuth, MonitorKind, MonitorMessage, MonitorTls, SettingText,
};
pub(crate) use self::reputation::{
    CategoryAction, Feed, FeedFormat, FeedList, Feedback, Offence, Reputation, ReputationPolicy,
};
pub(crate) use self::scalar::{At, DurationText, NumberOrText, Ports, SecretText};
pub(crate) use self::server::{
    AcceptProxy, Balance, Limits, Member, Mode, NamedMember, Pool, Queue, SendProxy, SnatPool,
    SynProtection, VirtualServer, WhenDown,
};
pub(crate) use self::smtp_profile::SmtpProfile;
pub(crate) use self::store::{EmbeddedStore, Store, StoreKind, ValkeyStore, WhenAway};
pub(crate) use self::tls::{
    CertificateFor, CipherSuite, ClientCertificate, ClientTls, Group, ServerTls, Start, TlsVersion,
    Verify,
};

/// Configuration of smtp-lb.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "smtp-lb configuration")]
pub(crate) struct Config {
    /// Process-wide settings.
    #[serde(default)]
    pub general: General,
    /// The control socket.
    #[serde(default)]
    pub admin: Admin,
    /// Who is asked what security checks ask of DNS.
    #[serde(default)]
    pub dns: Dns,
    /// What security checks remember.
    #[serde(default)]
    pub store: Store,
    /// Listeners and what they lead to.
    #[serde(default)]
    pub virtual_server: Vec<VirtualServer>,
    /// Groups of mail servers.
    #[serde(default)]
    pub pool: Vec<Pool>,
    /// Addresses of ours that members see, for virtual servers to name.
    #[serde(default)]
    pub snat_pool: Vec<SnatPool>,
    /// TLS towards clients, for virtual servers to name.
    #[serde(default)]
    pub client_tls: Vec<ClientTls>,
    /// TLS towards members, for virtual servers to name.
    #[serde(default)]
    pub server_tls: Vec<ServerTls>,
    /// Security checks of SMTP sessions, for virtual servers to name.
    #[serde(default)]
    pub smtp_profile: Vec<SmtpProfile>,
    /// Health checks that pools name.
    #[serde(default)]
    pub monitor: Vec<Monitor>,
    /// The packet filter.
    #[serde(default)]
    pub firewall: Firewall,
    /// Sources that others have found to be bad.
    #[serde(default)]
    pub reputation: Reputation,
    /// Where events go.
    #[serde(default)]
    pub log: Log,
}

/// Process-wide settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct General {
    /// Data-plane threads, each with its own listeners. Default: one for each core.
    #[schemars(range(min = 1, max = 1024))]
    pub workers: Option<At<usize>>,
    /// How long sessions may run on after SIGTERM, `"0s"` to `"1d"`. Default: `"30s"`.
    pub grace: Option<At<DurationText>>,
    /// Who sets up the routing that `snat = "none"` needs. Default: `"manage"`.
    pub routing: Option<At<Routing>>,
    /// Folder of what must survive a restart, made if missing. Default: `"/var/lib/smtp-lb"`.
    #[schemars(extend("examples" = ["/var/lib/smtp-lb"]))]
    pub state_path: Option<At<String>>,
}

/// Who sets up the routing that `snat = "none"` needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Routing {
    /// The daemon, for as long as it runs.
    Manage,
    /// The operator, with what `smtp-lb routing` prints.
    Manual,
}

/// The control socket.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    /// Path of the Unix socket, at most 107 bytes. Default: `"/run/smtp-lb/admin.sock"`.
    #[schemars(extend("examples" = ["/run/smtp-lb/admin.sock"]))]
    pub socket: Option<At<String>>,
    /// File mode of the socket, octal. Default: `"0600"`.
    #[schemars(extend("examples" = ["0600"]))]
    pub mode: Option<At<String>>,
}
