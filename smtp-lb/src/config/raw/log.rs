//! `[log]` and the tables under it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{At, DurationText, SecretText};

/// Where events go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// Bound of the bus between producers and publishers, in events. Default: 65536.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub bus_capacity: Option<At<usize>>,
    /// Name of the profile of health, system and administration events.
    pub system_profile: Option<At<String>>,
    /// Collectors that share the records of a destination.
    #[serde(default)]
    pub pool: Vec<LogPool>,
    /// Where records go.
    #[serde(default)]
    pub destination: Vec<Destination>,
    /// Sets of destinations.
    #[serde(default)]
    pub publisher: Vec<Publisher>,
    /// What is told to which publisher.
    #[serde(default)]
    pub profile: Vec<Profile>,
}

/// Where records go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// What it is.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub kind: Option<At<DestinationKind>>,
    /// How records are written. Default: `"json"` to files, `"rfc5424"` to collectors.
    pub format: Option<At<Format>>,
    /// Fields of a packet in their order, with format `"bigip"` only: AFM's names. Default: those of
    /// the guide, `date_time`, `action`, `drop_reason`, `protocol`, `src_ip`, `src_port`, `dest_ip`,
    /// `dest_port`.
    #[schemars(length(min = 1), extend("examples" = [["date_time", "action", "src_ip", "dest_port"]]))]
    pub fields: Option<At<Vec<At<String>>>>,
    /// What stands between two values, with format `"bigip"` only. Default: `","`.
    #[schemars(extend("examples" = ["|"]))]
    pub delimiter: Option<At<String>>,
    /// File appended to, one record a line. Only and always with type `"file"`.
    #[schemars(extend("examples" = ["/var/log/smtp-lb/events.json"]))]
    pub path: Option<At<String>>,
    /// When the file is put aside and begun anew. Only with type `"file"`. Default: never.
    pub rotate: Option<At<Rotate>>,
    /// Collector, `"address:port"` or `"host:port"`. Only with types `"syslog"` and `"hec"`, which need it or
    /// `pool`.
    #[schemars(extend("examples" = ["10.9.0.2:514"]))]
    pub address: Option<At<String>>,
    /// Name of a `[[log.pool]]`, in place of `address`.
    pub pool: Option<At<String>>,
    /// Name of the destination by whose way records go, in this one's format. Only and always with type
    /// `"forward"`.
    pub forward_to: Option<At<String>>,
    /// Token of Splunk's HTTP event collector, by `file:PATH` or `env:NAME`. Only and always with type `"hec"`.
    #[schemars(extend("examples" = ["file:/etc/smtp-lb/hec.token"]))]
    pub token: Option<At<SecretText>>,
    /// Ask the collector whether it has indexed what it took. Only with type `"hec"`. Default: true.
    pub acknowledge: Option<At<bool>>,
    /// Only with type `"syslog"`. Default: `"udp"`.
    pub transport: Option<At<Transport>>,
    /// Name of the server TLS profile. Always with transport `"tls"`; with type `"hec"`: HTTPS.
    pub server_tls: Option<At<String>>,
    /// What tells one record of a stream from the next. Only with transport `"tcp"` or `"tls"`. Default:
    /// `"octet-counting"` for `rfc5424`, `rfc3164` and `cef`, `"newline"` for the others.
    pub framing: Option<At<Framing>>,
    /// Only with type `"syslog"`. Default: `"local0"`.
    pub facility: Option<At<Facility>>,
    /// Address to send from. Only with type `"syslog"`. Default: the kernel's choice.
    #[schemars(extend("examples" = ["10.9.0.1"]))]
    pub source: Option<At<String>>,
    /// Bound of its queue, in records. Default: 10000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub queue: Option<At<usize>>,
    /// What a full queue gives up: the oldest records or the newest. Default: `"newest"`.
    pub overflow: Option<At<Overflow>>,
    /// Keep records on disk until they are delivered, under `general.state_path`. Default: they wait in
    /// memory, and are lost with the process.
    pub disk: Option<At<Disk>>,
}

/// A queue on disk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    /// Octets of it, at most. Default: `"1GiB"`.
    pub size: Option<At<String>>,
    /// Records that have waited longer are given up, or `"none"`. Default: `"7d"`.
    pub age: Option<At<DurationText>>,
    /// Longest time until a collector is asked, by closing the connection, whether it has all that it was
    /// sent, or `"none"`. Only with transports `"tcp"` and `"tls"`, and with type `"hec"`, where it is asked
    /// over HTTP. Default: `"10s"`.
    pub confirm: Option<At<DurationText>>,
}

/// What a full queue gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overflow {
    /// What has waited longest.
    Oldest,
    /// What would be added.
    Newest,
}

/// What a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DestinationKind {
    /// One record a line.
    File,
    /// To a remote collector.
    Syslog,
    /// To Splunk's HTTP event collector.
    Hec,
    /// To the systemd journal of this host.
    Journald,
    /// In another format by the way of another destination.
    Forward,
}

/// When a log file is put aside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// At this size. Default: `"100MiB"`.
    pub size: Option<At<String>>,
    /// After this time, or `"none"`. Default: `"none"`.
    pub age: Option<At<DurationText>>,
    /// Files that are kept, as `.1` (the newest) and so on. Default: 7.
    #[schemars(range(min = 1, max = 1000))]
    pub keep: Option<At<u32>>,
}

/// Collectors that share the records of a destination.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogPool {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Collectors, `"address:port"` or `"host:port"`.
    #[schemars(required, length(min = 1), extend("examples" = [["10.9.0.2:514", "10.9.0.3:514"]]))]
    pub members: Option<At<Vec<At<String>>>>,
    /// How it is found out whether one is there. Default: `"icmp"`.
    pub monitor: Option<At<PoolMonitor>>,
    /// Time between two looks. Default: `"30s"`.
    pub interval: Option<At<DurationText>>,
    /// A collector that has not answered for so long is down. Default: thrice `interval` and a second, `"91s"`.
    pub timeout: Option<At<DurationText>>,
    /// Time over which one that came up gets its full share, or `"none"`. Default: `"5m"`.
    pub slow_ramp: Option<At<DurationText>>,
}

/// How it is found out whether a collector is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PoolMonitor {
    /// An answer to an echo request.
    Icmp,
    /// A connection to its port.
    Tcp,
    /// By what fails.
    None,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// RFC 5424, with structured data.
    Rfc5424,
    /// RFC 3164, with pairs as `name="value"`. Time is UTC.
    Rfc3164,
    /// A list of values, as the field list of a BIG-IP log profile.
    Bigip,
    /// Pairs as `name="value"`, without a syslog header.
    Splunk,
    /// `ArcSight`'s Common Event Format, behind a header as of RFC 3164.
    Cef,
    /// One JSON object a line.
    Json,
}

/// What tells one record of a stream from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Framing {
    /// Its length before each (RFC 6587, section 3.4.1).
    OctetCounting,
    /// A newline behind each (RFC 6587, section 3.4.2).
    Newline,
}

/// How syslog records travel.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transport {
    /// One record a datagram (RFC 5426).
    Udp,
    /// A stream of records (RFC 6587).
    Tcp,
    /// A stream of records within TLS (RFC 5425).
    Tls,
}

/// Syslog facility, in the order of RFC 5424 table 1.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Facility {
    Kern,
    User,
    Mail,
    Daemon,
    Auth,
    Syslog,
    Lpr,
    News,
    Uucp,
    Cron,
    Authpriv,
    Ftp,
    Ntp,
    Audit,
    Alert,
    Clock,
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

/// A set of destinations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publisher {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Names of the destinations; each gets every event.
    #[schemars(required, length(min = 1))]
    pub destinations: Option<Vec<At<String>>>,
}

/// What is told to which publisher.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Name of the publisher.
    #[schemars(required)]
    pub publisher: Option<At<String>>,
    /// Tell of accepted packets. Default: true.
    pub accept: Option<bool>,
    /// Tell of dropped packets. Default: true.
    pub drop: Option<bool>,
    /// Tell of rejected packets. Default: as `drop`.
    pub reject: Option<bool>,
    /// Tell of packets that staged policies would have decided otherwise. Default: true.
    pub staged: Option<bool>,
    /// Tell of packets that reputation decided. Default: true.
    pub reputation: Option<bool>,
    /// Tell of sessions: their ends, or beginnings, too. Default: `"none"`.
    pub sessions: Option<At<Sessions>>,
    /// Tell of what SMTP security profiles found. Default: true.
    pub violations: Option<bool>,
    /// Tell of one in so many accepted packets and sessions. Default: 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sample: Option<At<u64>>,
    /// Events a second over all; what is above is counted, and told of every 10 s. Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rate: Option<At<u32>>,
    /// The same of each class: accepted, dropped, rejected, staged, reputation, sessions, violations, others. Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub class_rate: Option<At<u32>>,
    /// The same of single classes. Default: `class_rate`.
    pub rates: Option<ClassRates>,
    /// Fields of a packet in their order, for those destinations of the publisher that have the format
    /// `"bigip"` and no `fields` of their own. Default: those of the destination.
    #[schemars(length(min = 1), extend("examples" = [["date_time", "action", "src_ip", "dest_port"]]))]
    pub fields: Option<At<Vec<At<String>>>>,
    /// What stands between two values, for the same destinations. Default: `","`.
    #[schemars(extend("examples" = ["|"]))]
    pub delimiter: Option<At<String>>,
}

/// Events a second of single classes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassRates {
    /// Of accepted packets.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub accept: Option<At<u32>>,
    /// Of dropped packets.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub drop: Option<At<u32>>,
    /// Of rejected packets.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub reject: Option<At<u32>>,
    /// Of packets that staged policies would have decided otherwise.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub staged: Option<At<u32>>,
    /// Of packets that reputation decided.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub reputation: Option<At<u32>>,
    /// Of sessions.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub session: Option<At<u32>>,
    /// Of what SMTP security profiles found.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub violation: Option<At<u32>>,
    /// Of health, members, administration and the daemon itself.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub other: Option<At<u32>>,
}

/// What is told of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sessions {
    /// Nothing.
    None,
    /// Their ends.
    Close,
    /// Beginnings and ends.
    All,
}
