//! What a session asks of its checks, and what it hears. The SMTP machine knows no more of them.

use std::time::Duration;

pub use crate::config::plan::Method;

/// What a session asks before it goes on. It does not go on before it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// May the client be greeted?
    Connect,
    /// It spoke before it was greeted: may it go on?
    Early,
    /// EHLO or HELO.
    Hello {
        /// As the client gave it.
        name: Box<str>,
    },
    /// MAIL, which is in order as far as the protocol goes.
    Mail {
        /// Reverse-path without brackets; empty for the null one.
        sender: Box<str>,
        /// Octets that the client announced.
        size: Option<u64>,
        /// There is white space where the grammar has none, which servers bear.
        loose: bool,
    },
    /// RCPT, as [`Question::Mail`].
    Rcpt {
        /// Forward-path without brackets.
        recipient: Box<str>,
        /// As of MAIL.
        loose: bool,
    },
    /// A command that operators may not want to be answered.
    Method(Method),
}

/// What a session is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Pass,
    /// To [`Question::Connect`]: greet after so long, unless the client speaks first.
    Wait(Duration),
    /// To [`Question::Mail`]: go on, within these bounds.
    Within(Bounds),
    /// Say this instead.
    Refuse(Refusal),
}

/// Bounds of one message, and what it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// What becomes of a bare CR, a bare LF or NUL.
    pub endings: BareEndings,
    /// Octets, and what is said to more; `None`: it passes, and is told of.
    pub size: Option<(u64, Option<Box<str>>)>,
    /// Lines that a member gets before the message, each with its CR LF.
    pub header: Box<str>,
}

/// What becomes of a bare CR, a bare LF or NUL in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BareEndings {
    /// What the gateway is set to.
    #[default]
    AsSet,
    /// They are repaired where that can be done, which is not in chunks.
    Repair,
    /// This is said, and the session ends.
    Refuse(Box<str>),
}

/// A reply in place of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One line with its CR LF.
    pub reply: Box<str>,
    /// And the session ends.
    pub close: bool,
}

/// What a session tells its checks. Nothing waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The client was silent until it was greeted.
    Waited,
    /// The client broke the protocol, and was told this, a line without CR LF.
    Protocol(Box<str>),
    /// A bare CR, bare LF or NUL stood in a message. Whether it was refused for that.
    Smuggling {
        /// It was; else it was repaired.
        refused: bool,
    },
    /// A message is larger than [`Bounds::size`].
    TooBig {
        /// It was refused for that.
        refused: bool,
    },
    /// A member does not know a recipient.
    UnknownRecipient,
    /// The client has authenticated itself.
    Authenticated,
    /// The header of the message under way was read, or as much of it as is.
    Header {
        /// The text of its `Message-ID`; empty: it has none.
        message_id: Box<str>,
    },
    /// The transaction is over, with or without a message.
    Ended,
}
