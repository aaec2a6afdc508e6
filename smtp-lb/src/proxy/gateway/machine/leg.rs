//! Where the leg to a member is.

use crate::smtp::ehlo::{Extensions, Offer};
use crate::smtp::reply::ReplyParser;
use crate::smtp::xclient::Attributes;

use super::envelope::Envelope;

/// The leg, if there is one.
#[derive(Debug)]
pub(super) enum Leg {
    /// None, and none asked for.
    None,
    /// Asked for.
    Sought,
    /// Open.
    Open(Open),
}

/// An open leg.
#[derive(Debug)]
pub(super) struct Open {
    /// Of the member, in its pool.
    pub(super) index: usize,
    /// It served before, and has said nothing since: its end would say nothing of the member.
    pub(super) reused: bool,
    /// TLS, if there is to be any, is on.
    pub(super) secure: bool,
    /// It heard who the client is, or served before without.
    pub(super) introduced: bool,
    /// What it offers and heard.
    pub(super) terms: Terms,
    pub(super) parser: ReplyParser,
    pub(super) state: State,
}

/// What is known of a member's leg, parked or open.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    pub(super) extensions: Extensions,
    pub(super) size: Option<u64>,
    /// Which of the client's names it was told, by number; 0: none.
    pub(super) heard: u32,
}

impl Terms {
    pub(super) fn new(offer: &Offer, heard: u32) -> Self {
        Self {
            extensions: offer.extensions,
            size: offer.size,
            heard,
        }
    }

    /// Does it offer what this needs?
    pub(super) fn suffice(&self, envelope: &Envelope, more: Extensions) -> bool {
        let fits = match (envelope.size, self.size) {
            (Some(size), Some(most)) => size <= most,
            _ => true,
        };
        fits && self.extensions.contains(envelope.needs.with(more))
    }
}

/// What was said on a leg, and what is to be said next.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Its greeting is awaited.
    Greeting,
    /// It greeted; EHLO is next.
    Greeted,
    /// EHLO was said.
    Ehlo,
    /// EHLO was refused; HELO is next.
    NoEhlo,
    /// HELO was said.
    Helo,
    /// STARTTLS is offered, and next.
    Offered,
    /// STARTTLS was said.
    StartTls,
    /// XCLIENT is offered, and next.
    Introduce(Attributes),
    /// XCLIENT was said.
    Introduced,
    /// The handshake is next.
    GoAhead,
    /// The handshake is under way.
    Handshake,
    /// Open for an envelope, or within one.
    Ready(Cursor),
    /// RSET is next.
    Undo,
    /// RSET was said.
    Reset,
    /// It has served.
    Served,
    /// DATA was said.
    DataAsked,
    /// Text or a chunk is on its way.
    Text,
    /// The end of a message or chunk was sent.
    TextEnded,
    /// AUTH or a response was sent.
    AuthAsked,
    /// It awaits the client's response.
    Challenged,
}

/// How far a leg is in the envelope.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    /// Lines sent or skipped.
    pub(super) sent: usize,
    /// Lines answered or skipped.
    pub(super) answered: usize,
    /// Lines sent and not answered.
    pub(super) awaited: usize,
}

impl Cursor {
    /// All of so many lines are answered.
    pub(super) const fn after(lines: usize) -> Self {
        Self {
            sent: lines,
            answered: lines,
            awaited: 0,
        }
    }
}

impl State {
    /// Nothing said yet of an envelope.
    pub(super) const FRESH: Self = Self::Ready(Cursor::after(0));

    /// Is a reply due?
    pub(super) fn awaits(self) -> bool {
        match self {
            Self::Greeting
            | Self::Ehlo
            | Self::Helo
            | Self::StartTls
            | Self::Introduced
            | Self::Reset
            | Self::DataAsked
            | Self::TextEnded
            | Self::AuthAsked => true,
            Self::Ready(cursor) => cursor.awaited > 0,
            _ => false,
        }
    }

    /// May QUIT be said, and be understood?
    pub(super) fn can_quit(self) -> bool {
        matches!(
            self,
            Self::Greeted
                | Self::NoEhlo
                | Self::Offered
                | Self::Introduce(_)
                | Self::Ready(_)
                | Self::Undo
                | Self::Reset
                | Self::Served
        )
    }
}
