//! What goes over the control socket, read and written by both ends.

mod change;
mod log;
mod security;

use serde::{Deserialize, Serialize};

pub use log::{EventQuery, LogReport, LogTest, TestReport};
pub use security::{
    GreylistAllow, GreylistEntries, GreylistEntry, GreylistQuery, GreylistRemove, GreylistRemoved,
    GreylistState, KeptViolation, ViolationFilter, ViolationList, ViolationQuery, ViolationStats,
};

pub use change::{
    AppliedStatus, Change, FirewallApplied, FirewallApply, FirewallCompared, FirewallDiff,
    FirewallFile, FirewallSettled, PolicyChange, Promote, Promotion, RuleChange, SettingChange,
    StagedContext, StagedList, StagedRule,
};

/// `GET /v1/firewall/counters`, and `POST /v1/firewall/explain` with its answer.
pub use crate::firewall::{CaptureRequest, CapturedPacket, Counters, ExplainRequest, Explanation};
use crate::firewall::{EventCounts, InForce, InterfaceReport};
pub use crate::proxy::{GatewayStatus, HeaderStatus};
/// `/v1/reputation` and what is under it.
pub use crate::reputation::status::{
    AddRequest, AddedEntry, AddedList, AddressQuestion, AddressStatus, FeedState, FeedStatus,
    Origin, RefreshRequest, Refreshed, RemoveRequest, ReputationStatus,
};

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the running daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Whether it takes sessions still.
    pub phase: Phase,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Configuration file in force.
    pub config: String,
    /// Data-plane threads.
    pub workers: usize,
    /// The packet filter.
    pub firewall: FirewallStatus,
    /// Virtual servers, in the order of the file.
    pub virtual_servers: Vec<VirtualServerStatus>,
    /// Pools, in the order of the file.
    pub pools: Vec<PoolStatus>,
    /// TLS profiles, in the order of the file, those towards clients first.
    #[serde(default)]
    pub tls: Vec<TlsStatus>,
    /// The event pipeline.
    pub log: LogStatus,
}

/// Where in its life the daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Takes sessions.
    Running,
    /// Asked to stop; sessions in flight may end.
    Draining,
}

/// The packet filter in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallStatus {
    /// `adc` or `firewall`.
    pub mode: String,
    /// Enforcement that the configuration asks for.
    pub enforcement: String,
    /// Where verdicts are made, at the weakest of the interfaces.
    pub in_force: InForce,
    /// Interfaces and where their packets are decided.
    pub interfaces: Vec<InterfaceReport>,
    /// Why something less than the best is in force.
    pub warnings: Vec<String>,
    /// Events that rules asked for, and what became of them before the daemon saw them.
    pub events: Option<EventCounts>,
    /// Virtual servers whose SYNs are answered by cookies, or would be.
    #[serde(default)]
    pub syn_protection: Vec<SynProtectionStatus>,
    /// Where the firewall in force is from, if it is not the configuration file's.
    #[serde(default)]
    pub applied: Option<AppliedStatus>,
}

/// SYN protection of a virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynProtectionStatus {
    /// Virtual server.
    pub virtual_server: String,
    /// `auto` or `always`.
    pub mode: String,
    /// Cookies answer its SYNs now.
    pub on: bool,
    /// By which marks: `syn_rate`, `syn_accept_queue`; or `always`.
    pub by: Vec<String>,
    /// Since when, in seconds since the Unix epoch.
    pub since: Option<u64>,
    /// The mark of SYNs in a second, where it is `auto`.
    pub syn_rate: Option<u32>,
    /// The mark of the accept queue in percent, where it is `auto`.
    pub syn_accept_queue: Option<u32>,
    /// How full the accept queue is now, in percent; the fullest, where there are more.
    pub accept_queue: Option<u32>,
    /// SYNs that cookies have answered since the counters began.
    pub cookies: u64,
}

/// A virtual server in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServerStatus {
    /// Name.
    pub name: String,
    /// Addresses listened on.
    pub listen: Vec<String>,
    /// Where its sessions go.
    pub pool: String,
    /// Sessions now.
    pub active: u64,
    /// Sessions taken since the start.
    pub total: u64,
    /// Clients closed at once because all places were taken.
    pub refused_by_limit: u64,
    /// Clients closed at once because the accept filter said so.
    pub refused_by_filter: u64,
    /// Connections closed for want of a PROXY header, if they must begin with one.
    #[serde(default)]
    pub headers: Option<HeaderStatus>,
    /// Sessions that found no member to take them.
    pub no_member: u64,
    /// Connects to members that failed or timed out; one session may count several.
    pub connect_failures: u64,
    /// Connects that had no address or port to be made from; one session may count several.
    #[serde(default)]
    pub snat_exhausted: u64,
    /// What members see: `automap`, `none` (the client's own address) or `pool`.
    #[serde(default)]
    pub snat: String,
    /// Use of the addresses of the SNAT pool.
    #[serde(default)]
    pub snat_ports: Vec<SnatPorts>,
    /// TLS handshakes with clients that failed or timed out.
    pub handshake_failures: u64,
    /// TLS handshakes with members that failed or timed out; one session may count several.
    pub member_handshake_failures: u64,
    /// Times that the kernel could not give us a waiting client.
    pub accept_errors: u64,
    /// Sessions ended by a time-out.
    pub timeouts: u64,
    /// Sessions ended by a reset or another fault of either side.
    pub resets: u64,
    /// Sessions whose member an operator took away before they had ended.
    #[serde(default)]
    pub cut: u64,
    /// Sessions ended by a fault of smtp-lb's own.
    pub panics: u64,
    /// Octets from clients to members.
    pub bytes_in: u64,
    /// Octets from members to clients.
    pub bytes_out: u64,
    /// What was read of SMTP, if it is.
    pub gateway: Option<GatewayStatus>,
}

/// Use of one address of a SNAT pool towards one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnatPorts {
    /// Ours.
    pub address: String,
    /// The member's.
    pub member: String,
    /// Connections now.
    pub used: u64,
    /// Connections that are possible.
    pub capacity: u64,
    /// Connections that found no port.
    pub exhausted: u64,
}

/// A pool in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Name.
    pub name: String,
    /// How a member is chosen, as the configuration has it.
    pub balance: String,
    /// Whether monitors judge its members.
    #[serde(default)]
    pub monitored: bool,
    /// Members of the greatest priority that must be up with room, else the next get sessions, too.
    #[serde(default)]
    pub min_active: u64,
    /// Connections at once to all members. `None`: no bound.
    #[serde(default)]
    pub limit: Option<u64>,
    /// New connections in a second to all members. `None`: no bound.
    #[serde(default)]
    pub rate: Option<u32>,
    /// Sessions that may wait. `None`: they do not.
    #[serde(default)]
    pub queue_length: Option<u64>,
    /// How long one may wait, in milliseconds.
    #[serde(default)]
    pub queue_wait_millis: Option<u64>,
    /// Sessions that wait for a member with room now.
    pub waiting: u64,
    /// Sessions that had to wait since the start.
    pub queued: u64,
    /// Sessions that found all members at their limits and could not wait, or waited in vain.
    pub refused: u64,
    /// Its mail servers.
    pub members: Vec<MemberStatus>,
}

/// A member in [`PoolStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// `checking`, `up` or `down`.
    pub state: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: u64,
    /// Why it is in that state.
    pub reason: String,
    /// What an operator says of it: `enabled`, `disabled`, `draining`, `drained` or `offline`.
    #[serde(default)]
    pub administration: String,
    /// Since when, in seconds since the Unix epoch.
    #[serde(default)]
    pub administration_since: u64,
    /// When its drain is to be over, in seconds since the Unix epoch.
    #[serde(default)]
    pub drain_until: Option<u64>,
    /// It is no member any more, and has sessions from before.
    #[serde(default)]
    pub gone: bool,
    /// Connections at once. `None`: no bound.
    #[serde(default)]
    pub limit: Option<u64>,
    /// New connections in a second. `None`: no bound.
    #[serde(default)]
    pub rate: Option<u32>,
    /// Its weight.
    pub ratio: u32,
    /// Its priority group.
    pub priority: u32,
    /// What slow ramp lets it have, in per cent of its weight.
    pub ramp: u32,
    /// How long it takes to greet, smoothed, in microseconds. `None`: it was never seen to.
    pub greeting_micros: Option<u64>,
    /// Connections now, those that the gateway keeps for later included.
    pub connections: u64,
    /// Sessions now.
    pub active: u64,
    /// Sessions that were connected since the start.
    pub total: u64,
    /// Connects that failed or timed out.
    pub connect_failures: u64,
    /// Greetings that were no 220.
    #[serde(default)]
    pub refused_greetings: u64,
    /// Times that it broke SMTP or did not answer in time, where SMTP is read.
    #[serde(default)]
    pub faults: u64,
    /// Octets from clients to the member.
    pub bytes_in: u64,
    /// Octets from the member to clients.
    pub bytes_out: u64,
    /// What each of its monitors makes of it.
    #[serde(default)]
    pub monitors: Vec<MonitorStatus>,
}

/// A monitor in [`MemberStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorStatus {
    /// Name of the monitor.
    pub monitor: String,
    /// `checking`, `up` or `down`.
    pub state: String,
    /// Since when, as RFC 3339 writes it.
    pub since: String,
    /// It had the member down, and waits for `monitor resume`.
    pub held: bool,
    /// Probes that ended.
    pub probes: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// How the last of them ended: `ok`, or step and cause. `None`: none has.
    pub last_result: Option<String>,
}

/// A TLS profile in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsStatus {
    /// `client_tls` or `server_tls`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// What members must prove: `full`, `ca`, `pinned` or `none`. `None` of a client profile.
    pub verify: Option<String>,
    /// Our own certificates in force, in the order of the file.
    pub certificates: Vec<CertificateStatus>,
    /// Changes of files that could not be taken up, since the start.
    pub reload_failures: u64,
    /// Why the files as they are now are not in force.
    pub failure: Option<String>,
}

/// A certificate in [`TlsStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// File of its chain.
    pub file: String,
    /// Subject.
    pub subject: String,
    /// DNS names in it.
    pub names: Vec<String>,
    /// Its end, in seconds since the Unix epoch.
    pub expires: i64,
    /// Whole days until then; negative: it is over.
    pub days_left: i64,
}

/// The event pipeline in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Events emitted.
    pub emitted: u64,
    /// Those lost because the bus was full.
    pub lost: u64,
    /// Those that no log profile asks for.
    pub unasked: u64,
    /// Where records go.
    pub destinations: Vec<DestinationStatus>,
}

/// A log destination in [`LogStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Name.
    pub name: String,
    /// `file`, `syslog-udp` or `syslog-tcp`.
    pub kind: String,
    /// Path or address.
    pub target: String,
    /// `starting`, `up`, `retrying` or `stopped`.
    pub state: String,
    /// Records handed over.
    pub sent: u64,
    /// Records lost, by all causes.
    pub lost: u64,
    /// Records waiting.
    pub queued: u64,
    /// The newest failure.
    pub last_error: Option<String>,
}

/// `POST /v1/reload`, done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// File that was read.
    pub config: String,
    /// What the file draws attention to, rendered.
    pub warnings: Vec<String>,
}

/// `GET /v1/firewall`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallList {
    /// `adc` or `firewall`.
    pub mode: String,
    /// Where it is from, if it is not the configuration file's.
    #[serde(default)]
    pub applied: Option<AppliedStatus>,
    /// Places where rules apply, in the order that packets meet them.
    pub contexts: Vec<ContextList>,
    /// Virtual servers whose SYNs are answered by cookies, or would be.
    #[serde(default)]
    pub syn_protection: Vec<SynProtectionStatus>,
}

/// A place where rules apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextList {
    /// `failsafe`, `host`, or the name of a virtual server behind `virtual-server:`.
    pub context: String,
    /// Policy, if it has one.
    pub policy: Option<String>,
    /// Rules in order; the last is the default where the context has one.
    pub rules: Vec<RuleList>,
}

/// A rule in [`ContextList`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleList {
    /// Name.
    pub rule: String,
    /// Whether it can match, at least by its schedule.
    pub enabled: bool,
    /// Schedule by which it does.
    #[serde(default)]
    pub schedule: Option<String>,
    /// Whether it can match now.
    #[serde(default)]
    pub in_force: bool,
    /// `accept`, `accept-decisively`, `drop` or `reject`.
    pub action: String,
    /// Whether it asks for events.
    pub log: bool,
    /// Protocol, sources, destinations and ports that it takes, in words.
    pub matches: String,
    /// Packets it decided, or, of the global policy, let go on. `None`: the filter counts nowhere now.
    pub packets: Option<u64>,
    /// Octets of them.
    pub bytes: Option<u64>,
    /// When the last of them came, in seconds since the Unix epoch. `None`: there was none.
    #[serde(default)]
    pub last_hit: Option<u64>,
}

/// A line of the answer to `POST /v1/firewall/capture`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureRecord {
    /// Frames are captured from now on; the first line.
    Begun,
    /// One of them.
    Packet(CapturedPacket),
    /// The last line.
    End(CaptureEnd),
}

/// How a capture ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureEnd {
    /// `count`, `time` or `stop`.
    pub why: String,
    /// Frames for which there was no room.
    pub lost: u64,
}

/// `POST /v1/monitor/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorTest {
    /// Name of a member, or of a pool, a slash, and the name of a member.
    pub member: String,
    /// Name of a monitor; `None`: all of the member's pool that have probes.
    pub monitor: Option<String>,
}

/// Its answer: one probe of each monitor, of each member of the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorTested {
    /// Never empty.
    pub probes: Vec<ProbeReport>,
}

/// A probe in [`MonitorTested`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// Pool.
    pub pool: String,
    /// Member.
    pub member: String,
    /// Where it is.
    pub address: String,
    /// Monitor.
    pub monitor: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Step that failed.
    pub step: Option<String>,
    /// Why it failed.
    pub cause: Option<String>,
    /// How long it took.
    pub millis: u64,
    /// What was said. Secrets are hidden.
    pub exchanges: Vec<ProbeExchange>,
}

/// A command and its reply, or a note, in [`ProbeReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeExchange {
    /// Step.
    pub step: String,
    /// The command; none before a greeting.
    pub command: Option<String>,
    /// Code of the reply; `None` if there was none.
    pub code: Option<u16>,
    /// Lines of its text, or of the note.
    pub lines: Vec<String>,
    /// From the command to the reply.
    pub millis: u64,
}

/// `POST /v1/monitor/resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorResume {
    /// Name of a member, or of a pool, a slash, and the name of a member.
    pub member: String,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorResumed {
    /// Members that were held down and no longer are, as `pool/member`.
    pub resumed: Vec<String>,
}

/// `GET /v1/pools`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolList {
    /// In the order of the file.
    pub pools: Vec<PoolStatus>,
    /// Hosts that members are named by.
    #[serde(default)]
    pub names: Vec<NameStatus>,
}

/// A host in [`PoolList`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameStatus {
    /// Its name.
    pub host: String,
    /// Pools with such members.
    pub pools: Vec<String>,
    /// Its addresses, as they are known.
    pub addresses: Vec<String>,
    /// Seconds until it is asked again.
    pub again_seconds: u64,
    /// Times in a row that it could not be resolved.
    pub failures: u32,
    /// Why not, the last time.
    pub failure: Option<String>,
}

/// `POST /v1/pools/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolEventsRequest {
    /// Name of a pool; `None`: all of them.
    pub pool: Option<String>,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolEvents {
    /// The last changes of members since the start, the oldest first.
    pub events: Vec<PoolEvent>,
}

/// A change in [`PoolEvents`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolEvent {
    /// When, as RFC 3339 writes it.
    pub time: String,
    /// Pool.
    pub pool: String,
    /// Member.
    pub member: String,
    /// `up`, `down`, `enabled`, `disabled`, `draining`, `drained`, `offline`, `added` or `removed`.
    pub change: String,
    /// Why.
    pub reason: String,
    /// Monitor that made the difference; empty: none did.
    pub monitor: String,
    /// Who did it, as `uid 0, pid 4711`; empty: nobody.
    pub by: String,
}

/// `POST /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberOrder {
    /// Name of a member, or of a pool, a slash, and the name of a member.
    pub member: String,
    /// `enabled`, `disabled`, `draining` or `offline`.
    pub state: String,
    /// When a drain is to be over, from now. `None`: when the last session ends.
    pub within_seconds: Option<u64>,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSet {
    /// Empty only of a host of which no address is known yet.
    pub changed: Vec<MemberChange>,
    /// Whether it survives a restart.
    pub kept: bool,
    /// Why it does not.
    pub not_kept: Option<String>,
}

/// A member in [`MemberSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// Pool.
    pub pool: String,
    /// Member.
    pub member: String,
    /// Where it is.
    pub address: String,
    /// What was said of it before.
    pub before: String,
    /// What is now.
    pub now: String,
    /// When its drain is to be over, in seconds since the Unix epoch.
    pub drain_until: Option<u64>,
    /// Sessions that it has.
    pub active: u64,
}

/// Who is at the other end of the control socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: Option<u32>,
    /// Its process.
    pub pid: Option<i32>,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.uid, self.pid) {
            (Some(uid), Some(pid)) => write!(f, "uid {uid}, pid {pid}"),
            (Some(uid), None) => write!(f, "uid {uid}"),
            _ => f.write_str("somebody"),
        }
    }
}

/// A request that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Cause, for programs.
    pub code: Code,
    /// Cause, for people; may have lines.
    pub message: String,
    /// Diagnostics of an invalid configuration, as `check --json` prints them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<serde_json::Value>,
}

/// Cause of a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The configuration file cannot be read or is invalid; nothing was changed.
    InvalidConfiguration,
    /// The file changes what only a restart can; nothing was changed.
    RestartNeeded,
    /// Another reload is running.
    Busy,
    /// The daemon is stopping.
    Stopping,
    /// A part of the daemon said no; nothing was changed.
    Refused,
    /// What is asked about is not there now.
    Unavailable,
    /// The request itself makes no sense.
    BadRequest,
    /// No such endpoint.
    NotFound,
    /// It took too long.
    Timeout,
    /// A fault of the daemon's own.
    Internal,
    /// From a daemon newer than this client.
    #[serde(other)]
    Unknown,
}
