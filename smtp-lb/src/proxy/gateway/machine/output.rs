//! What goes in and out of the machine besides the octets of its peers.

use std::collections::VecDeque;
use std::time::Duration;

use crate::security::question::{Note, Question};
use crate::smtp::ehlo::Offer;

/// What the machine asks, when it needs to know.
pub(crate) trait World {
    /// Time on a clock that never goes back, from any start.
    fn now(&self) -> Duration;

    /// What every usable member offers of which that is known. None: it is known of none.
    fn pool_offer(&self) -> Option<Offer>;
}

/// What the machine wants done: octets first, then acts, in their order.
///
/// The driver does all acts before it calls again. It hands the same one in, without what it has
/// done and taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// For the client.
    pub(crate) to_client: Vec<u8>,
    /// For the member's leg that is open.
    pub(crate) to_member: Vec<u8>,
    /// What no octets can say.
    pub(crate) acts: VecDeque<Act>,
    /// For the driver to say: it took octets for the member that have not all gone out yet.
    pub(crate) unsent: bool,
}

impl Output {
    /// Is the member who is slow? And a reply cannot be to what has not gone out.
    pub(super) fn is_behind(&self) -> bool {
        self.unsent || !self.to_member.is_empty()
    }
}

/// What the driver does for the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Choose a member and connect (with TLS, if it is implicit), or take up the leg that is
    /// parked with it. Answered by `member_connected` or `no_member`.
    Pick {
        /// Any member may be chosen; else none that was since the last fresh choice.
        fresh: bool,
    },
    /// What the member of the open leg offers.
    Learned(Offer),
    /// Keep the leg for a later `Pick`, unread; its claim on the member ends. Nothing is under way
    /// on it: if the session ends, write `QUIT` there.
    Park,
    /// `to_member` ends with `QUIT`: wait a little for the reply, apart from the session, and
    /// close. There is no open leg any more.
    Quit,
    /// Reset the open leg: what was cut must not look whole. There is none any more.
    Abort,
    /// When `to_client` is flushed: handshake. Answered by `client_tls`, or the session ends by
    /// `client_ended`.
    ClientTls,
    /// When `to_member` is flushed: handshake. Answered by `member_tls` or `member_gone`.
    MemberTls,
    /// When `to_client` is flushed: end in order, and end the session.
    CloseClient,
    /// Reset the client, and end the session.
    AbortClient,
    /// Ask the checks. Answered by `judged`, some time: nothing else waits for it.
    Ask(Question),
    /// For the checks to know.
    Note(Note),
    /// For the counters.
    Count(Count),
}

/// What is counted. Each stands for one happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Count {
    /// A member took a message: `2yz` to its end.
    MessageAccepted,
    /// A member refused a message, at DATA or later.
    MessageRefused,
    /// A message was answered by our own 451, since its member was lost.
    MessageLost,
    /// A member was lost, and its envelope was given to another, unseen by the client.
    Replayed,
    /// STARTTLS with the client began.
    StartTls,
    /// A bare CR, bare LF or NUL in a message, which was refused for it.
    LineEnding,
    /// A command that counts as bad.
    BadCommand,
    /// So many bad commands that the session was closed.
    TooManyBad,
    /// Octets that may not follow a command at once did.
    Pipelining,
    /// A member's octets were no reply, or one that cannot be there.
    MemberFault,
    /// A member greeted by something else than 220.
    GreetingRefused,
    /// A member did not answer in time.
    MemberTimeout,
    /// A member sent octets in the clear after its go-ahead to a handshake.
    Injection,
    /// A member would not speak TLS where it must, or lacks what an envelope needs.
    MemberUnfit,
    /// The client took too long, or sent too slowly.
    ClientTimeout,
    /// The client was gone in the middle of a message.
    ClientGone,
}

/// How a leg ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberGone {
    /// It was closed or reset.
    Closed,
    /// The handshake failed.
    Tls,
}
