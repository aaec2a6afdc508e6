//! The one model of events: what can be told, before any format.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Something that happened, with its wall-clock time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub time_ns: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

impl Event {
    /// Something that happens now.
    #[must_use]
    pub fn now(kind: Kind) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let time_ns = since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        Self { time_ns, kind }
    }
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Kind {
    /// A packet was decided by the firewall and its rule asked to tell.
    Firewall(FirewallEvent),
    /// A member went up or down.
    Health(HealthEvent),
    /// An operator, or a change of addresses, did something to a member.
    Member(MemberEvent),
    /// A virtual server is protected from a flood of SYNs, or is so no more.
    Flood(FloodEvent),
    /// A client's session began or ended.
    Session(SessionEvent),
    /// A check of an SMTP security profile was failed.
    Violation(ViolationEvent),
    /// Somebody changed something over the control socket.
    Administration(AdministrationEvent),
    /// The daemon itself: start, stop, reload, losses.
    System(SystemEvent),
}

/// Protection from a flood of SYNs began or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FloodEvent {
    /// Virtual server.
    pub virtual_server: Arc<str>,
    /// `began` or `ended`.
    pub change: &'static str,
    /// The mark that was passed: `syn_rate` or `syn_accept_queue`; `always`: none.
    pub mark: &'static str,
    /// Whole seconds that it lasted; at its beginning 0.
    pub seconds: u64,
    /// SYNs that cookies answered meanwhile; at its beginning 0.
    pub cookies: u64,
}

/// A client's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionEvent {
    /// `open` or `close`.
    pub change: &'static str,
    /// The same at both ends of it: 16 hexadecimal digits.
    pub session: String,
    /// Virtual server.
    pub virtual_server: Arc<str>,
    /// Its pool.
    pub pool: Arc<str>,
    /// Client.
    pub src_ip: IpAddr,
    /// Its port.
    pub src_port: u16,
    /// What it connected to.
    pub dest_ip: IpAddr,
    /// And the port.
    pub dest_port: u16,
    /// At a close only.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub end: Option<SessionEnd>,
}

/// What is known when a session has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionEnd {
    /// The last member that it had, empty: none.
    pub member: Arc<str>,
    /// Version of the client's TLS, empty: none, or not ended by us.
    pub tls: &'static str,
    /// Octets from the client.
    pub bytes_in: u64,
    /// Octets to the client.
    pub bytes_out: u64,
    /// How long it lasted.
    pub duration_ms: u64,
    /// `closed`, `reset`, `timeout`, `cut`, `no_member`, `handshake_failed` or `panic`.
    pub result: &'static str,
    /// What the checks of its SMTP security profile found, as `spf=pass greylist=block`: the worst of
    /// each that was made. Empty: it has no profile, or none was made.
    pub checks: String,
}

/// What a check of an SMTP security profile found. Empty text: not known, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViolationEvent {
    /// SMTP security profile.
    pub profile: Arc<str>,
    /// Virtual server.
    pub virtual_server: Arc<str>,
    /// As the configuration calls it.
    pub check: &'static str,
    /// `alarm` (it passed) or `block` (it was refused).
    pub action: &'static str,
    /// That of the session's own events: 16 hexadecimal digits.
    pub session: String,
    /// Client.
    pub src_ip: IpAddr,
    /// Its port.
    pub src_port: u16,
    /// What it called itself.
    pub helo: String,
    /// Reverse-path, without brackets.
    pub sender: String,
    /// Forward-path, without brackets.
    pub recipient: String,
    /// What was wrong.
    pub reason: String,
    /// What the client was told, empty: nothing of this.
    pub reply: String,
    /// `Message-ID` of the message.
    pub message_id: String,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdministrationEvent {
    /// As `reload`, `firewall apply`, `member set`.
    pub operation: &'static str,
    /// What it was about, as a member, a network, a file and the policies that differ; empty: not known.
    pub object: String,
    /// Who, as `uid 0, pid 4711`.
    pub by: String,
    /// `done` or `refused`.
    pub result: &'static str,
}

/// A packet and its verdict. Field names follow AFM's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirewallEvent {
    /// `accept`, `drop` or `reject`.
    pub action: &'static str,
    /// Why, one word: `policy`, `default`, `failsafe`, `malformed`, …
    pub reason: &'static str,
    /// Name of the interface the packet came in by, or its index where the name is gone.
    pub interface: Arc<str>,
    /// Outer VLAN tag as seen in the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Virtual server, empty for the host.
    pub virtual_server: Arc<str>,
    /// Policy, empty for defaults and built-in reasons.
    pub policy: Arc<str>,
    /// Rule, or the built-in reason's name.
    pub rule: Arc<str>,
    /// Protocol number.
    pub protocol: u8,
    /// Source address.
    pub src_ip: IpAddr,
    /// Source port, 0 where there is none.
    pub src_port: u16,
    /// Destination address.
    pub dest_ip: IpAddr,
    /// Destination port, 0 where there is none.
    pub dest_port: u16,
    /// TCP flags, the octet of RFC 9293; 0 for others.
    pub tcp_flags: u8,
    /// Octets of the frame.
    pub length: u32,
    /// With the reason `reputation`: the feeds that list the source, by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feeds: Option<Arc<str>>,
    /// With the reason `staged`: what was decided in truth, while `action` is what the staged policy would
    /// have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<&'static str>,
}

/// A member's state changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthEvent {
    /// Pool.
    pub pool: Arc<str>,
    /// Member.
    pub member: Arc<str>,
    /// Is it up now.
    pub up: bool,
    /// Why.
    pub reason: String,
    /// Monitor that made the difference; empty if a change of the configuration did.
    pub monitor: Arc<str>,
    /// State before: `checking`, `up` or `down`.
    pub former: &'static str,
    /// Whole seconds that it was in that state.
    pub former_seconds: u64,
}

/// A member was enabled or disabled, came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberEvent {
    /// Pool.
    pub pool: Arc<str>,
    /// Member.
    pub member: Arc<str>,
    /// `enabled`, `disabled`, `draining`, `drained`, `offline`, `added` or `removed`.
    pub change: &'static str,
    /// Why, one line.
    pub reason: String,
    /// Who did it, as `uid 0, pid 4711`; empty: nobody.
    pub by: String,
}

/// Something of the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemEvent {
    /// Short name, as `started`, `reloaded`, `reload_failed`, `events_lost`.
    pub what: &'static str,
    /// One line for a person.
    pub detail: String,
}
