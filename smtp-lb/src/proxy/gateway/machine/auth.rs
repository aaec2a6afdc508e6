//! AUTH (RFC 4954): between client and member; we only see to its frame.

use crate::security::question::Note;
use crate::smtp::command::Auth;
use crate::smtp::ehlo::Extensions;
use crate::smtp::line::{self, Line, LineFault};
use crate::smtp::reply::Reply;

use super::client::Step;
use super::leg::{Leg, State};
use super::phase::{Exchange, Held, Phase};
use super::{Act, Machine, Output, replies};

/// Octets of a response, CR LF included (RFC 4954, section 4).
const RESPONSE: usize = 12_288;

impl Machine {
    /// False: a member has to be had for it first.
    pub(super) fn auth(&mut self, auth: &Auth<'_>, out: &mut Output) -> bool {
        let fault = if self.needs_tls_first() {
            replies::TLS_FIRST
        } else if !self.may_auth() {
            replies::NO_CLEAR_AUTH
        } else if !self.greeted {
            replies::HELLO_FIRST
        } else if self.authenticated {
            replies::AUTH_DONE
        } else if self.envelope.is_open() {
            replies::IN_TRANSACTION
        } else if !self.offered.extensions.contains(Extensions::AUTH) {
            replies::NOT_OFFERED
        } else if !self.offered.mechanisms.contains(auth.mechanism) {
            replies::MECHANISM
        } else if self.held == Held::InVain {
            self.held = Held::No;
            self.fresh = true;
            self.tell(replies::NO_AUTH_NOW, out);
            return true;
        } else if !self.has_ready_leg(Extensions::AUTH) {
            self.held = Held::For(Extensions::AUTH);
            return false;
        } else {
            self.sticky = true;
            self.phase = Phase::Auth(Exchange::Asked);
            self.say(auth.line, State::AuthAsked, out);
            out.to_member.extend_from_slice(b"\r\n");
            return true;
        };
        self.bad(fault, out);
        true
    }

    /// A response to a challenge, `*` included.
    pub(super) fn auth_line(&mut self, input: &[u8], out: &mut Output) -> Step {
        match line::next(input, RESPONSE) {
            Line::Partial => Step::Wait,
            Line::Whole { line, used } => {
                self.phase = Phase::Auth(Exchange::Asked);
                self.say(line, State::AuthAsked, out);
                out.to_member.extend_from_slice(b"\r\n");
                Step::Used(used)
            }
            Line::Faulty { fault, used } => {
                self.skipping = fault == LineFault::TooLong;
                let reply = match fault {
                    LineFault::TooLong => replies::AUTH_TOO_LONG,
                    _ => replies::BAD_LINE,
                };
                self.phase = Phase::Auth(Exchange::Cancelled(reply));
                self.say(b"*\r\n", State::AuthAsked, out);
                Step::Used(used)
            }
        }
    }

    /// To AUTH or a response.
    pub(super) fn auth_answered(&mut self, reply: &Reply, out: &mut Output) {
        let Leg::Open(open) = &mut self.leg else {
            return;
        };
        let cancelled = match self.phase {
            Phase::Auth(Exchange::Cancelled(reply)) => Some(reply),
            _ => None,
        };
        match (cancelled, reply.code) {
            (None, 334) => {
                open.state = State::Challenged;
                self.phase = Phase::Auth(Exchange::Challenged);
            }
            (None, 200..=299) => {
                open.state = State::FRESH;
                self.phase = Phase::Command;
                self.authenticated = true;
                if self.settings.asks {
                    out.acts.push_back(Act::Note(Note::Authenticated));
                }
            }
            (_, 400..=599) => {
                open.state = State::FRESH;
                self.phase = Phase::Command;
            }
            _ => return self.member_fault(out),
        }
        match cancelled {
            Some(reply) => self.bad(reply, out),
            None => self.relay(reply, out),
        }
    }
}
