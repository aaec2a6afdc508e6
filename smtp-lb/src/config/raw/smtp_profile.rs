//! `[[smtp_profile]]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::WhenAway;
use super::scalar::{At, DurationText};

/// Security checks of SMTP sessions, for virtual servers to name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmtpProfile {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Whom no check is for.
    #[serde(default)]
    pub exceptions: Exceptions,
    /// RFC 5321 and the discipline of lines. What the gateway refuses for itself it refuses anyway; with
    /// `block` it is strict: names in EHLO that are no domain, spaces before `<`, local parts above 64
    /// octets.
    pub protocol_compliance: Option<At<ProtocolCompliance>>,
    /// Clients that are listed here. 550 5.7.1 to MAIL.
    pub disallowed_client: Option<At<DisallowedClient>>,
    /// Reverse-paths that are listed here. 550 5.7.1 to MAIL.
    pub disallowed_sender: Option<At<DisallowedSender>>,
    /// Recipients of other domains than these. 550 5.7.1 to RCPT. `<postmaster>` always passes.
    pub recipient_domain: Option<At<RecipientDomain>>,
    /// Commands that are not answered. 502 5.5.1.
    pub methods: Option<At<Methods>>,
    /// Clients that talk before they are greeted. 554 5.5.0, and the session ends.
    pub pregreet: Option<At<Pregreet>>,
    /// Connections of one client: an IPv4 address, or the /64 of an IPv6 one. 421 4.7.0.
    pub client_rate: Option<At<ClientRate>>,
    /// Recipients of a message, 452 4.5.3, and its octets, 552 5.3.4.
    pub size: Option<At<Size>>,
    /// Bare CR, bare LF and NUL in a message. With `block` it is refused, 550 5.5.2, and the session ends,
    /// whatever `line_endings` says; with `alarm` alone it is repaired and passes, but for BDAT, in which it
    /// cannot be.
    pub smuggling: Option<At<Smuggling>>,
    /// Clients without a name in DNS, or with none that leads back to them. 550 5.7.25 to MAIL.
    pub client_dns: Option<At<ClientDns>>,
    /// Clients that lists in DNS have. 550 5.7.1 to MAIL.
    pub dnsbl: Option<At<Dnsbl>>,
    /// Reverse-paths whose domain has neither MX nor addresses, 450 4.1.8, or takes no mail, 550 5.7.27.
    pub sender_domain: Option<At<SenderDomain>>,
    /// Clients that may not send for the reverse-path's domain (RFC 7208). 550 5.7.23.
    pub spf: Option<At<Spf>>,
    /// The first message of a sender to a recipient. 450 4.7.1 to RCPT.
    pub greylist: Option<At<Greylist>>,
    /// Messages from a domain. 450 4.7.1 to MAIL.
    pub sender_rate: Option<At<SenderRate>>,
    /// Messages to a domain. 450 4.7.1 to RCPT.
    pub recipient_rate: Option<At<RecipientRate>>,
    /// Recipients of a client that members do not know. 421 4.7.0, after slower and slower replies.
    pub harvest: Option<At<Harvest>>,
    /// Put what SPF found above the header of messages, as `Received-SPF`, where `spf` runs. Default: false.
    pub received_spf: Option<bool>,
    /// When a sender is refused: to MAIL, before a member hears of it; or to each RCPT, so that it is known
    /// for whom it would have been. Default: mail.
    pub reject_at: Option<RejectAt>,
    /// Violations that are kept to be listed. Default: 500.
    #[schemars(range(min = 1, max = 100_000))]
    pub violations: Option<At<usize>>,
}

/// At which command a sender is refused.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RejectAt {
    Mail,
    Rcpt,
}

/// Whom no check is for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    /// Networks or addresses of clients. Default: none.
    #[serde(default)]
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub networks: Vec<At<String>>,
    /// Domains of reverse-paths, which anybody may write; `".example.org"` is all below it. Default: none.
    #[serde(default)]
    #[schemars(extend("examples" = [["partner.example"]]))]
    pub domains: Vec<At<String>>,
    /// Clients that have authenticated themselves. Default: true.
    pub authenticated: Option<bool>,
}

/// What all checks have.
pub(crate) struct Common<'a> {
    pub alarm: Option<bool>,
    pub block: Option<bool>,
    pub reply: Option<&'a At<String>>,
    pub servers: Option<&'a [At<String>]>,
}

/// A check. Not by serde's `flatten`, which forgets where things are written.
macro_rules! check {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            /// Who fails it is told of and kept. Without this and `block` it does not run. Default: false.
            pub alarm: Option<bool>,
            /// Who fails it is refused. Default: false.
            pub block: Option<bool>,
            /// Text of the reply behind its codes: printable ASCII, at most 200 octets, with `{client}`,
            /// `{sender}` and `{reason}` in it or not. Default: the check's own.
            pub reply: Option<At<String>>,
            /// Names of the only virtual servers at which it runs, or, with `!` before each, of those at which it
            /// does not. Default: all that have the profile.
            #[schemars(length(min = 1), extend("examples" = [["!internal"]]))]
            pub servers: Option<Vec<At<String>>>,
            $($(#[$meta])* pub $field: $type,)*
        }

        impl $name {
            pub(crate) fn common(&self) -> Common<'_> {
                Common {
                    alarm: self.alarm,
                    block: self.block,
                    reply: self.reply.as_ref(),
                    servers: self.servers.as_deref(),
                }
            }
        }
    };
}

check! {
    /// RFC 5321 and the discipline of lines.
    ProtocolCompliance {}
}

check! {
    /// Clients that are listed here.
    DisallowedClient {
        /// Networks or addresses.
        #[serde(default)]
        #[schemars(extend("examples" = [["203.0.113.0/24"]]))]
        networks: Vec<At<String>>,
        /// Domains of the client's name in DNS, which must lead back to it; all below them are meant, too.
        /// Default: none.
        #[serde(default)]
        #[schemars(extend("examples" = [["dynamic.example"]]))]
        domains: Vec<At<String>>,
    }
}

check! {
    /// Reverse-paths that are listed here.
    DisallowedSender {
        /// Addresses, or local parts of any domain with `@` behind them. Default: none.
        #[serde(default)]
        #[schemars(extend("examples" = [["spam@example.net", "noreply@"]]))]
        users: Vec<At<String>>,
        /// Domains; `".example.net"` is all below it. Default: none.
        #[serde(default)]
        #[schemars(extend("examples" = [["example.net"]]))]
        domains: Vec<At<String>>,
        /// File of domains, one on a line. Default: none.
        file: Option<At<String>>,
        /// Domains below those that are listed, too. Default: true.
        subdomains: Option<bool>,
    }
}

check! {
    /// Recipients of other domains than these.
    RecipientDomain {
        /// Domains; `".example.org"` is all below it. Default: none.
        #[serde(default)]
        #[schemars(extend("examples" = [["example.org"]]))]
        domains: Vec<At<String>>,
        /// File of domains, one on a line. Default: none.
        file: Option<At<String>>,
        /// Domains below those that are listed, too. Default: false.
        subdomains: Option<bool>,
    }
}

check! {
    /// Commands that are not answered.
    Methods {
        /// Which. Default: `["VRFY", "EXPN", "ETRN"]`.
        #[schemars(length(min = 1))]
        list: Option<Vec<Method>>,
    }
}

/// A command that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// ETRN.
    Etrn,
    /// HELP.
    Help,
    /// NOOP.
    Noop,
}

check! {
    /// Clients that talk before they are greeted.
    Pregreet {
        /// How long clients wait for the banner, `"100ms"` to `"1m"`. Default: `"6s"`.
        delay: Option<At<DurationText>>,
    }
}

check! {
    /// Connections of one client.
    ClientRate {
        /// At once. Default: 50.
        #[schemars(range(min = 1, max = 1_000_000))]
        at_once: Option<At<u32>>,
        /// New ones within `window`. Default: no bound.
        #[schemars(range(min = 1, max = 1_000_000))]
        rate: Option<At<u64>>,
        /// `"1s"` to `"1d"`, whole seconds. Default: `"60s"`.
        window: Option<At<DurationText>>,
    }
}

check! {
    /// Recipients and octets of a message.
    Size {
        /// Recipients of one message, below the gateway's own bound. Default: no bound.
        #[schemars(range(min = 1, max = 10_000))]
        recipients: Option<At<usize>>,
        /// Octets of one message, `"1KiB"` to `"1GiB"`. Default: no bound.
        #[schemars(extend("examples" = ["25MiB"]))]
        message: Option<At<String>>,
    }
}

check! {
    /// Bare CR, bare LF and NUL in a message.
    Smuggling {}
}

check! {
    /// Clients without a name in DNS.
    ClientDns {
        /// A name that does not lead back to the client is none. Default: true.
        forward_confirmed: Option<bool>,
        /// Refused for good, 550; else for now, 450. Default: true.
        permanent: Option<bool>,
        /// If DNS does not answer. Default: `"450"`.
        when_away: Option<WhenAway>,
    }
}

check! {
    /// Clients that lists in DNS have.
    Dnsbl {
        /// Lists, each with its weight.
        #[schemars(required, length(min = 1, max = 32))]
        lists: Option<Vec<DnsList>>,
        /// Weights of the lists that have the client, together, from which on it fails. Default: 1.
        #[schemars(range(min = 1, max = 1000))]
        threshold: Option<At<i32>>,
        /// If a list does not answer that would make a difference. Default: `"pass"`.
        when_away: Option<WhenAway>,
    }
}

/// A list of clients in DNS (RFC 5782).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsList {
    /// Its domain.
    #[schemars(required, extend("examples" = ["zen.example.org"]))]
    pub zone: Option<At<String>>,
    /// What it adds; below 0 for a list of good ones. Default: 1.
    #[schemars(range(min = -1000, max = 1000))]
    pub weight: Option<At<i32>>,
    /// Answers that count: addresses, networks, or ranges. Default: all of 127.0.0.0/8 but 127.255.255.0/24.
    #[schemars(length(min = 1, max = 64), extend("examples" = [["127.0.0.2", "127.0.0.4-127.0.0.7"]]))]
    pub answers: Option<Vec<At<String>>>,
}

check! {
    /// Reverse-paths whose domain is not in DNS.
    SenderDomain {
        /// What is not in DNS is refused for good, 550; else for now, 450. Default: false.
        permanent: Option<bool>,
        /// Address literals, as `a@[192.0.2.1]`, pass. Default: true.
        literals: Option<bool>,
        /// If DNS does not answer. Default: `"450"`.
        when_away: Option<WhenAway>,
    }
}

check! {
    /// Clients that may not send for the reverse-path's domain.
    Spf {
        /// The domain says that the client may not. Default: `"refuse"`.
        fail: Option<SpfThen>,
        /// It says that it likely may not. Default: `"pass"`.
        softfail: Option<SpfThen>,
        /// It says nothing of the client. Default: `"pass"`.
        neutral: Option<SpfThen>,
        /// It has no record. Default: `"pass"`.
        none: Option<SpfThen>,
        /// Its record cannot be evaluated. Default: `"pass"`.
        permerror: Option<SpfThen>,
        /// DNS does not answer, or not within 20 s. Default: `"450"`, which is 451 4.7.24.
        temperror: Option<WhenAway>,
    }
}

/// What becomes of an SPF verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SpfThen {
    /// Nothing.
    Pass,
    /// It fails the check for good: 550.
    Refuse,
    /// It fails it for now: 451.
    Defer,
}

check! {
    /// The first message of a sender to a recipient.
    Greylist {
        /// How long it waits, `"1s"` to `"1d"`. Default: `"5m"`.
        delay: Option<At<DurationText>>,
        /// How long after the first attempt it must have come again, to `"30d"`. Default: `"2d"`.
        retry_within: Option<At<DurationText>>,
        /// How long it is known after it was last seen, `"1h"` to `"365d"`. Default: `"35d"`.
        keep: Option<At<DurationText>>,
        /// Clients that passed so often, counted at most hourly, are let through; 0: none. Default: 5.
        #[schemars(range(min = 0, max = 1_000_000))]
        trust_after: Option<At<u32>>,
        /// Bits of IPv4 clients that are one. Default: 24.
        #[schemars(range(min = 8, max = 32))]
        ipv4_prefix: Option<At<u8>>,
        /// Bits of IPv6 clients that are one. Default: 64.
        #[schemars(range(min = 16, max = 128))]
        ipv6_prefix: Option<At<u8>>,
        /// Clients for which SPF passes are known by that domain, for large senders change addresses. Asks
        /// DNS. Default: false.
        by_spf_domain: Option<bool>,
    }
}

check! {
    /// Messages from a domain.
    SenderRate {
        /// So many within `window`.
        #[schemars(required, range(min = 1, max = 1_000_000_000))]
        messages: Option<At<u64>>,
        /// `"1s"` to `"1d"`, whole seconds. Default: `"60s"`.
        window: Option<At<DurationText>>,
    }
}

check! {
    /// Messages to a domain.
    RecipientRate {
        /// So many within `window`.
        #[schemars(required, range(min = 1, max = 1_000_000_000))]
        messages: Option<At<u64>>,
        /// `"1s"` to `"1d"`, whole seconds. Default: `"60s"`.
        window: Option<At<DurationText>>,
    }
}

check! {
    /// Recipients of a client that members do not know.
    Harvest {
        /// So many within `window`; more, and the session ends. Default: 20.
        #[schemars(range(min = 1, max = 1_000_000))]
        limit: Option<At<u64>>,
        /// From so many on replies are slower. Default: 5.
        #[schemars(range(min = 0, max = 1_000_000))]
        slow_after: Option<At<u64>>,
        /// How slow at most, `"0s"` to `"30s"`. Default: `"5s"`.
        delay: Option<At<DurationText>>,
        /// `"1s"` to `"1d"`, whole seconds. Default: `"60s"`.
        window: Option<At<DurationText>>,
    }
}
