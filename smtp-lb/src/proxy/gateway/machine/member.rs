//! What a member says, up to where an envelope can be sent.

use crate::config::plan::Start;
use crate::smtp::ehlo::{Extensions, Offer};
use crate::smtp::reply::Reply;
use crate::smtp::xclient::Attributes;

use super::leg::{Leg, State, Terms};
use super::phase::Phase;
use super::{Act, Count, Machine, Output};

impl Machine {
    /// Replies in what a member sent. One that nothing asked for ends the leg: from there on
    /// nobody knows which reply is to what.
    pub(super) fn read_member(&mut self, mut input: &[u8], out: &mut Output) {
        while !input.is_empty() {
            let Leg::Open(open) = &mut self.leg else {
                return;
            };
            if matches!(open.state, State::GoAhead | State::Handshake) {
                return self.injected(out);
            }
            let Ok(fed) = open.parser.feed(input) else {
                return self.member_fault(out);
            };
            input = input.get(fed.consumed..).unwrap_or_default();
            if let Some(reply) = fed.reply {
                self.member_since = self.now;
                self.member_said(reply, out);
            } else if !open.state.awaits() && !matches!(open.state, State::Text) {
                // Half a reply that nothing asked for: wait for the rest, it may be 421.
                return;
            }
        }
    }

    fn member_said(&mut self, reply: Reply, out: &mut Output) {
        let Leg::Open(open) = &mut self.leg else {
            return;
        };
        if matches!(open.state, State::Greeting) && reply.code != 220 {
            out.acts.push_back(Act::Count(Count::GreetingRefused));
        }
        let in_message = matches!(open.state, State::Text | State::TextEnded);
        if reply.code == 421 && !in_message {
            return self.member_closes(&reply, out);
        }
        let first = reply.code / 100;
        match open.state {
            State::Greeting if reply.code == 220 => {
                open.state = State::Greeted;
                if matches!(self.phase, Phase::Greeting) {
                    let text = reply.lines.first().map(Vec::as_slice);
                    self.greet(text.unwrap_or_default(), out);
                }
            }
            State::Ehlo if first == 2 => self.offered(&reply, out),
            State::Ehlo if first == 5 && open.secure => open.state = State::NoEhlo,
            State::Helo if first == 2 => self.learned(Offer::default(), out),
            State::StartTls if reply.code == 220 => open.state = State::GoAhead,
            State::Reset if first == 2 => open.state = State::Served,
            State::Introduced if reply.code == 220 => {
                open.introduced = true;
                open.state = State::Greeted;
            }
            // It would take us for the client, and trust us more than one.
            State::Introduced | State::StartTls | State::Ehlo | State::Helo => self.unfit(out),
            State::Greeting | State::Reset => self.part(out),
            State::Ready(cursor) if cursor.awaited > 0 => self.line_answered(cursor, &reply, out),
            State::DataAsked => self.data_answered(&reply, out),
            State::Text => self.answered_early(reply, out),
            State::TextEnded => self.text_answered(&reply, out),
            State::AuthAsked => self.auth_answered(&reply, out),
            _ => self.member_fault(out),
        }
    }

    /// `421`: the member ends the session. Whoever is bound to it hears so; else another may do.
    fn member_closes(&mut self, reply: &Reply, out: &mut Output) {
        if self.sticky {
            self.relay(reply, out);
            self.answered();
            return self.finish(out);
        }
        self.part(out);
    }

    /// Leaves a member that has answered, and so will understand QUIT.
    fn part(&mut self, out: &mut Output) {
        self.answered();
        self.leave(out);
    }

    fn answered(&mut self) {
        if let Leg::Open(open) = &mut self.leg {
            open.state = State::Served;
        }
    }

    fn offered(&mut self, reply: &Reply, out: &mut Output) {
        let Leg::Open(open) = &mut self.leg else {
            return;
        };
        let offer = Offer::parse(reply);
        if open.secure {
            if self.client.is_some()
                && !open.introduced
                && let Some(takes) = Attributes::offered(reply)
            {
                open.state = State::Introduce(takes);
                return;
            }
            return self.learned(offer, out);
        }
        if offer.extensions.contains(Extensions::STARTTLS) {
            open.state = State::Offered;
        } else {
            self.unfit(out);
        }
    }

    /// The member has said what it offers, and can be sent an envelope.
    fn learned(&mut self, offer: Offer, out: &mut Output) {
        if let Leg::Open(open) = &mut self.leg {
            open.state = State::FRESH;
            open.terms = Terms::new(&offer, open.terms.heard);
        }
        if matches!(self.phase, Phase::Ehlo) {
            self.answer_ehlo(offer.clone(), out);
        }
        out.acts.push_back(Act::Learned(offer));
    }

    fn unfit(&mut self, out: &mut Output) {
        out.acts.push_back(Act::Count(Count::MemberUnfit));
        self.part(out);
    }

    /// The leg's handshake is done: what was heard in the clear is forgotten.
    pub(super) fn secured(&mut self) {
        if let Leg::Open(open) = &mut self.leg
            && matches!(open.state, State::Handshake)
        {
            open.secure = true;
            open.state = State::Greeted;
        }
    }

    /// Octets in the clear after the go-ahead: somebody else may have put them there.
    fn injected(&mut self, out: &mut Output) {
        debug_assert_eq!(self.settings.member_tls, Some(Start::StartTls));
        out.acts.push_back(Act::Count(Count::Injection));
        self.abort(out);
    }

    pub(super) fn member_fault(&mut self, out: &mut Output) {
        out.acts.push_back(Act::Count(Count::MemberFault));
        self.abort(out);
    }
}
