//! Where the client is.

use std::borrow::Cow;

use crate::smtp::data::Scanner;
use crate::smtp::ehlo::Extensions;
use crate::smtp::reply::Reply;

/// What the client waits for, or is waited for.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its checks say whether and when it is greeted.
    Connect,
    /// The banner waits for a member's.
    Greeting,
    /// Commands.
    Command,
    /// The reply to EHLO waits for what a member offers.
    Ehlo,
    /// STARTTLS was answered.
    Handshake,
    /// AUTH goes to and fro.
    Auth(Exchange),
    /// DATA waits for 354.
    DataAsked,
    /// The text of DATA is relayed.
    Text(Scanner),
    /// The text of DATA is read to its end, for nothing.
    TextRefused(Scanner, Verdict),
    /// The text has been relayed and waits for its reply.
    TextEnded,
    /// A chunk is relayed.
    Chunk(Chunk),
    /// A chunk is read to its end, for nothing.
    ChunkRefused(Chunk, Verdict),
    /// A chunk has been relayed and waits for its reply.
    ChunkEnded {
        /// It was the last.
        last: bool,
    },
    /// All is said.
    Closed,
}

/// A chunk on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    /// Octets to come.
    pub(super) left: u64,
    /// The message ends with it.
    pub(super) last: bool,
}

/// Whose turn it is in AUTH.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exchange {
    /// The member's.
    Asked,
    /// The client's.
    Challenged,
    /// We cancelled: when the member has answered, this is said.
    Cancelled(&'static str),
}

/// What is said at the end of what was read for nothing.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Our own reply.
    Local(Cow<'static, str>),
    /// The member was lost.
    Lost,
    /// Our own reply, and the session ends.
    Close(Cow<'static, str>),
    /// The member's.
    Member(Reply),
}

/// A command that is understood and stays unread, since it needs a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// None.
    No,
    /// It waits for a member that offers this.
    For(Extensions),
    /// There is no such member.
    InVain,
}
