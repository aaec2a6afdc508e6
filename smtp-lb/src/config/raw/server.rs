//! `[[virtual_server]]` and `[[pool]]`.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::gateway::Gateway;
use super::scalar::{At, DurationText};

/// A virtual server: addresses listened on, and what they lead to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VirtualServer {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Addresses and ports listened on. IPv6 in brackets; an IPv6 listener takes IPv6 only.
    #[schemars(required, length(min = 1))]
    #[schemars(extend("examples" = [["192.0.2.1:25", "[2001:db8::1]:25"]]))]
    pub listen: Option<Vec<At<String>>>,
    /// How bytes are carried. Default: `"plain"`.
    pub mode: Option<At<Mode>>,
    /// Name of the pool that sessions go to.
    #[schemars(required)]
    pub pool: Option<At<String>>,
    /// Name of the client TLS profile. Needed with `offload`, `bridge` and `starttls`.
    pub client_tls: Option<At<String>>,
    /// Name of the server TLS profile. Needed with `bridge` and `encrypt-server-side`, possible with
    /// `starttls`.
    pub server_tls: Option<At<String>>,
    /// The address that members see: `"none"`: the client's own; `"automap"`: one of this host, as the
    /// kernel chooses; or the name of a SNAT pool. Default: `"automap"`.
    #[schemars(extend("examples" = ["automap"]))]
    pub snat: Option<At<String>>,
    /// The PROXY header that members get first on every connection: who the client is. They must expect it.
    /// Default: `"none"`.
    pub send_proxy: Option<At<SendProxy>>,
    /// Every connection begins with a PROXY header, of either version. Default: none does.
    pub accept_proxy: Option<At<AcceptProxy>>,
    /// SMTP is read. Default: only where it must be.
    pub gateway: Option<At<Gateway>>,
    /// Name of the firewall policy of packets to this virtual server.
    pub firewall_policy: Option<At<String>>,
    /// Name of the policy that is staged beside it: it decides nothing, and counts and tells of what it would
    /// have decided otherwise. Default: none.
    pub staged_policy: Option<At<String>>,
    /// Name of the reputation policy of this virtual server's clients, beside the firewall's.
    pub reputation: Option<At<String>>,
    /// Name of the flood profile of this virtual server's clients. Default: the firewall's.
    pub flood: Option<At<String>>,
    /// Name of the SMTP security profile of this virtual server's sessions. SMTP is read.
    pub smtp_profile: Option<At<String>>,
    /// SYNs are answered by cookies where the packet filter is, so that a flood of them from forged addresses
    /// costs little and keeps nobody out: never, while a mark is passed, or always. Default: `"off"`.
    pub syn_protection: Option<At<SynProtection>>,
    /// The mark of SYNs in a second, with `syn_protection = "auto"`. Default: 1000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub syn_rate: Option<At<u32>>,
    /// The mark of the accept queue, in percent of what it holds, with `syn_protection = "auto"`. Default: 50.
    #[schemars(range(min = 1, max = 100))]
    pub syn_accept_queue: Option<At<u32>>,
    /// Name of the log profile of this virtual server's events.
    pub log_profile: Option<At<String>>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// Addresses of ours that members see.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnatPool {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Addresses of this host. Each carries 64512 connections to each member.
    #[schemars(required, length(min = 1, max = 64), extend("examples" = [["10.1.0.5", "10.1.0.6"]]))]
    pub addresses: Option<Vec<At<String>>>,
}

/// PROXY headers that are read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptProxy {
    /// Networks or addresses of the load balancers in front, which are believed. All others are closed.
    #[schemars(required, length(min = 1, max = 1000), extend("examples" = [["10.0.0.0/8"]]))]
    pub from: Option<Vec<At<String>>>,
    /// Time for a whole header, `"10ms"` to `"1m"`. Default: `"5s"`.
    pub timeout: Option<At<DurationText>>,
}

/// A PROXY header that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SendProxy {
    /// None.
    None,
    /// Of version 1: addresses.
    V1,
    /// Of version 2: addresses, an id, the client's TLS, and a checksum.
    V2,
}

/// How bytes are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
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
    /// The client negotiates TLS by STARTTLS (RFC 3207). SMTP is read.
    Starttls,
}

/// When SYNs are answered by cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SynProtection {
    /// Never.
    Off,
    /// While `syn_rate` or `syn_accept_queue` is passed, and 10 seconds longer.
    Auto,
    /// Always.
    Always,
}

/// Bounds of one virtual server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Sessions at once over all workers. Default: 10000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub connections: Option<At<usize>>,
    /// Time for one connect to one member, `"1ms"` to `"10m"`. Default: `"5s"`.
    pub connect_timeout: Option<At<DurationText>>,
    /// Members tried for one session, the first included. Default: 3.
    #[schemars(range(min = 1, max = 100))]
    pub connect_attempts: Option<At<usize>>,
    /// Time for one TLS handshake, either side, `"1ms"` to `"10m"`. Default: `"30s"`.
    pub handshake_timeout: Option<At<DurationText>>,
    /// A session with no byte either way for so long is closed, `"1ms"` to `"7d"`. RFC 5321
    /// section 4.5.3.2 lets a server take 10 minutes over the end of a message. Default: `"5m"`.
    pub idle_timeout: Option<At<DurationText>>,
    /// A session older than this is closed, `"1ms"` to `"30d"`, or `"none"`. Default: `"none"`.
    pub session_timeout: Option<At<DurationText>>,
}

/// A group of mail servers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// How a member is chosen. Default: `"least-connections"`.
    pub balance: Option<At<Balance>>,
    /// The mail servers: `"address:port"`, `"host:port"` (each address of the host is a member, as of
    /// its TTL), or a table with a name.
    #[schemars(required, length(min = 1), extend("examples" = [["10.1.0.2:25"]]))]
    pub members: Option<Vec<At<Member>>>,
    /// Names of the monitors. None: members count as up.
    #[serde(default)]
    pub monitors: Vec<At<String>>,
    /// A member is up while at least so many of the monitors say so. Default: all.
    #[schemars(range(min = 1, max = 1000))]
    pub min_monitors: Option<At<usize>>,
    /// Members of the greatest `priority` that must be up with room; while fewer are, those of the
    /// next one get sessions, too. Default: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub min_active: Option<At<usize>>,
    /// Time in which a member that comes up gets its share of sessions, growing on a line, `"1ms"`
    /// to `"1d"`, or `"none"`. Default: `"none"`.
    pub slow_ramp: Option<At<DurationText>>,
    /// Connections at once to all members, those that the gateway keeps for later included.
    /// Default: no bound.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub connections: Option<At<usize>>,
    /// New connections in a second to all members, and as many at once after a quiet second.
    /// Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connection_rate: Option<At<u32>>,
    /// Where sessions wait that find all members at their limits. Default: they do not wait.
    pub queue: Option<At<Queue>>,
    /// What clients get that no member takes, unless SMTP is read: then they get 421 or 451.
    /// Default: `"421"`.
    pub when_down: Option<At<WhenDown>>,
}

/// How a member is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Balance {
    /// Fewest sessions now; equals take turns.
    LeastConnections,
    /// One after the other.
    RoundRobin,
    /// One after the other, as often as `ratio` says.
    Ratio,
    /// Fewest sessions now for the member's `ratio`.
    WeightedLeastConnections,
    /// Least time to greet, smoothed, for each session that the member has.
    Fastest,
    /// Two drawn by chance, and of those the one with fewer sessions.
    PowerOfTwo,
    /// By the client's address, always the same one while it is there.
    SourceHash,
}

/// Sessions that wait for a member with room, first come, first served.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    /// Sessions that may wait at once. Default: 1000.
    #[schemars(range(min = 1, max = 100_000))]
    pub length: Option<At<usize>>,
    /// How long one may wait, `"1ms"` to `"10m"`. Default: `"30s"`.
    pub wait: Option<At<DurationText>>,
}

/// What clients get that no member takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WhenDown {
    /// The reply 421 and an orderly end, within TLS where the client speaks it to us; a reset where
    /// TLS is passed through.
    #[serde(rename = "421")]
    Reply,
    /// A reset.
    Reset,
    /// An orderly end.
    Close,
}

/// A member of a pool.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Member {
    /// `"address:port"` or `"host:port"`; the member is named so too.
    Address(String),
    /// With a name of its own, or more.
    Named(Box<NamedMember>),
}

/// A member with a name of its own, or more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedMember {
    /// Unique within the pool. Default: the address as written.
    pub name: Option<At<String>>,
    /// `"address:port"` or `"host:port"`.
    #[schemars(required, extend("examples" = ["10.1.0.2:25"]))]
    pub address: Option<At<String>>,
    /// Its weight, with `ratio` and `weighted-least-connections`. Default: 1.
    #[schemars(range(min = 1, max = 65_535))]
    pub ratio: Option<At<u32>>,
    /// Its priority group; greater ones are preferred. Default: 0.
    #[schemars(range(min = 0, max = 65_535))]
    pub priority: Option<At<u32>>,
    /// Connections at once to it, those that the gateway keeps for later included. Default: no bound.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub connections: Option<At<usize>>,
    /// New connections to it in a second, and as many at once after a quiet second. Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connection_rate: Option<At<u32>>,
}

// Not serde's `untagged`: that buffers the value and so forgets where it is written.
impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Member, E> {
                Ok(Member::Address(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member, A::Error> {
                NamedMember::deserialize(MapAccessDeserializer::new(map))
                    .map(|named| Member::Named(Box::new(named)))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
