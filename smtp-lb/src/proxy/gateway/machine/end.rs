//! How a session ends.

use crate::config::plan::BalanceUnit;

use super::ask::Asked;
use super::leg::Leg;
use super::phase::{Exchange, Held, Phase};
use super::{Act, Count, Machine, Output, replies};

impl Machine {
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Is a message read for nothing?
    pub(super) fn is_swallowing(&self) -> bool {
        matches!(self.phase, Phase::TextRefused(..) | Phase::ChunkRefused(..))
    }

    /// May the session be ended for reasons of our own?
    pub(super) fn is_at_boundary(&self) -> bool {
        match self.phase {
            Phase::Connect | Phase::Greeting => true,
            Phase::Command => !self.envelope.is_open() || self.envelope.failed.is_some(),
            _ => false,
        }
    }

    /// Is it the client who has to say something?
    pub(super) fn is_clients_turn(&self) -> bool {
        match self.phase {
            _ if matches!(self.asked, Asked::Waits) => false,
            Phase::Command => self.envelope.all_told() && !matches!(self.held, Held::For(_)),
            Phase::Auth(Exchange::Challenged)
            | Phase::Text(_)
            | Phase::TextRefused(..)
            | Phase::Chunk(_)
            | Phase::ChunkRefused(..) => true,
            _ => false,
        }
    }

    /// At a message boundary: nothing more goes to a member that is to be left.
    pub(super) fn depart(&mut self, out: &mut Output) {
        let bound = self.sticky || self.settings.plan.balance_unit == BalanceUnit::Session;
        if bound && matches!(self.phase, Phase::Command) {
            return self.close(replies::MEMBER_LEAVES, out);
        }
        self.leaving = false;
        if matches!(self.leg, Leg::Open(_)) {
            self.leave(out);
            self.drive(out);
        }
    }

    /// A last reply.
    pub(super) fn close(&mut self, reply: &str, out: &mut Output) {
        self.tell(reply, out);
        self.finish(out);
    }

    /// All is said: the member hears QUIT, or is cut off.
    pub(super) fn finish(&mut self, out: &mut Output) {
        self.end(out);
        out.acts.push_back(Act::CloseClient);
    }

    fn end(&mut self, out: &mut Output) {
        self.end_leg(out);
        self.leg = Leg::None;
        self.envelope.clear();
        self.asked = Asked::No;
        self.greet_at = None;
        self.phase = Phase::Closed;
    }

    /// At the end of every call: a client that has gone, and would have to speak, has ended the
    /// session. In the middle of a message that cuts the member off, too.
    pub(super) fn conclude(&mut self, out: &mut Output) {
        self.note_end(out);
        if !self.client_ended || self.slow_until.is_some() {
            return;
        }
        let handshaking = matches!(self.phase, Phase::Handshake);
        let greeting = self.greet_at.is_some();
        if self.is_clients_turn() || handshaking || greeting {
            let midway = matches!(self.phase, Phase::Text(_) | Phase::Chunk(_));
            self.end(out);
            if midway {
                out.acts.push_back(Act::Count(Count::ClientGone));
                out.acts.push_back(Act::AbortClient);
            } else {
                out.acts.push_back(Act::CloseClient);
            }
        }
    }
}
