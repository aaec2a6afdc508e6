//! The compiled configuration: immutable, checked, with every name resolved.
//!
//! Components read this and nothing else. Cross references are indices into the plan's
//! own lists, so a plan is a tree that can be shared behind one `Arc`.

mod dns;
mod flood;
mod gateway;
mod host;
mod log;
mod monitor;
mod reputation;
mod schedule;
mod smtp_profile;
mod store;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use dns::DnsPlan;
pub use flood::{FloodId, FloodPlan, FloodRate, SynProtectionPlan};
pub use gateway::{Activation, BalanceUnit, GatewayPlan, LineEndings};
pub(crate) use host::is_of_one_server;
pub use host::{ADDRESSES, HostPlan};
pub use log::{
    ClassRates, CollectorPlan, CollectorsPlan, DestinationKind, DestinationPlan, DiskPlan,
    FieldList, Format, Framing, LogPlan, LogProfilePlan, Overflow, PublisherPlan, RotatePlan,
    Sessions, Transport, WatchPlan,
};
pub use monitor::{
    ExternalMonitorPlan, InbandMonitorPlan, Mechanism, MonitorAuthPlan, MonitorKind,
    MonitorMessagePlan, MonitorPlan, MonitorTlsPlan, Setting, SmtpMonitorPlan,
};
pub use reputation::{
    CategoryAction, CategoryPlan, FeedFormat, FeedPlan, FeedSource, FeedbackPlan, MAX_CATEGORIES,
    Offence, ReputationId, ReputationPlan, ReputationPolicyPlan,
};
pub use schedule::SchedulePlan;
pub use smtp_profile::{
    CheckPlan, ClientRatePlan, DisallowedClientPlan, DisallowedSenderPlan, DomainsPlan,
    ExceptionsPlan, Method, NetworksPlan, PregreetPlan, RejectAt, ServersPlan, SizePlan,
    SmtpProfileId, SmtpProfilePlan,
};
pub use store::{
    EmbeddedStorePlan, StoreKind, StorePlan, ValkeyAddress, ValkeyPlan, ValkeyTls, WhenAway,
};
pub use tls::{
    CertificatePlan, CipherSuite, ClientAuth, ClientAuthPlan, ClientTlsPlan, Group, Resumption,
    Secret, ServerTlsPlan, Start, TlsVersion, Verify,
};

/// Index of a pool in [`Plan::pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub usize);

/// Index of a SNAT pool in [`Plan::snat_pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnatPoolId(pub usize);

/// Index of a client TLS profile in [`Plan::client_tls`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTlsId(pub usize);

/// Index of a server TLS profile in [`Plan::server_tls`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTlsId(pub usize);

/// Index of a monitor in [`Plan::monitors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub usize);

/// Index of a firewall policy in [`FirewallPlan::policies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(pub usize);

/// Index of a log destination in [`LogPlan::destinations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId(pub usize);

/// Index of a publisher in [`LogPlan::publishers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublisherId(pub usize);

/// Index of a log profile in [`LogPlan::profiles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId(pub usize);

/// Everything the daemon does, as decided by one configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Process-wide settings.
    pub general: GeneralPlan,
    /// The control socket.
    pub admin: AdminPlan,
    /// Who is asked what security checks ask of DNS.
    pub dns: DnsPlan,
    /// What security checks remember.
    pub store: StorePlan,
    /// Listeners and what they lead to.
    pub virtual_servers: Vec<VirtualServerPlan>,
    /// Groups of mail servers.
    pub pools: Vec<PoolPlan>,
    /// Addresses of ours that members see.
    pub snat_pools: Vec<SnatPoolPlan>,
    /// TLS towards clients.
    pub client_tls: Vec<ClientTlsPlan>,
    /// TLS towards members.
    pub server_tls: Vec<ServerTlsPlan>,
    /// Security checks of SMTP sessions.
    pub smtp_profiles: Vec<SmtpProfilePlan>,
    /// Health checks that pools name.
    pub monitors: Vec<MonitorPlan>,
    /// The packet filter.
    pub firewall: FirewallPlan,
    /// Sources that others have found to be bad.
    pub reputation: ReputationPlan,
    /// Where events go.
    pub log: LogPlan,
}

/// `[general]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneralPlan {
    /// Data-plane threads, each with its own runtime and listeners. At least 1.
    pub workers: usize,
    /// How long sessions may run on after SIGTERM.
    pub grace: Duration,
    /// The daemon sets up the routing of `snat = "none"`.
    pub manage_routing: bool,
    /// Folder of what must survive a restart. Absolute.
    pub state_path: PathBuf,
}

/// `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPlan {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// File mode of the socket, `0o600` by default.
    pub mode: u32,
}

/// `[[virtual_server]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualServerPlan {
    /// Unique name.
    pub name: String,
    /// Addresses listened on. IPv6 listeners take IPv6 only (`IPV6_V6ONLY`).
    pub listen: Vec<SocketAddr>,
    /// How bytes are carried.
    pub mode: Mode,
    /// Where sessions go.
    pub pool: PoolId,
    /// TLS towards clients. With `Offload`, `Bridge` and `StartTls`, and only with them.
    pub client_tls: Option<ClientTlsId>,
    /// TLS towards members. With `Bridge` and `EncryptServerSide`, and with `StartTls` if the
    /// operator wants it on both legs.
    pub server_tls: Option<ServerTlsId>,
    /// The address that members see.
    pub snat: Snat,
    /// The PROXY header that members get.
    pub send_proxy: Option<ProxyVersion>,
    /// Connections begin with a PROXY header.
    pub accept_proxy: Option<AcceptProxyPlan>,
    /// SMTP is read. Always with `StartTls`, where STARTTLS is spoken to members, and with a security
    /// profile.
    pub gateway: Option<GatewayPlan>,
    /// Packet policy of this virtual server; none leads straight to the default.
    pub firewall_policy: Option<PolicyId>,
    /// Policy that is held against it, and decides nothing.
    pub staged_policy: Option<PolicyId>,
    /// Reputation policy of this virtual server, beside the firewall's.
    pub reputation: Option<ReputationId>,
    /// Limits of new connections; none: the firewall's.
    pub flood: Option<FloodId>,
    /// Security checks of its sessions. SMTP is read.
    pub smtp_profile: Option<SmtpProfileId>,
    /// SYNs are answered by cookies.
    pub syn_protection: Option<SynProtectionPlan>,
    /// What of this virtual server is told, and to whom.
    pub log_profile: Option<ProfileId>,
    /// Bounds.
    pub limits: LimitsPlan,
}

/// `accept_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptProxyPlan {
    /// Who is believed. Never empty.
    pub from: Vec<IpNet>,
    /// Time for a whole header.
    pub timeout: Duration,
}

/// A PROXY header's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text: addresses only.
    V1,
    /// Binary, with what else is known.
    V2,
}

/// The address that members see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snat {
    /// The client's own. Every listener and every member is of one version of IP.
    None,
    /// One of this host, as the kernel chooses.
    Automap,
    /// Those of a pool, which has one of each version of IP that the members have.
    Pool(SnatPoolId),
}

/// `[[snat_pool]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnatPoolPlan {
    /// Unique name.
    pub name: String,
    /// Addresses of this host. Never empty, none twice.
    pub addresses: Vec<IpAddr>,
}

/// How a virtual server carries bytes: the six scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As they come.
    Plain,
    /// TLS from the client, plain to the member.
    Offload,
    /// TLS on both sides, decrypted between.
    Bridge,
    /// TLS untouched.
    Passthrough,
    /// Plain from the client, TLS to the member.
    EncryptServerSide,
    /// The client begins in the clear and negotiates TLS by STARTTLS (RFC 3207).
    StartTls,
}

/// Bounds of one virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsPlan {
    /// Sessions at once over all workers; further clients are accepted and closed, and counted.
    pub connections: usize,
    /// Time for one connect to one member.
    pub connect_timeout: Duration,
    /// Members tried for one session, the first included. At least 1.
    pub connect_attempts: usize,
    /// Time for one TLS handshake, either side.
    pub handshake_timeout: Duration,
    /// A session with no byte either way for so long is closed.
    pub idle_timeout: Duration,
    /// A session older than this is closed. `None`: no bound.
    pub session_timeout: Option<Duration>,
}

/// `[[pool]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPlan {
    /// Unique name.
    pub name: String,
    /// How a member is chosen.
    pub balance: Balance,
    /// The mail servers; addresses are unique within the pool. Empty only where all are named by hosts
    /// of which no address is known.
    pub members: Vec<MemberPlan>,
    /// Those of them that are named by host.
    pub hosts: Vec<HostPlan>,
    /// Health checks. Empty: members count as up.
    pub monitors: Vec<MonitorId>,
    /// A member is up while at least so many of them say so. At most their number, at least 1
    /// unless there are none.
    pub min_monitors: usize,
    /// Open members below which the next priority group is used, too. At least 1.
    pub min_active: usize,
    /// Time in which a member that comes up gets its share. `None`: it gets it at once.
    pub slow_ramp: Option<Duration>,
    /// Bounds over all members.
    pub limits: ConnectionLimits,
    /// Where sessions wait that find all members at their limits. `None`: they do not.
    pub queue: Option<QueuePlan>,
    /// What relayed clients get that no member takes.
    pub when_down: WhenDown,
}

/// How a member is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Fewest sessions now; equals take turns.
    LeastConnections,
    /// One after the other.
    RoundRobin,
    /// One after the other, as often as the member's weight says.
    Ratio,
    /// Fewest sessions now for the member's weight.
    WeightedLeastConnections,
    /// Least time to greet, smoothed, for each session that the member has.
    Fastest,
    /// Two drawn by chance, and of those the one with fewer sessions.
    PowerOfTwo,
    /// By the client's address, always the same one while it is there.
    SourceHash,
}

/// Bounds on connections to one member or to a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// At once. `None`: no bound.
    pub connections: Option<usize>,
    /// New ones in a second, and at once after a quiet second. `None`: no bound.
    pub rate: Option<u32>,
}

/// `queue` of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePlan {
    /// Sessions that may wait. At least 1.
    pub length: usize,
    /// How long one may wait.
    pub wait: Duration,
}

/// What relayed clients get that no member takes. The gateway always answers in SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDown {
    /// The reply 421 and an orderly end; a reset where TLS is passed through.
    Reply,
    /// A reset.
    Reset,
    /// An orderly end.
    Close,
}

/// A member of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPlan {
    /// As written, or `address:port`; of a host with its address. Unique within the pool.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// The host name it was written with, for TLS to name and verify.
    pub host: Option<String>,
    /// The name in the file, if this is one of the addresses of a host: [`HostPlan::name`].
    pub written: Option<String>,
    /// Weight, for [`Balance::Ratio`] and [`Balance::WeightedLeastConnections`]. At least 1.
    pub ratio: u32,
    /// Priority group; greater ones are preferred.
    pub priority: u32,
    /// Bounds.
    pub limits: ConnectionLimits,
}

/// `[firewall]` and what hangs under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallPlan {
    /// What happens to packets that no rule decides.
    pub mode: FirewallMode,
    /// What becomes of packets that no rule decides: by the mode, accepted, or dropped or rejected.
    pub default: Action,
    /// Answers to rejected packets in a second, on each CPU. At least 1.
    pub reject_rate: u32,
    /// Where verdicts are made.
    pub enforcement: Enforcement,
    /// Interfaces filtered; empty: none, the firewall is off in the card.
    pub interfaces: Vec<String>,
    /// Folder of the pinned maps, programs and links, on a bpffs.
    pub pin_path: PathBuf,
    /// Times at which rules that name them are in force.
    pub schedules: Vec<SchedulePlan>,
    /// Sources and services that no policy can shut out.
    pub failsafe: Vec<RulePlan>,
    /// Policies that virtual servers (and the host) name.
    pub policies: Vec<PolicyPlan>,
    /// Policy that is asked before those of virtual servers and the host.
    pub global_policy: Option<PolicyId>,
    /// Policy that is held against the global one, and decides nothing.
    pub staged_global_policy: Option<PolicyId>,
    /// Policy that is held against the host's, and decides nothing.
    pub staged_host_policy: Option<PolicyId>,
    /// Policy of packets for the host that are for no virtual server.
    pub host_policy: Option<PolicyId>,
    /// Reputation policy of all packets.
    pub reputation: Option<ReputationId>,
    /// Limits of new connections, which contexts name.
    pub flood_profiles: Vec<FloodPlan>,
    /// Limits of contexts that name none.
    pub flood: Option<FloodId>,
    /// Ask an event for packets decided by the default.
    pub log_default: bool,
    /// Events of each rule in a second, unless the rule says otherwise. At least 1.
    pub event_rate: u32,
    /// Events of one rule at once before the rate bites. At least 1.
    pub event_burst: u32,
    /// Log profile of packets that belong to no virtual server with one of its own.
    pub log_profile: Option<ProfileId>,
}

/// `[firewall] mode`, BIG-IP AFM's two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirewallMode {
    /// Accept what no rule decides.
    Adc,
    /// Drop or reject what no rule decides, save replies to what the host itself began.
    Firewall,
}

/// `[firewall] enforcement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// The best that can be had, with a warning when it is not the first.
    Auto,
    /// In the driver or not at all.
    XdpNative,
    /// In the kernel's generic hook or not at all.
    XdpGeneric,
    /// At accept, by the same code.
    Userspace,
}

/// `[[firewall.policy]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPlan {
    /// Unique name.
    pub name: String,
    /// First match decides.
    pub rules: Vec<RulePlan>,
}

/// A rule of a policy or of the failsafe list. By default it accepts everything, and is disabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulePlan {
    /// Unique within its policy.
    pub name: String,
    /// A disabled rule is kept and never matches.
    pub enabled: bool,
    /// An enabled one matches only while the schedule of this name is on.
    pub schedule: Option<String>,
    /// IP protocol number; `None`: any.
    pub protocol: Option<u8>,
    /// Source networks, address lists and regions already merged in. Empty: any source.
    pub source: Vec<IpNet>,
    /// Destination networks, likewise. Empty: any destination.
    pub destination: Vec<IpNet>,
    /// First and last of destination ports, ascending and apart. Empty: any. Only with TCP or UDP.
    pub ports: Vec<(u16, u16)>,
    /// Source ports, likewise.
    pub source_ports: Vec<(u16, u16)>,
    /// First and last of types and codes as one number (type × 256 + code), ascending and apart. Empty:
    /// any. Only with ICMP or `ICMPv6`.
    pub icmp: Vec<(u16, u16)>,
    /// One of [`FirewallPlan::interfaces`]. `None`: any.
    pub interface: Option<String>,
    /// First and last id of the outer VLAN. `None`: any, and none at all.
    pub vlan: Option<(u16, u16)>,
    /// Only what begins a connection: SYN without ACK and RST. Only with TCP.
    pub new: bool,
    /// Packets past it go on to the next rule. `None`: no bound.
    pub rate: Option<RuleRate>,
    /// What is done.
    pub action: Action,
    /// Ask an event for each packet that it decides.
    pub log: bool,
    /// Events in a second; `None`: the firewall's `event_rate`.
    pub log_rate: Option<u32>,
}

/// Packets that a rule matches in a time, and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRate {
    /// At least 1.
    pub packets: u32,
    /// Seconds: 1, 60 or 3,600.
    pub seconds: u32,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// Let the packet on to the next context; behind the last one, to where it is going.
    #[default]
    Accept,
    /// Let it on to where it is going.
    AcceptDecisively,
    /// Take it away without a word.
    Drop,
    /// Take it away, and tell the sender.
    Reject,
}
