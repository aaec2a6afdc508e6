//! How a leg is given up or lost, and what becomes of what was under way on it.

use crate::smtp::ehlo::Offer;

use super::envelope::Told;
use super::leg::Leg;
use super::phase::{Chunk, Exchange, Held, Phase, Verdict};
use super::{Act, Count, Machine, Output, replies};

impl Machine {
    /// Gives up a leg that is of no use, for whatever its member did; another may do.
    pub(super) fn leave(&mut self, out: &mut Output) {
        self.end_leg(out);
        self.lost(out);
    }

    /// Gives up a leg at once, for its member did what it may not.
    pub(super) fn abort(&mut self, out: &mut Output) {
        Self::push_abort(out);
        self.lost(out);
    }

    pub(super) fn push_abort(out: &mut Output) {
        out.to_member.clear();
        out.acts.push_back(Act::Abort);
    }

    /// Ends the leg, politely if that would be understood.
    pub(super) fn end_leg(&mut self, out: &mut Output) {
        let Leg::Open(open) = &self.leg else {
            return;
        };
        if open.state.can_quit() {
            out.to_member.extend_from_slice(b"QUIT\r\n");
            out.acts.push_back(Act::Quit);
        } else {
            Self::push_abort(out);
        }
    }

    /// There is no leg any more, and what was under way on it is not done. Before 354 nobody need
    /// know: the next leg hears the same envelope.
    pub(super) fn lost(&mut self, out: &mut Output) {
        if let Leg::Open(open) = std::mem::replace(&mut self.leg, Leg::None) {
            self.fresh |= open.reused;
        }
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Text(scanner) => self.phase = Phase::TextRefused(scanner, Verdict::Lost),
            Phase::Chunk(chunk) => self.lose_chunk(chunk),
            Phase::TextEnded => {
                self.envelope.clear();
                self.tell_lost(out);
            }
            Phase::ChunkEnded { last } => {
                self.end_chunk(last, Some(replies::LOST));
                self.tell_lost(out);
            }
            // The other end of the exchange is gone: `seek` says so.
            Phase::Auth(Exchange::Cancelled(_)) => self.phase = Phase::Auth(Exchange::Asked),
            phase => self.phase = phase,
        }
        if self.envelope.chunks.is_some() {
            // What was sent of the message is not kept.
            self.envelope.failed.get_or_insert(replies::LOST);
        }
        if matches!(self.phase, Phase::Command) && self.envelope.mail_refused() {
            self.tell_rest(replies::MAIL_FIRST, out);
            self.envelope.clear();
        }
    }

    fn lose_chunk(&mut self, chunk: Chunk) {
        self.envelope.failed = Some(replies::LOST);
        self.phase = Phase::ChunkRefused(chunk, Verdict::Lost);
    }

    pub(super) fn tell_lost(&mut self, out: &mut Output) {
        out.acts.push_back(Act::Count(Count::MessageLost));
        self.tell(replies::LOST, out);
    }

    /// Asked for a leg, and none can be had.
    pub(super) fn without_member(&mut self, out: &mut Output) {
        self.leg = Leg::None;
        match self.phase {
            Phase::Greeting => self.close(replies::NO_SERVICE, out),
            Phase::Ehlo => self.answer_ehlo(Offer::default(), out),
            Phase::DataAsked => {
                self.phase = Phase::Command;
                self.envelope.failed = Some(replies::LOST);
                self.tell_lost(out);
            }
            Phase::Command => self.fail_envelope(out),
            _ => {}
        }
    }

    /// What is not told yet is refused, and so is whatever the client asks of this transaction.
    pub(super) fn fail_envelope(&mut self, out: &mut Output) {
        if self.envelope.is_open() {
            let reply = if self.envelope.any_accepted() {
                replies::LOST
            } else {
                replies::NO_MEMBER
            };
            self.held = Held::No;
            self.envelope.failed = Some(reply);
            self.tell_rest(reply, out);
        } else if matches!(self.held, Held::For(_)) {
            self.held = Held::InVain;
        }
    }

    fn tell_rest(&mut self, reply: &'static str, out: &mut Output) {
        while !self.envelope.all_told() {
            self.envelope.tell_next(Told::Refused);
            self.tell(reply, out);
        }
    }
}
