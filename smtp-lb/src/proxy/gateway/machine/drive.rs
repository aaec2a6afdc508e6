//! What is said to the member next, and how a leg is had.

use crate::config::plan::{BalanceUnit, Start};
use crate::smtp::ehlo::Extensions;
use crate::smtp::reply::ReplyParser;
use crate::smtp::xclient::{self, Attributes};

use super::leg::{Cursor, Leg, Open, State};
use super::phase::{Held, Phase};
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
            let more = match open.state {
                State::Served => {
                    open.state = State::FRESH;
                    open.reused = true;
                    if self.settings.plan.balance_unit == BalanceUnit::Message && !self.sticky {
                        self.parked.push((open.index, open.terms));
                        self.leg = Leg::None;
                        out.acts.push_back(Act::Park);
                    }
                    // What comes next may have to be said at once.
                    true
                }
                State::Undo => self.say(b"RSET\r\n", State::Reset, out),
                State::Greeted if wanted => self.say_hello(b"EHLO ", State::Ehlo, out),
                State::NoEhlo => self.say_hello(b"HELO ", State::Helo, out),
                State::Offered => self.say(b"STARTTLS\r\n", State::StartTls, out),
                State::Introduce(takes) => self.introduce(takes, out),
                State::GoAhead => {
                    open.state = State::Handshake;
                    out.acts.push_back(Act::MemberTls);
                    false
                }
                State::Ready(cursor) => self.ready(cursor, out),
                _ => false,
            };
            if !more {
                return;
            }
        }
    }

    /// Is something to be said to a member that has begun to say what nobody asked for?
    fn is_out_of_step(&self) -> bool {
        let Leg::Open(open) = &self.leg else {
            return false;
        };
        open.parser.is_mid_reply()
            && match open.state {
                State::Served
                | State::Undo
                | State::NoEhlo
                | State::Offered
                | State::Introduce(_) => true,
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
            return self.say_hello(b"EHLO ", State::Ehlo, out);
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
            return self.say(b"DATA\r\n", State::DataAsked, out);
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

    /// Says something that will be answered; there is nothing more to do before that: false.
    pub(super) fn say(&mut self, text: &[u8], next: State, out: &mut Output) -> bool {
        if let Leg::Open(open) = &mut self.leg {
            open.state = next;
            self.member_since = self.now;
            out.to_member.extend_from_slice(text);
        }
        false
    }

    /// The client's name is what members hear.
    fn say_hello(&mut self, verb: &[u8], next: State, out: &mut Output) -> bool {
        let name = self.name.take();
        if let Leg::Open(open) = &mut self.leg {
            open.terms.heard = self.names;
        }
        self.say(verb, next, out);
        let spoken = name.as_deref().unwrap_or(&self.settings.plan.hostname);
        out.to_member.extend_from_slice(spoken.as_bytes());
        out.to_member.extend_from_slice(b"\r\n");
        self.name = name;
        false
    }

    /// Says on whose behalf the session is. All that was offered before is void, and asked for anew.
    fn introduce(&mut self, takes: Attributes, out: &mut Output) -> bool {
        let Some(client) = &self.client else {
            return false;
        };
        let line = xclient::command(takes, client.address, client.local, self.name.as_deref());
        self.say(line.as_bytes(), State::Introduced, out)
    }

    /// Takes up the leg that was asked for.
    pub(super) fn take_up(&mut self, index: usize, parked: bool) {
        let known = self.parked.iter().position(|(at, _)| *at == index);
        let terms = known.map(|at| self.parked.swap_remove(at).1);
        let terms = terms.filter(|_| parked);
        self.member_since = self.now;
        self.leaving = false;
        self.leg = Leg::Open(Open {
            index,
            reused: terms.is_some(),
            introduced: terms.is_some(),
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
}
