//! `[firewall]` and the tables under it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flood::FloodProfile;
use super::scalar::{At, NumberOrText, Ports};

/// The packet filter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Firewall {
    /// What happens to packets that no rule decides. Default: `"adc"`.
    pub mode: Option<At<FirewallMode>>,
    /// With `mode = "firewall"`: what is done with packets that no rule decides. Default: `"drop"`.
    pub default: Option<At<DefaultAction>>,
    /// Answers to rejected packets in a second, on each CPU; past them a packet is dropped.
    /// Default: 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub reject_rate: Option<At<u32>>,
    /// Where verdicts are made. Default: `"auto"`.
    pub enforcement: Option<At<Enforcement>>,
    /// Interfaces filtered. Default: none, the firewall is off in the card.
    #[serde(default)]
    #[schemars(extend("examples" = [["eth0"]]))]
    pub interfaces: Vec<At<String>>,
    /// Folder of the pinned maps, programs and links, on a bpffs.
    /// Default: `"/sys/fs/bpf/smtp-lb"`.
    #[schemars(extend("examples" = ["/sys/fs/bpf/smtp-lb"]))]
    pub pin_path: Option<At<String>>,
    /// Name of the policy that is asked first, before those of virtual servers and the host. What it
    /// accepts goes on to theirs. Default: none.
    pub global_policy: Option<At<String>>,
    /// Name of the policy of packets to the host that are for no virtual server.
    pub host_policy: Option<At<String>>,
    /// Name of the policy that is staged beside `global_policy`: it decides nothing, and counts and tells of
    /// what it would have decided otherwise. Default: none.
    pub staged_global_policy: Option<At<String>>,
    /// Name of the policy that is staged beside `host_policy`. Default: none.
    pub staged_host_policy: Option<At<String>>,
    /// Name of the reputation policy of all packets.
    pub reputation: Option<At<String>>,
    /// Name of the flood profile of all packets but those to virtual servers with one of their own.
    pub flood: Option<At<String>>,
    /// Tell of packets decided by the default. Default: true.
    pub log_default: Option<bool>,
    /// Events of each rule in a second, unless the rule says otherwise. Default: 100.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub event_rate: Option<At<u32>>,
    /// Events of one rule at once before the rate bites. Default: 100.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub event_burst: Option<At<u32>>,
    /// Name of the log profile of packets to no virtual server with one of its own.
    pub log_profile: Option<At<String>>,
    /// File of regions in the format MMDB, at most 1 GiB, read at start and reload. Needed where a
    /// rule names a region.
    #[schemars(extend("examples" = ["/var/lib/GeoIP/GeoLite2-Country.mmdb"]))]
    pub region_database: Option<At<String>>,
    /// Times at which rules that name them are in force.
    #[serde(default)]
    pub schedule: Vec<Schedule>,
    /// Sources and services that no policy can shut out.
    #[serde(default)]
    pub failsafe: Vec<Failsafe>,
    /// Named lists of networks.
    #[serde(default)]
    pub address_list: Vec<AddressList>,
    /// Named lists of ports.
    #[serde(default)]
    pub port_list: Vec<PortList>,
    /// Limits of new connections by source.
    #[serde(default)]
    pub flood_profile: Vec<FloodProfile>,
    /// Policies that virtual servers and the host name.
    #[serde(default)]
    pub policy: Vec<Policy>,
}

/// What happens to packets that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FirewallMode {
    /// They are accepted.
    Adc,
    /// They are dropped or rejected, save replies to what the host itself began.
    Firewall,
}

/// What `mode = "firewall"` does with packets that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DefaultAction {
    /// Take them away without a word.
    Drop,
    /// Take them away, and tell the sender.
    Reject,
}

/// Where verdicts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Enforcement {
    /// The best that can be had, with a warning when it is not the first.
    Auto,
    /// In the driver or not at all.
    XdpNative,
    /// In the kernel's generic hook or not at all.
    XdpGeneric,
    /// At accept, by the same code.
    Userspace,
}

/// A source and service that no policy can shut out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failsafe {
    /// Unique among the failsafe entries.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Networks, addresses, or ranges of them. At least one of `source` and `source_lists` is needed.
    #[schemars(length(min = 1), extend("examples" = [["192.0.2.0/24"]]))]
    pub source: Option<At<Vec<At<String>>>>,
    /// Names of address lists.
    #[schemars(length(min = 1))]
    pub source_lists: Option<At<Vec<At<String>>>>,
    /// Protocol by name or number. Default: any.
    #[schemars(extend("examples" = ["tcp", 6]))]
    pub protocol: Option<At<NumberOrText>>,
    /// Destination port or range, with TCP or UDP. Default: any.
    #[schemars(extend("examples" = [22, "25-30"]))]
    pub port: Option<At<NumberOrText>>,
}

/// A named list of networks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressList {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Networks, addresses, or ranges of them.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.0/24", "10.0.0.5-10.0.0.90"]]))]
    pub networks: Vec<At<String>>,
    /// File with one of them on a line, `#` and `;` before comments. Read at start and reload.
    #[schemars(extend("examples" = ["/etc/smtp-lb/partners.txt"]))]
    pub file: Option<At<String>>,
    /// Names of further lists, merged in.
    #[serde(default)]
    pub lists: Vec<At<String>>,
}

/// A named list of ports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortList {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Ports and ranges of them.
    #[serde(default)]
    #[schemars(extend("examples" = [[25, "587-590"]]))]
    pub ports: Vec<At<NumberOrText>>,
    /// Names of further lists, merged in.
    #[serde(default)]
    pub lists: Vec<At<String>>,
}

/// A firewall policy: ordered rules, first match decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Rules in order.
    #[serde(default)]
    pub rule: Vec<Rule>,
}

/// A rule of a policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Unique within its policy.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// A disabled rule is kept and never matches. Default: true. `state` says the same and more.
    pub enabled: Option<At<bool>>,
    /// Whether the rule is in force. Default: `"scheduled"` with a `schedule`, else `"enabled"`.
    pub state: Option<At<RuleState>>,
    /// Name of the schedule by which it is in force.
    pub schedule: Option<At<String>>,
    /// Its place, if not the one where it is written.
    pub order: Option<At<Order>>,
    /// Name of the rule that it is to stand right before.
    pub before: Option<At<String>>,
    /// Name of the rule that it is to stand right behind.
    pub after: Option<At<String>>,
    /// Protocol by name or number. Default: any.
    #[schemars(extend("examples" = ["tcp", 6]))]
    pub protocol: Option<At<NumberOrText>>,
    /// Source networks, addresses, or ranges of them. Without `source`, `source_lists` and
    /// `source_regions`: any.
    #[schemars(length(min = 1), extend("examples" = [["192.0.2.0/24", "10.0.0.5-10.0.0.90"]]))]
    pub source: Option<At<Vec<At<String>>>>,
    /// Names of address lists, merged with `source`.
    #[schemars(length(min = 1))]
    pub source_lists: Option<At<Vec<At<String>>>>,
    /// Countries of the region database by their ISO 3166-1 codes, merged with `source`.
    #[schemars(length(min = 1), extend("examples" = [["DE", "FR"]]))]
    pub source_regions: Option<At<Vec<At<String>>>>,
    /// Destination networks, addresses, or ranges of them. Without `destination`, `destination_lists`
    /// and `destination_regions`: any.
    #[schemars(length(min = 1), extend("examples" = [["192.0.2.25", "2001:db8::/64"]]))]
    pub destination: Option<At<Vec<At<String>>>>,
    /// Names of address lists, merged with `destination`.
    #[schemars(length(min = 1))]
    pub destination_lists: Option<At<Vec<At<String>>>>,
    /// Countries of the region database, merged with `destination`.
    #[schemars(length(min = 1), extend("examples" = [["DE", "FR"]]))]
    pub destination_regions: Option<At<Vec<At<String>>>>,
    /// Destination port, range, or list of them, with TCP or UDP. Without `port` and `port_lists`: any.
    #[schemars(extend("examples" = [25, "25-30", [25, 465, "587-590"]]))]
    pub port: Option<At<Ports>>,
    /// Names of port lists, merged with `port`.
    #[schemars(length(min = 1))]
    pub port_lists: Option<At<Vec<At<String>>>>,
    /// Source port, range, or list of them, with TCP or UDP. Without `source_port` and
    /// `source_port_lists`: any.
    #[schemars(extend("examples" = ["1024-65535", [53, 123]]))]
    pub source_port: Option<At<Ports>>,
    /// Names of port lists, merged with `source_port`.
    #[schemars(length(min = 1))]
    pub source_port_lists: Option<At<Vec<At<String>>>>,
    /// Types by name or number, each with a code behind `/` if it is one alone. With protocol `icmp` or
    /// `icmpv6`. Default: any.
    #[schemars(length(min = 1), extend("examples" = [["echo-request", "3/4", 11]]))]
    pub icmp_type: Option<At<Vec<At<NumberOrText>>>>,
    /// Interface that the packet comes in by, one of the firewall's `interfaces`. Default: any.
    #[schemars(extend("examples" = ["eth0"]))]
    pub interface: Option<At<String>>,
    /// Id of the outer VLAN as seen in the frame, or a range of them. Default: any, and none at all.
    #[schemars(extend("examples" = [100, "100-199"]))]
    pub vlan: Option<At<NumberOrText>>,
    /// `"new"`: only what begins a connection, with TCP. Default: any.
    pub tcp_state: Option<At<TcpState>>,
    /// Packets in a second, a minute or an hour that the rule matches, and at once after a quiet time.
    /// What is past it goes on to the next rule. Default: no bound.
    #[schemars(extend("examples" = ["100/s", "10/m"]))]
    pub rate: Option<At<String>>,
    /// What is done.
    #[schemars(required)]
    pub action: Option<Action>,
    /// Tell of each packet that the rule decides. Default: false.
    pub log: Option<bool>,
    /// Events in a second. Default: the firewall's `event_rate`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub log_rate: Option<At<u32>>,
}

/// What a rule asks of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TcpState {
    /// It begins a connection: SYN without ACK and RST.
    New,
}

/// Whether a rule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleState {
    /// Always.
    Enabled,
    /// Never.
    Disabled,
    /// By its schedule.
    Scheduled,
}

/// Where a rule stands that does not stand where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
}

/// When rules are in force: on all of its days, dates and hours at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Days of the week. Default: all.
    #[schemars(length(min = 1))]
    pub days: Option<At<Vec<Day>>>,
    /// Times of day, ends excluded; past midnight they belong to the day on which they begin.
    /// Default: the whole day.
    #[schemars(length(min = 1, max = 100), extend("examples" = [["08:00-12:00", "22:00-06:30"]]))]
    pub hours: Option<At<Vec<At<String>>>>,
    /// Dates, or first and last of them. Default: all.
    #[schemars(length(min = 1, max = 1000), extend("examples" = [["2026-12-24/2026-12-26", "2027-01-01"]]))]
    pub dates: Option<At<Vec<At<String>>>>,
    /// Time zone of the IANA database. Default: `"UTC"`.
    #[schemars(extend("examples" = ["Europe/Berlin"]))]
    pub time_zone: Option<At<String>>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Let the packet on: of the global policy to the policy of the virtual server or the host.
    Accept,
    /// Let the packet on, and ask no other policy.
    AcceptDecisively,
    /// Take it away without a word.
    Drop,
    /// Take it away, and tell the sender: TCP by a reset, the rest by ICMP.
    Reject,
}
