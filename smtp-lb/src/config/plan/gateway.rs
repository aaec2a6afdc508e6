//! What reading SMTP needs to know.

use std::time::Duration;

/// `[virtual_server.gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayPlan {
    /// Our name, in the banner, in replies, and in EHLO to members before a client gave its own.
    pub hostname: String,
    /// Text after `220 `. `{hostname}` is ours; `{member}` is the text of the member's own
    /// greeting, for which the session connects before it greets.
    pub banner: String,
    /// STARTTLS towards the client. Counts with `Mode::StartTls` only.
    pub starttls: Activation,
    /// What goes to one member.
    pub balance_unit: BalanceUnit,
    /// What becomes of bare CR, bare LF and NUL in a message.
    pub line_endings: LineEndings,
    /// AUTH is offered and carried without TLS on the client's leg.
    pub clear_auth: bool,
    /// Members that offer XCLIENT are told who the client is.
    pub xclient: bool,
    /// Bad commands before the session is closed by 421; slowed after half as many.
    pub bad_commands: usize,
    /// NOOP, RSET and VRFY beyond so many between messages count as bad.
    pub junk_commands: usize,
    /// Recipients of one message; further ones get 452 4.5.3. RFC 5321 4.5.3.1.8 wants 100 at least.
    pub recipients: usize,
    /// Time for a client to complete one command.
    pub command_timeout: Duration,
    /// Time without an octet of a message from a client.
    pub data_timeout: Duration,
    /// Octets a second that a client must send while it sends a message, averaged over a
    /// minute and more. 0: none.
    pub min_rate: u32,
    /// Time for a member to greet or to answer a command.
    pub reply_timeout: Duration,
    /// Time for a member to answer the end of a message. RFC 5321 4.5.3.2.6 wants 10 minutes.
    pub data_reply_timeout: Duration,
}

/// STARTTLS activation, as in BIG-IP's SMTPS profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// No mail without it.
    Require,
    /// Offered.
    Allow,
    /// Neither offered nor accepted.
    None,
}

/// What goes to one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceUnit {
    /// All messages of a session.
    Session,
    /// Each message, until the client authenticates.
    Message,
}

/// What becomes of bare CR, bare LF and NUL in a message: they are never relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEndings {
    /// The message is refused and the session closed.
    Reject,
    /// They become CRLF, NUL is left out; none of it can end the message.
    Normalize,
}
