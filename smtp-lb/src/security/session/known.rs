//! Checks that need nothing but what the session shows.

use super::telling::Failure;
use super::{Judged, Message, Session, State, Verdict, domain_of};
use crate::config::plan::{CheckPlan, Offence};
use crate::security::connections::Excess;
use crate::security::question::{Answer, BareEndings, Bounds, Method};
use crate::security::session::results::Outcome;
use crate::security::{Check, protocol};

const TOO_BIG: Failure<'static> = Failure {
    check: Check::Size,
    codes: "552 5.3.4",
    text: "Message too big",
    reason: "message too big",
    close: false,
};

const SMUGGLING: Failure<'static> = Failure {
    check: Check::Smuggling,
    codes: "550 5.5.2",
    text: "Bare CR, bare LF or NUL in a message, closing",
    reason: "bare CR, bare LF or NUL in the message",
    close: true,
};

impl Session {
    pub(super) fn connected(&self, now: u64) -> Judged {
        let mut state = self.lock();
        if self.passes(&state) {
            return Judged::now(Answer::Pass);
        }
        let plan = &self.engine.plan;
        if let Some(check) = &plan.client_rate {
            let connections = &self.engine.connections;
            let seconds = now / 1_000_000_000;
            let (claim, excess) = connections.enter(self.client.ip(), &check.settings, seconds);
            state.claim = Some(claim);
            let reason = match excess {
                None => {
                    state.results.add(Check::ClientRate, Outcome::Pass);
                    None
                }
                Some(Excess::AtOnce) => Some("too many connections at once"),
                Some(Excess::Rate) => Some("too many connections of late"),
            };
            if let Some(reason) = reason {
                let failure = Failure {
                    check: Check::ClientRate,
                    codes: "421 4.7.0",
                    text: "Too many connections, closing",
                    reason,
                    close: true,
                };
                if let Some(refusal) = self.fail(&mut state, check, failure, now) {
                    return Judged {
                        offence: Some(Offence::ConnectionFlood),
                        ..Judged::now(Answer::Refuse(refusal))
                    };
                }
            }
        }
        let wait = plan.pregreet.as_ref().map(|it| it.settings.delay);
        Judged::now(wait.map_or(Answer::Pass, Answer::Wait))
    }

    pub(super) fn early(&self, now: u64) -> Judged {
        let mut state = self.lock();
        let Some(check) = &self.engine.plan.pregreet else {
            return Judged::now(Answer::Pass);
        };
        let failure = Failure {
            check: Check::Pregreet,
            codes: "554 5.5.0",
            text: "You spoke out of turn, closing",
            reason: "spoke before the banner",
            close: true,
        };
        let refusal = self.fail(&mut state, check, failure, now);
        Judged {
            offence: Some(Offence::Pregreet),
            ..Judged::now(refusal.map_or(Answer::Pass, Answer::Refuse))
        }
    }

    pub(super) fn hello(&self, name: &str, now: u64) -> Answer {
        let mut state = self.lock();
        state.helo = name.into();
        self.forget_transaction(&mut state);
        if self.passes(&state) {
            return Answer::Pass;
        }
        let refusal = self.strict(&mut state, protocol::hello(name), now);
        refusal.map_or(Answer::Pass, Answer::Refuse)
    }

    pub(super) fn mail(&self, sender: &str, size: Option<u64>, loose: bool, now: u64) -> Answer {
        let mut state = self.lock();
        self.forget_transaction(&mut state);
        state.sender = sender.into();
        state.message = Message::Coming;
        let plan = &self.engine.plan;
        let domain = domain_of(sender);
        state.excepted = domain.is_some_and(|it| plan.exceptions.domains.contains(it));
        if self.passes(&state) {
            return Answer::Pass;
        }
        let state = &mut state;
        let refusal = self
            .strict(state, protocol::path(sender, loose, "501 5.1.7"), now)
            .or_else(|| {
                let listed = self
                    .disallowed_client(state, now)
                    .or_else(|| self.disallowed_sender(state, sender, now));
                self.at_mail(state, listed?)
            })
            .or_else(|| self.announced_size(state, size, now));
        refusal.map_or_else(|| Answer::Within(self.bounds(state)), Answer::Refuse)
    }

    fn disallowed_client(&self, state: &mut State, now: u64) -> Verdict {
        let check = self.engine.plan.disallowed_client.as_ref()?;
        if !check.settings.networks.contains(self.client.ip()) {
            state.results.add(Check::DisallowedClient, Outcome::Pass);
            return None;
        }
        let failure = Failure {
            check: Check::DisallowedClient,
            codes: "550 5.7.1",
            text: "Access denied",
            reason: "its address is listed",
            close: false,
        };
        self.fail(state, check, failure, now)
    }

    fn disallowed_sender(&self, state: &mut State, sender: &str, now: u64) -> Verdict {
        let check = self.engine.plan.disallowed_sender.as_ref()?;
        let address = sender.to_lowercase();
        let settings = &check.settings;
        let local = address
            .rsplit_once('@')
            .map(|(local, _)| format!("{local}@"));
        let reason = if settings.users.contains(&address)
            || local.is_some_and(|local| settings.users.contains(&local))
        {
            "the address is listed"
        } else if domain_of(&address).is_some_and(|it| settings.domains.contains(it)) {
            "the domain is listed"
        } else {
            state.results.add(Check::DisallowedSender, Outcome::Pass);
            return None;
        };
        let failure = Failure {
            check: Check::DisallowedSender,
            codes: "550 5.7.1",
            text: "Sender address rejected",
            reason,
            close: false,
        };
        self.fail(state, check, failure, now)
    }

    fn announced_size(&self, state: &mut State, size: Option<u64>, now: u64) -> Verdict {
        let check = self.engine.plan.size.as_ref()?;
        if size? <= check.settings.octets? {
            return None;
        }
        self.fail(state, check, TOO_BIG, now)
    }

    /// What there is to a message that is let through so far.
    fn bounds(&self, state: &State) -> Bounds {
        let plan = &self.engine.plan;
        let endings = |check: &CheckPlan<()>| {
            if check.block {
                BareEndings::Refuse(self.reply(state, check, SMUGGLING))
            } else {
                BareEndings::Repair
            }
        };
        let size = plan.size.as_ref();
        Bounds {
            endings: plan.smuggling.as_ref().map(endings).unwrap_or_default(),
            size: size.and_then(|check| {
                let reply = check.block.then(|| self.reply(state, check, TOO_BIG));
                Some((check.settings.octets?, reply))
            }),
            header: Box::default(),
        }
    }

    pub(super) fn rcpt(&self, recipient: &str, loose: bool, now: u64) -> Answer {
        let mut state = self.lock();
        state.recipient = recipient.into();
        self.recipient_is(&mut state, recipient);
        if self.passes(&state) {
            return Answer::Pass;
        }
        let state = &mut state;
        let refusal = self
            .strict(state, protocol::path(recipient, loose, "501 5.1.3"), now)
            .or_else(|| self.recipients(state, now))
            .or_else(|| self.recipient_domain(state, recipient, now));
        state.recipients += usize::from(refusal.is_none());
        refusal.map_or(Answer::Pass, Answer::Refuse)
    }

    fn recipients(&self, state: &mut State, now: u64) -> Verdict {
        let check = self.engine.plan.size.as_ref()?;
        if state.recipients < check.settings.recipients? {
            return None;
        }
        let failure = Failure {
            check: Check::Size,
            codes: "452 4.5.3",
            text: "Too many recipients",
            reason: "too many recipients",
            close: false,
        };
        self.fail(state, check, failure, now)
    }

    fn recipient_domain(&self, state: &mut State, recipient: &str, now: u64) -> Verdict {
        let check = self.engine.plan.recipient_domain.as_ref()?;
        // `<postmaster>` has none, and always passes (RFC 5321 section 4.5.1).
        if domain_of(recipient).is_none_or(|it| check.settings.contains(it)) {
            state.results.add(Check::RecipientDomain, Outcome::Pass);
            return None;
        }
        let failure = Failure {
            check: Check::RecipientDomain,
            codes: "550 5.7.1",
            text: "Relaying denied",
            reason: "no mail is received for the domain",
            close: false,
        };
        self.fail(state, check, failure, now)
    }

    pub(super) fn method(&self, method: Method, now: u64) -> Answer {
        let mut state = self.lock();
        let Some(check) = &self.engine.plan.methods else {
            return Answer::Pass;
        };
        if self.passes(&state) || !check.settings.contains(&method) {
            return Answer::Pass;
        }
        let failure = Failure {
            check: Check::Methods,
            codes: "502 5.5.1",
            text: "Command not available",
            reason: match method {
                Method::Vrfy => "VRFY",
                Method::Expn => "EXPN",
                Method::Etrn => "ETRN",
                Method::Help => "HELP",
                Method::Noop => "NOOP",
            },
            close: false,
        };
        let refusal = self.fail(&mut state, check, failure, now);
        refusal.map_or(Answer::Pass, Answer::Refuse)
    }

    /// What the gateway would bear, and a strict server does not.
    fn strict(&self, state: &mut State, fault: Option<protocol::Fault>, now: u64) -> Verdict {
        let check = self.engine.plan.protocol_compliance.as_ref()?;
        let Some(fault) = fault else {
            state.results.add(Check::ProtocolCompliance, Outcome::Pass);
            return None;
        };
        let failure = Failure {
            check: Check::ProtocolCompliance,
            codes: fault.codes,
            text: fault.reason,
            reason: fault.reason,
            close: false,
        };
        self.fail(state, check, failure, now)
    }
}
