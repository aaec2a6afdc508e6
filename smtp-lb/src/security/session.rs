//! The checks of one session: what it asks is answered, what it tells is taken down.
//!
//! What needs neither DNS nor store is judged as soon as it is known. Who is refused is told of once in
//! a transaction, but for what is of each recipient.

mod remote;
mod results;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connections::{Claim, Excess};
use super::engine::Engine;
use super::question::{Answer, Bounds, Method, Note, Question, Refusal};
use super::reply::{self, Values};
use super::{Check, Reaction, Violation, protocol};
use crate::config::plan::{CheckPlan, Offence};
use remote::Ahead;
use results::{Outcome, Results};

/// Where a session stands with its checks. Shared by the session and by what it waits for.
#[derive(Debug)]
pub struct Session {
    engine: Arc<Engine>,
    client: SocketAddr,
    /// What it is known by in its own events.
    id: String,
    /// The client is none that is checked.
    excepted: bool,
    /// What is asked about the client.
    ahead: Ahead,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    helo: Box<str>,
    sender: Box<str>,
    recipient: Box<str>,
    authenticated: bool,
    /// The sender is none that is checked.
    excepted: bool,
    /// Of this transaction, that passed.
    recipients: usize,
    /// Checks of which this transaction, or the session before the first, was told.
    told: Vec<Check>,
    results: Results,
    claim: Option<Claim>,
    /// For which SPF lets the client send.
    spf_domain: Option<Box<str>>,
    /// Of the recipients of this transaction, each once.
    recipient_domains: Vec<Box<str>>,
}

/// An answer, and what goes with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// For the session.
    pub answer: Answer,
    /// How long it is kept back.
    pub after: Duration,
    /// What the client did that others may want to hear of.
    pub offence: Option<Offence>,
}

impl Judged {
    fn now(answer: Answer) -> Self {
        Self {
            answer,
            after: Duration::ZERO,
            offence: None,
        }
    }
}

/// What came of one check: the reply that is to be said, or none.
type Verdict = Option<Refusal>;

/// How a check is failed.
#[derive(Debug, Clone, Copy)]
struct Failure<'a> {
    check: Check,
    /// Of the reply: `550 5.7.1`.
    codes: &'a str,
    /// Of the reply, if the operator has none.
    text: &'a str,
    /// For operators, and for texts that ask for it.
    reason: &'a str,
    /// The session ends.
    close: bool,
}

impl Session {
    /// A client has come.
    #[must_use]
    pub fn new(engine: Arc<Engine>, client: SocketAddr, id: String) -> Self {
        let excepted = engine.plan.exceptions.networks.contains(client.ip());
        let ahead = Ahead::of(&engine, client.ip());
        Self {
            engine,
            client,
            id,
            excepted,
            ahead,
            state: Mutex::default(),
        }
    }

    /// What every check found, the worst of each: `check=result`, with spaces between.
    #[must_use]
    pub fn results(&self) -> String {
        self.lock().results.to_string()
    }

    /// Answers, at `now` in nanoseconds since the Unix epoch.
    pub async fn judge(&self, question: &Question, now: u64) -> Judged {
        match question {
            Question::Connect => self.connect(now),
            Question::Early => self.early(now),
            Question::Hello { name } => Judged::now(self.hello(name, now)),
            Question::Mail {
                sender,
                size,
                loose,
            } => Judged::now(match self.mail(sender, *size, *loose, now) {
                Answer::Within(bounds) => {
                    let refusal = self.ask_at_mail(sender, now).await;
                    refusal.map_or(Answer::Within(bounds), Answer::Refuse)
                }
                answer => answer,
            }),
            Question::Rcpt { recipient, loose } => match self.rcpt(recipient, *loose, now) {
                Answer::Pass if !self.passes(&self.lock()) => {
                    let (refusal, after) = self.ask_at_rcpt(recipient, now).await;
                    self.lock().recipients -= usize::from(refusal.is_some());
                    let answer = refusal.map_or(Answer::Pass, Answer::Refuse);
                    Judged {
                        after,
                        ..Judged::now(answer)
                    }
                }
                answer => {
                    if matches!(answer, Answer::Refuse(_)) {
                        self.one_more_unknown(now).await;
                    }
                    Judged::now(answer)
                }
            },
            Question::Method(method) => Judged::now(self.method(*method, now)),
        }
    }

    /// The answer to what could not be answered in time: a check's fault is not the client's.
    #[must_use]
    pub fn cannot_judge(&self, _now: u64) -> Judged {
        Judged::now(Answer::Refuse(Refusal {
            reply: "450 4.7.0 Cannot check that now, try again later\r\n".into(),
            close: false,
        }))
    }

    /// Takes down what happened, at `now` in nanoseconds since the Unix epoch.
    pub fn note(&self, note: &Note, now: u64) {
        let mut state = self.lock();
        if matches!(note, Note::Authenticated) {
            state.authenticated = true;
        }
        if self.passes(&state) {
            return;
        }
        let plan = &self.engine.plan;
        match note {
            Note::Waited => state.results.add(Check::Pregreet, Outcome::Pass),
            Note::Authenticated | Note::UnknownRecipient => {}
            Note::Protocol(reply) => {
                if let Some(check) = &plan.protocol_compliance {
                    let reason = reply.splitn(3, ' ').nth(2).unwrap_or_default();
                    self.tell(
                        &mut state,
                        check,
                        Check::ProtocolCompliance,
                        reason,
                        reply,
                        now,
                    );
                }
            }
            Note::Smuggling { refused } => {
                if let Some(check) = &plan.smuggling {
                    let reply = if *refused { "550 5.5.2" } else { "" };
                    let reason = "bare CR, bare LF or NUL in the message";
                    self.tell(&mut state, check, Check::Smuggling, reason, reply, now);
                }
            }
            Note::TooBig { refused } => {
                if let Some(check) = &plan.size {
                    let reply = if *refused { "552 5.3.4" } else { "" };
                    self.tell(
                        &mut state,
                        check,
                        Check::Size,
                        "message too big",
                        reply,
                        now,
                    );
                }
            }
        }
    }

    /// Nothing is left half done by a panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is checked any more.
    fn passes(&self, state: &State) -> bool {
        self.excepted
            || state.excepted
            || state.authenticated && self.engine.plan.exceptions.authenticated
    }

    fn connect(&self, now: u64) -> Judged {
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

    fn early(&self, now: u64) -> Judged {
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

    fn hello(&self, name: &str, now: u64) -> Answer {
        let mut state = self.lock();
        state.helo = name.into();
        state.forget_transaction();
        if self.passes(&state) {
            return Answer::Pass;
        }
        let refusal = self.strict(&mut state, protocol::hello(name), now);
        refusal.map_or(Answer::Pass, Answer::Refuse)
    }

    fn mail(&self, sender: &str, size: Option<u64>, loose: bool, now: u64) -> Answer {
        let mut state = self.lock();
        state.forget_transaction();
        state.sender = sender.into();
        let plan = &self.engine.plan;
        let domain = domain_of(sender);
        state.excepted = domain.is_some_and(|it| plan.exceptions.domains.contains(it));
        if self.passes(&state) {
            return Answer::Pass;
        }
        let state = &mut state;
        let refusal = self
            .strict(state, protocol::path(sender, loose, "501 5.1.7"), now)
            .or_else(|| self.disallowed_client(state, now))
            .or_else(|| self.disallowed_sender(state, sender, now))
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
        let strict = plan.smuggling.as_ref().filter(|check| check.block);
        let size = plan.size.as_ref();
        Bounds {
            strict_endings: strict.map(|check| self.reply(state, check, SMUGGLING)),
            size: size.and_then(|check| {
                let reply = check.block.then(|| self.reply(state, check, TOO_BIG));
                Some((check.settings.octets?, reply))
            }),
        }
    }

    fn rcpt(&self, recipient: &str, loose: bool, now: u64) -> Answer {
        let mut state = self.lock();
        state.recipient = recipient.into();
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

    fn method(&self, method: Method, now: u64) -> Answer {
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

    /// The check is failed: it is told of, and refused if the operator wants that.
    fn fail<S>(
        &self,
        state: &mut State,
        check: &CheckPlan<S>,
        failure: Failure<'_>,
        now: u64,
    ) -> Verdict {
        let reply = check.block.then(|| self.reply(state, check, failure));
        let said = reply.as_deref().map_or("", str::trim_end);
        self.tell(state, check, failure.check, failure.reason, said, now);
        reply.map(|reply| Refusal {
            reply,
            close: failure.close,
        })
    }

    fn reply<S>(&self, state: &State, check: &CheckPlan<S>, failure: Failure<'_>) -> Box<str> {
        let values = Values {
            client: &self.client.ip().to_canonical().to_string(),
            sender: &state.sender,
            reason: failure.reason,
        };
        let text = check.reply.as_deref().unwrap_or(failure.text);
        reply::line(failure.codes, text, values)
    }

    /// Records a violation, unless this transaction was told of it.
    fn tell<S>(
        &self,
        state: &mut State,
        plan: &CheckPlan<S>,
        check: Check,
        reason: &str,
        reply: &str,
        now: u64,
    ) {
        let reaction = Reaction {
            alarm: plan.alarm,
            block: plan.block,
        };
        let outcome = if plan.block {
            Outcome::Block
        } else {
            Outcome::Alarm
        };
        state.results.add(check, outcome);
        let each = check.is_of_recipient()
            || matches!(
                check,
                Check::Methods | Check::ProtocolCompliance | Check::Size | Check::Greylist
            );
        if !each {
            if state.told.contains(&check) {
                return;
            }
            state.told.push(check);
        }
        self.engine.services.recorder.record(Violation {
            time_ns: now,
            profile: Arc::clone(&self.engine.profile),
            virtual_server: Arc::clone(&self.engine.server),
            check,
            reaction,
            client: self.client,
            helo: state.helo.to_string(),
            sender: state.sender.to_string(),
            recipient: state.recipient.to_string(),
            reason: reason.to_owned(),
            reply: reply.to_owned(),
            session: self.id.clone(),
            message_id: String::new(),
        });
    }
}

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

impl State {
    fn forget_transaction(&mut self) {
        self.sender = Box::default();
        self.recipient = Box::default();
        self.excepted = false;
        self.recipients = 0;
        self.recipient_domains.clear();
        self.spf_domain = None;
        self.told.clear();
    }
}

/// The domain of a path without brackets, if it has one.
fn domain_of(path: &str) -> Option<&str> {
    path.rsplit_once('@').map(|(_, domain)| domain)
}
