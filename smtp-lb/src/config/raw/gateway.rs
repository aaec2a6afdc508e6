//! `[virtual_server.gateway]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{At, DurationText};

/// How SMTP is read. Implied by `mode = "starttls"` and by a server TLS profile with
/// `start = "starttls"`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gateway {
    /// Our name, in the banner, in replies, and in EHLO to members. Default: the machine's host
    /// name.
    #[schemars(extend("examples" = ["mx.example.org"]))]
    pub hostname: Option<At<String>>,
    /// Text of the greeting after `220 `, at most 400 octets. `{hostname}` is ours, `{member}` the
    /// text of the member's own greeting. Default: `"{hostname} ESMTP"`.
    #[schemars(extend("examples" = ["{hostname} ESMTP"]))]
    pub banner: Option<At<String>>,
    /// STARTTLS activation towards clients. With `mode = "starttls"`. Default: `"require"`.
    pub starttls: Option<At<Activation>>,
    /// What goes to one member. Default: `"message"`.
    pub balance_unit: Option<BalanceUnit>,
    /// What becomes of bare CR, bare LF and NUL in a message. Default: `"reject"`.
    pub line_endings: Option<LineEndings>,
    /// Offer and carry AUTH without TLS on the client's leg. Default: false.
    pub clear_auth: Option<At<bool>>,
    /// Tell members that offer XCLIENT who the client is. Default: `"auto"`.
    pub xclient: Option<Xclient>,
    /// Bad commands before the session is closed; slowed after half as many. Default: 20.
    #[schemars(range(min = 2, max = 10_000))]
    pub bad_commands: Option<At<usize>>,
    /// NOOP, RSET and VRFY beyond so many count as bad. Default: 100.
    #[schemars(range(min = 1, max = 100_000))]
    pub junk_commands: Option<At<usize>>,
    /// Recipients of one message. RFC 5321 section 4.5.3.1.8 wants 100 at least. Default: 1000.
    #[schemars(range(min = 1, max = 10_000))]
    pub recipients: Option<At<usize>>,
    /// Time for a client to complete one command, `"1s"` to `"1h"`. Default: `"5m"`.
    pub command_timeout: Option<At<DurationText>>,
    /// Time without an octet of a message from a client, `"1s"` to `"1h"`. Default: `"3m"`.
    pub data_timeout: Option<At<DurationText>>,
    /// Octets a second that a client must send while it sends a message, averaged over a minute;
    /// 0: none. Default: 16.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_rate: Option<At<u32>>,
    /// Time for a member to greet or to answer a command, `"1s"` to `"1h"`. Default: `"5m"`.
    pub reply_timeout: Option<At<DurationText>>,
    /// Time for a member to answer the end of a message, `"1s"` to `"1h"`. RFC 5321 section
    /// 4.5.3.2.6 wants 10 minutes. Default: `"10m"`.
    pub data_reply_timeout: Option<At<DurationText>>,
}

/// STARTTLS activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Activation {
    /// No mail without it.
    Require,
    /// Offered.
    Allow,
    /// Neither offered nor accepted.
    None,
}

/// What goes to one member.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BalanceUnit {
    /// All messages of a session.
    Session,
    /// Each message, until the client authenticates.
    Message,
}

/// What becomes of bare CR, bare LF and NUL in a message; they are never relayed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LineEndings {
    /// The message is refused and the session closed.
    Reject,
    /// They become CRLF, NUL is left out; none of it can end the message.
    Normalize,
}

/// XCLIENT towards members.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Xclient {
    /// Where it is offered, and `send_proxy` does not say the same.
    Auto,
    /// Never.
    Off,
}
