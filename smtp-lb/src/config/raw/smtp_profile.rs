//! `[[smtp_profile]]`.

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// whatever `line_endings` says.
    pub smuggling: Option<At<Smuggling>>,
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
