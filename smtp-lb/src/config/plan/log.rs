//! Where events go.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{DestinationId, ProfileId, PublisherId, Secret, ServerTlsId};

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlan {
    /// Where records go.
    pub destinations: Vec<DestinationPlan>,
    /// Sets of destinations.
    pub publishers: Vec<PublisherPlan>,
    /// What is told to which publisher.
    pub profiles: Vec<LogProfilePlan>,
    /// Profile of health, system and administration events.
    pub system_profile: Option<ProfileId>,
    /// Bound of the bus between producers and publishers, in events.
    pub bus_capacity: usize,
}

/// `[[log.destination]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationPlan {
    /// Unique name.
    pub name: String,
    /// Kind and address.
    pub kind: DestinationKind,
    /// How records are written.
    pub format: Format,
    /// Bound of its queue in memory, in records.
    pub queue: usize,
    /// What a full queue gives up.
    pub overflow: Overflow,
    /// Its queue on disk.
    pub disk: Option<DiskPlan>,
}

/// What a full queue gives up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// What has waited longest.
    Oldest,
    /// What would be added.
    #[default]
    Newest,
}

/// `disk` of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    /// Folder of its own.
    pub folder: PathBuf,
    /// Octets, at most.
    pub size: u64,
    /// Older records are given up.
    pub age: Option<Duration>,
    /// Longest time until a collector is asked what it has; `None`: never.
    pub confirm: Option<Duration>,
}

/// How records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// RFC 5424, with structured data.
    Rfc5424,
    /// RFC 3164, with pairs.
    Rfc3164,
    /// A list of values, as BIG-IP's.
    BigIp(FieldList),
    /// Pairs, as Splunk reads them.
    Splunk,
    /// `ArcSight`'s Common Event Format.
    Cef,
    /// One JSON object a line.
    Json,
    /// Fields of the systemd journal.
    Journal,
}

/// `fields` and `delimiter` of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldList {
    /// Names known to the format, in their order. At least one.
    pub fields: Vec<String>,
    /// What stands between two values. Never empty; no control character, quote or backslash.
    pub delimiter: String,
}

impl FieldList {
    /// Every name that a list may have, in the order of AFM's own list.
    pub const KNOWN: &[&str] = &[
        "acl_policy_name",
        "acl_policy_type",
        "acl_rule_name",
        "action",
        "bigip_hostname",
        "context_name",
        "context_type",
        "date_time",
        "dest_ip",
        "dest_port",
        "drop_reason",
        "protocol",
        "route_domain",
        "sequence_id",
        "src_ip",
        "src_port",
        "translated_dest_ip",
        "translated_dest_port",
        "translated_ip_protocol",
        "translated_route_domain",
        "translated_src_ip",
        "translated_src_port",
        "translated_vlan",
        "vlan",
    ];

    /// Those of F5's guide.
    const GUIDE: &[&str] = &[
        "date_time",
        "action",
        "drop_reason",
        "protocol",
        "src_ip",
        "src_port",
        "dest_ip",
        "dest_port",
    ];
}

impl Default for FieldList {
    fn default() -> Self {
        Self {
            fields: Self::GUIDE.iter().map(|&name| name.to_owned()).collect(),
            delimiter: ",".to_owned(),
        }
    }
}

/// Kind of a log destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationKind {
    /// One record a line.
    File {
        /// Appended to; made if missing.
        path: PathBuf,
        /// When it is put aside.
        rotate: Option<RotatePlan>,
    },
    /// To a remote collector.
    Syslog {
        /// Who shares the records.
        collectors: CollectorsPlan,
        /// How records travel.
        transport: Transport,
        /// Facility, 0 to 23 (RFC 5424, table 1).
        facility: u8,
        /// Source address to send from, if the operator chose one.
        source: Option<IpAddr>,
    },
    /// To Splunk's HTTP event collector.
    Hec {
        /// Who shares the records.
        collectors: CollectorsPlan,
        /// HTTPS; `None`: in the clear.
        tls: Option<ServerTlsId>,
        /// Its token.
        token: Secret,
        /// Is what it took asked for until it is indexed?
        acknowledge: bool,
    },
    /// To the systemd journal.
    Journald {
        /// Its socket.
        path: PathBuf,
    },
}

/// Collectors that share the records of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorsPlan {
    /// At least one.
    pub members: Vec<CollectorPlan>,
    /// How they are watched; `None`: only what fails tells.
    pub watch: Option<WatchPlan>,
    /// Time over which one that came up gets its full share.
    pub slow_ramp: Option<Duration>,
}

impl CollectorsPlan {
    /// One collector, that nobody watches.
    #[must_use]
    pub fn one(address: SocketAddr, host: Option<String>) -> Self {
        Self {
            members: vec![CollectorPlan { address, host }],
            watch: None,
            slow_ramp: None,
        }
    }
}

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorPlan {
    /// Where it is.
    pub address: SocketAddr,
    /// The host name it was written with, for TLS to name and verify.
    pub host: Option<String>,
}

/// How collectors are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchPlan {
    /// By an echo request; else by a connection.
    pub icmp: bool,
    /// Between two looks.
    pub interval: Duration,
    /// Without an answer for so long it is down.
    pub timeout: Duration,
}

/// When a log file is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotatePlan {
    /// At this size.
    pub size: u64,
    /// After this time.
    pub age: Option<Duration>,
    /// Files that are kept, at least 1.
    pub keep: u32,
}

/// Transport of a syslog destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One record a datagram.
    Udp,
    /// A stream of records.
    Tcp(Framing),
    /// The same within TLS (RFC 5425). The profile begins with TLS, not with STARTTLS.
    Tls(Framing, ServerTlsId),
}

/// What tells one record of a stream from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Its length before each (RFC 6587, 3.4.1).
    OctetCounting,
    /// A newline behind each (RFC 6587, 3.4.2).
    Newline,
}

/// `[[log.publisher]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherPlan {
    /// Unique name.
    pub name: String,
    /// Each gets every event.
    pub destinations: Vec<DestinationId>,
}

/// `[[log.profile]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one key of the configuration"
)]
pub struct LogProfilePlan {
    /// Unique name.
    pub name: String,
    /// Who is told.
    pub publisher: PublisherId,
    /// Firewall events of accepted packets.
    pub accept: bool,
    /// Firewall events of dropped packets.
    pub drop: bool,
    /// Firewall events of rejected packets.
    pub reject: bool,
    /// Firewall events of packets that staged policies would have decided otherwise.
    pub staged: bool,
    /// Firewall events of packets that reputation decided.
    pub reputation: bool,
    /// Events of sessions.
    pub sessions: Sessions,
    /// Violations of SMTP security profiles.
    pub violations: bool,
    /// One in so many accepted packets and sessions.
    pub sample: u64,
    /// Events a second, over all.
    pub rate: Option<u32>,
    /// Events a second, of each class.
    pub rates: ClassRates,
}

/// Events a second of each class of events; `None`: no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassRates {
    /// Accepted packets.
    pub accept: Option<u32>,
    /// Dropped packets.
    pub drop: Option<u32>,
    /// Rejected packets.
    pub reject: Option<u32>,
    /// Packets that staged policies would have decided otherwise.
    pub staged: Option<u32>,
    /// Packets that reputation decided.
    pub reputation: Option<u32>,
    /// Sessions.
    pub session: Option<u32>,
    /// What SMTP security profiles found.
    pub violation: Option<u32>,
    /// Health, members, administration, the daemon itself.
    pub other: Option<u32>,
}

impl LogProfilePlan {
    /// A profile of the defaults.
    #[must_use]
    pub fn of(name: &str, publisher: PublisherId) -> Self {
        Self {
            name: name.to_owned(),
            publisher,
            accept: true,
            drop: true,
            reject: true,
            staged: true,
            reputation: true,
            sessions: Sessions::None,
            violations: true,
            sample: 1,
            rate: None,
            rates: ClassRates::default(),
        }
    }
}

/// What is told of sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sessions {
    /// Nothing.
    #[default]
    None,
    /// Their ends.
    Close,
    /// Beginnings and ends.
    All,
}
