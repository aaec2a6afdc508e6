//! The checks of one session: what it asks is answered, what it tells is taken down.
//!
//! What needs neither DNS nor store is judged as soon as it is known. Who is refused is told of once in
//! a transaction, but for what is of each recipient.

mod known;
mod remote;
mod results;
#[cfg(test)]
mod tests;
mod waited;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connections::Claim;
use super::engine::Engine;
use super::question::{Answer, Note, Question, Refusal};
use super::reply::{self, Values};
use super::{Check, Reaction, Violation};
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
            Question::Connect => self.connect(now).await,
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
                    let away = refusal.as_ref().is_some_and(|it| it.close);
                    let answer = refusal.map_or(Answer::Pass, Answer::Refuse);
                    Judged {
                        after,
                        // Of these checks only harvests end a session.
                        offence: away.then_some(Offence::Harvest),
                        ..Judged::now(answer)
                    }
                }
                Answer::Refuse(refusal) => match self.refused_here(now).await {
                    Some(away) => Judged {
                        offence: Some(Offence::Harvest),
                        ..Judged::now(Answer::Refuse(away))
                    },
                    None => Judged::now(Answer::Refuse(refusal)),
                },
                answer => Judged::now(answer),
            },
            Question::Method(method) => Judged::now(self.method(*method, now)),
        }
    }

    /// The answer to what could not be answered in time: a check's fault is not the client's.
    #[must_use]
    pub fn cannot_judge(&self) -> Judged {
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

    async fn connect(&self, now: u64) -> Judged {
        let judged = self.connected(now);
        match judged.answer {
            Answer::Wait(_) if self.has_waited(now).await => Judged::now(Answer::Pass),
            _ => judged,
        }
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
