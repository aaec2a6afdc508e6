//! The banner, EHLO, HELO and STARTTLS.

use crate::config::plan::Activation;
use crate::security::question::{Answer, Question};
use crate::smtp::ehlo::{Extensions, Offer};

use super::ask::Asked;
use super::leg::Leg;
use super::phase::Phase;
use super::{Act, Count, Machine, Output, World, replies};

/// Octets of the banner's text.
const BANNER: usize = 400;

impl Machine {
    /// Greets, at once or when a member has.
    pub(super) fn open_up(&mut self, out: &mut Output) {
        self.phase = Phase::Greeting;
        if !self.settings.plan.banner.contains("{member}") {
            self.greet(b"", out);
        }
    }

    /// `member` is the text of a member's own greeting.
    pub(super) fn greet(&mut self, member: &[u8], out: &mut Output) {
        let plan = &self.settings.plan;
        let banner = plan.banner.replace("{hostname}", &plan.hostname);
        let mut text = b"220 ".to_vec();
        for (at, piece) in banner.split("{member}").enumerate() {
            if at > 0 {
                text.extend_from_slice(member);
            }
            text.extend_from_slice(piece.as_bytes());
        }
        text.truncate(BANNER);
        text.extend_from_slice(b"\r\n");
        out.to_client.extend_from_slice(&text);
        self.client_since = self.now;
        self.phase = Phase::Command;
    }

    /// EHLO (`extended`) or HELO: ends a transaction, too. False: its checks are asked.
    pub(super) fn hello(
        &mut self,
        name: &str,
        extended: bool,
        rest: &[u8],
        world: &impl World,
        out: &mut Output,
    ) -> bool {
        if !rest.is_empty() {
            self.out_of_turn(out);
            return true;
        }
        match self.consult(|| Question::Hello { name: name.into() }, out) {
            None => return false,
            Some(Answer::Refuse(refusal)) => {
                self.refuse_at_length(&refusal, out);
                return true;
            }
            Some(_) => {}
        }
        self.reset();
        self.fresh = true;
        self.greeted = true;
        if self.name.as_deref() != Some(name) {
            self.name = Some(name.into());
            self.names += 1;
        }
        if !extended {
            self.offered = Offer::default();
            let reply = format!("250 {}\r\n", self.settings.plan.hostname);
            self.tell(&reply, out);
            return true;
        }
        match world.pool_offer() {
            Some(offer) => self.answer_ehlo(offer, out),
            // Before TLS there is nothing that an offer is good for.
            None if self.needs_tls_first() => self.answer_ehlo(Offer::default(), out),
            None => self.phase = Phase::Ehlo,
        }
        true
    }

    /// Offers what members do, as far as it goes through here.
    pub(super) fn answer_ehlo(&mut self, offer: Offer, out: &mut Output) {
        let mut carried = Offer::carried();
        if !self.may_auth() {
            carried = carried.without(Extensions::AUTH);
        }
        if !self.tls || self.settings.member_tls.is_none() {
            carried = carried.without(Extensions::REQUIRETLS);
        }
        let mut offer = offer.only(carried);
        if self.settings.starttls != Activation::None && !self.tls {
            offer.extensions = offer.extensions.with(Extensions::STARTTLS);
        }
        self.phase = Phase::Command;
        self.fresh = true;
        self.client_since = self.now;
        offer.render(&self.settings.plan.hostname, &mut out.to_client);
        self.offered = offer;
    }

    /// Is AUTH possible on the client's leg as it is?
    pub(super) fn may_auth(&self) -> bool {
        self.tls || self.settings.plan.clear_auth
    }

    /// Is mail refused until there is TLS?
    pub(super) fn needs_tls_first(&self) -> bool {
        self.settings.starttls == Activation::Require && !self.tls
    }

    pub(super) fn starttls(&mut self, rest: &[u8], out: &mut Output) {
        if !rest.is_empty() {
            return self.out_of_turn(out);
        }
        if self.tls {
            self.bad(replies::TLS_ALREADY, out);
        } else if self.settings.starttls == Activation::None {
            self.bad(replies::NOT_OFFERED, out);
        } else if self.envelope.is_open() {
            self.bad(replies::IN_TRANSACTION, out);
        } else if self.authenticated {
            self.bad(replies::AUTH_DONE, out);
        } else {
            self.tell(replies::READY_FOR_TLS, out);
            self.phase = Phase::Handshake;
            out.acts.push_back(Act::Count(Count::StartTls));
            out.acts.push_back(Act::ClientTls);
        }
    }

    /// The client's handshake is done: nothing that it said in the clear counts (RFC 3207, 4.2).
    pub(super) fn begin_anew(&mut self, out: &mut Output) {
        if !matches!(self.phase, Phase::Handshake) {
            return;
        }
        self.tls = true;
        self.inbox.clear();
        self.asked = Asked::No;
        self.skipping = false;
        self.greeted = false;
        self.offered = Offer::default();
        self.client_since = self.now;
        self.phase = Phase::Command;
        if std::mem::take(&mut self.sticky) {
            self.end_leg(out);
            self.leg = Leg::None;
        }
    }
}
