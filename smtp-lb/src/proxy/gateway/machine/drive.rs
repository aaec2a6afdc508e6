//! What is said to the member next, and how a leg is had and given up.

use crate::config::plan::{BalanceUnit, Start};
use crate::smtp::ehlo::Extensions;
use crate::smtp::reply::ReplyParser;

use super::leg::{Cursor, Leg, Open, State};
use super::phase::{Chunk, Exchange, Held, Phase, Verdict};
use super::{Act, Count, Machine, Output, replies};

impl Machine {
    /// Says and asks for whatever is due. Changes nothing that the client waits for, but for the
    /// end of the session.
    pub(super) fn drive(&mut self, out: &mut Output) {
        while !self.is_closed() {
            if self.is_out_of_step() {
                self.member_fault(out);
            }
            let wanted = self.wants_leg() && !matches!(self.phase, Phase::Greeting);
            let Leg::Open(open) = &mut self.leg else {
                return self.seek(out);
            };
            match open.state {
                State::Served => {
                    open.state = State::FRESH;
                    open.reused = true;
                    if self.settings.plan.balance_unit == BalanceUnit::Message && !self.sticky {
                        self.parked.push((open.index, open.terms));
                        self.leg = Leg::None;
                        out.acts.push_back(Act::Park);
                    }
                    // What comes next may have to be said at once.
                    continue;
                }
                State::Undo => self.say(b"RSET\r\n", State::Reset, out),
                State::Greeted if wanted => {
                    self.say_hello(b"EHLO ", State::Ehlo, out);
                }
                State::NoEhlo => self.say_hello(b"HELO ", State::Helo, out),
                State::Offered => self.say(b"STARTTLS\r\n", State::StartTls, out),
                State::GoAhead => {
                    open.state = State::Handshake;
                    out.acts.push_back(Act::MemberTls);
                }
                State::Ready(cursor) => {
                    if self.ready(cursor, out) {
                        continue;
                    }
                }
                _ => {}
            }
            return;
        }
    }

    /// Is something to be said to a member that has begun to say what nobody asked for?
    fn is_out_of_step(&self) -> bool {
        let Leg::Open(open) = &self.leg else {
            return false;
        };
        open.parser.is_mid_reply()
            && match open.state {
                State::Served | State::Undo | State::NoEhlo | State::Offered => true,
                State::Greeted | State::Ready(_) => !open.state.awaits() && self.wants_leg(),
                _ => false,
            }
    }

    /// Asks for a leg, if something wants one.
    fn seek(&mut self, out: &mut Output) {
        if self.sticky && !self.is_swallowing() {
            return self.close(replies::NO_SERVICE, out);
        }
        if matches!(self.leg, Leg::None) && self.wants_leg() {
            let fresh = std::mem::take(&mut self.fresh);
            self.leg = Leg::Sought;
            out.acts.push_back(Act::Pick { fresh });
        }
    }

    fn wants_leg(&self) -> bool {
        match self.phase {
            Phase::Greeting | Phase::Ehlo | Phase::DataAsked => true,
            Phase::Command => !self.envelope.all_told() || matches!(self.held, Held::For(_)),
            _ => false,
        }
    }

    /// On a leg that is open for an envelope. True: there is more to do, elsewhere.
    fn ready(&mut self, cursor: Cursor, out: &mut Output) -> bool {
        let Leg::Open(open) = &mut self.leg else {
            return false;
        };
        let asked = matches!(self.phase, Phase::DataAsked);
        let begun = cursor.sent > 0;
        let held = match self.held {
            Held::For(extensions) => Some(extensions),
            _ => None,
        };
        let wanted = self.envelope.is_open() && self.envelope.failed.is_none() || held.is_some();
        if matches!(self.phase, Phase::Ehlo) || wanted && !begun && open.terms.heard != self.names {
            self.say_hello(b"EHLO ", State::Ehlo, out);
            return false;
        }
        if !wanted {
            return false;
        }
        let more = held.unwrap_or(Extensions::NONE);
        if !open.terms.suffice(&self.envelope, more) {
            out.acts.push_back(Act::Count(Count::MemberUnfit));
            self.leave(out);
            return true;
        }
        let cursor = self.send_lines(cursor, out);
        if asked && cursor.awaited == 0 && self.envelope.relevant(cursor.sent).is_none() {
            self.say(b"DATA\r\n", State::DataAsked, out);
        }
        false
    }

    /// Sends lines of the envelope: all, or one at a time.
    fn send_lines(&mut self, mut cursor: Cursor, out: &mut Output) -> Cursor {
        let Leg::Open(open) = &mut self.leg else {
            return cursor;
        };
        let pipelining = open.terms.extensions.contains(Extensions::PIPELINING);
        while pipelining || cursor.awaited == 0 {
            let Some(at) = self.envelope.relevant(cursor.sent) else {
                break;
            };
            if cursor.sent == 0 && self.envelope.sent {
                out.acts.push_back(Act::Count(Count::Replayed));
            }
            if cursor.awaited == 0 {
                self.member_since = self.now;
            }
            self.envelope.sent = true;
            out.to_member.extend_from_slice(self.envelope.line(at));
            cursor.sent = at + 1;
            cursor.awaited += 1;
        }
        open.state = State::Ready(cursor);
        cursor
    }

    /// Says something that will be answered.
    pub(super) fn say(&mut self, text: &[u8], next: State, out: &mut Output) {
        if let Leg::Open(open) = &mut self.leg {
            open.state = next;
            self.member_since = self.now;
            out.to_member.extend_from_slice(text);
        }
    }

    /// The client's name is what members hear.
    fn say_hello(&mut self, verb: &[u8], next: State, out: &mut Output) {
        let name = self.name.take();
        if let Leg::Open(open) = &mut self.leg {
            open.terms.heard = self.names;
        }
        self.say(verb, next, out);
        let spoken = name.as_deref().unwrap_or(&self.settings.plan.hostname);
        out.to_member.extend_from_slice(spoken.as_bytes());
        out.to_member.extend_from_slice(b"\r\n");
        self.name = name;
    }

    /// Takes up the leg that was asked for.
    pub(super) fn take_up(&mut self, index: usize, parked: bool) {
        let known = self.parked.iter().position(|(at, _)| *at == index);
        let terms = known.map(|at| self.parked.swap_remove(at).1);
        let terms = terms.filter(|_| parked);
        self.member_since = self.now;
        self.leg = Leg::Open(Open {
            index,
            reused: terms.is_some(),
            secure: terms.is_some() || self.settings.member_tls != Some(Start::StartTls),
            state: terms.map_or(State::Greeting, |_| State::FRESH),
            terms: terms.unwrap_or_default(),
            parser: ReplyParser::default(),
        });
    }

    /// Is the leg one on which a command that needs `extensions` can be said now?
    pub(super) fn has_ready_leg(&self, extensions: Extensions) -> bool {
        let Leg::Open(open) = &self.leg else {
            return false;
        };
        let State::Ready(cursor) = open.state else {
            return false;
        };
        let idle = cursor.awaited == 0 && self.envelope.relevant(cursor.sent).is_none();
        idle && !open.parser.is_mid_reply()
            && open.terms.heard == self.names
            && open.terms.suffice(&self.envelope, extensions)
    }

    /// The transaction is over without a message.
    pub(super) fn reset(&mut self) {
        if let Leg::Open(open) = &mut self.leg
            && let State::Ready(cursor) = open.state
            && cursor.sent > 0
        {
            open.state = if self.envelope.any_accepted() {
                State::Undo
            } else {
                State::Served
            };
        }
        self.envelope.clear();
    }

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
            Phase::Ehlo => self.answer_ehlo(crate::smtp::ehlo::Offer::default(), out),
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
            self.envelope.tell_next(super::envelope::Told::Refused);
            self.tell(reply, out);
        }
    }
}
