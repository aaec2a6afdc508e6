//! The checks of one session: what it asks is answered, what it tells is taken down.
//!
//! What needs neither DNS nor store is judged as soon as it is known. Who is refused is told of once in
//! a transaction, but for what is of each recipient. Where the profile has `reject_at = "rcpt"`, what is
//! found of a sender is kept from MAIL to RCPT.

mod known;
mod remote;
mod results;
mod telling;
#[cfg(test)]
mod tests;
mod waited;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connections::Claim;
use super::engine::Engine;
use super::question::{Answer, Bounds, Note, Question, Refusal};
use super::{Check, Violation};
use crate::config::plan::{Offence, RejectAt};
use remote::Ahead;
use results::{Outcome, Results};
use telling::Told;

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
    /// What the message is to get before its own header.
    header: Box<str>,
    message: Message,
    /// Violations that are told when the message is known, or the transaction over.
    held: Vec<Violation>,
    /// What every recipient of this transaction is refused by.
    delayed: Option<Refusal>,
}

/// What is known of the message of a transaction.
#[derive(Debug, Default)]
enum Message {
    /// There is no transaction.
    #[default]
    None,
    /// Nothing yet.
    Coming,
    /// Its `Message-ID`, empty if it has none.
    Known(Box<str>),
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
                Answer::Within(bounds) if self.lock().delayed.is_none() => {
                    let refusal = self.ask_at_mail(sender, now).await;
                    let refusal = refusal.and_then(|it| self.at_mail(&mut self.lock(), it));
                    let header = std::mem::take(&mut self.lock().header);
                    let answer = Answer::Within(Bounds { header, ..bounds });
                    refusal.map_or(answer, |it| self.no_transaction(it))
                }
                Answer::Refuse(refusal) => self.no_transaction(refusal),
                answer => answer,
            }),
            Question::Rcpt { recipient, loose } => match self.delayed(recipient) {
                Some(refusal) => Judged::now(Answer::Refuse(refusal)),
                None => self.judge_rcpt(recipient, *loose, now).await,
            },
            Question::Method(method) => Judged::now(self.method(*method, now)),
        }
    }

    async fn judge_rcpt(&self, recipient: &str, loose: bool, now: u64) -> Judged {
        match self.rcpt(recipient, loose, now) {
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
        match note {
            Note::Authenticated => state.authenticated = true,
            Note::Header { message_id } => self.message_is(&mut state, message_id),
            Note::Ended => self.forget_transaction(&mut state),
            _ => {}
        }
        if self.passes(&state) {
            return;
        }
        let plan = &self.engine.plan;
        match note {
            Note::Waited => state.results.add(Check::Pregreet, Outcome::Pass),
            Note::Authenticated | Note::UnknownRecipient | Note::Header { .. } | Note::Ended => {}
            Note::Protocol(reply) => {
                if let Some(check) = &plan.protocol_compliance {
                    let reason = reply.splitn(3, ' ').nth(2).unwrap_or_default();
                    let at = Check::ProtocolCompliance;
                    self.tell(&mut state, Told::new(check, at, reason, reply), now);
                }
            }
            Note::Smuggling { refused } => {
                if let Some(check) = &plan.smuggling {
                    let reply = if *refused { "550 5.5.2" } else { "" };
                    let reason = "bare CR, bare LF or NUL in the message";
                    let told = Told::within(check, Check::Smuggling, reason, reply);
                    self.tell(&mut state, told, now);
                }
            }
            Note::TooBig { refused } => {
                if let Some(check) = &plan.size {
                    let reply = if *refused { "552 5.3.4" } else { "" };
                    let told = Told::within(check, Check::Size, "message too big", reply);
                    self.tell(&mut state, told, now);
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

    /// A refusal of a sender, unless it is said to recipients: then that is kept.
    fn at_mail(&self, state: &mut State, refusal: Refusal) -> Verdict {
        if self.engine.plan.reject_at == RejectAt::Mail || refusal.close {
            return Some(refusal);
        }
        state.delayed = Some(refusal);
        None
    }

    /// What was kept of the sender, now that there is a recipient to say it to.
    fn delayed(&self, recipient: &str) -> Verdict {
        let mut state = self.lock();
        let refusal = state.delayed.clone()?;
        state.recipient = recipient.into();
        self.recipient_is(&mut state, recipient);
        Some(refusal)
    }

    /// MAIL is refused.
    fn no_transaction(&self, refusal: Refusal) -> Answer {
        let mut state = self.lock();
        state.message = Message::None;
        state.delayed = None;
        self.release(&mut state);
        Answer::Refuse(refusal)
    }

    fn forget_transaction(&self, state: &mut State) {
        self.release(state);
        *state = State {
            helo: std::mem::take(&mut state.helo),
            authenticated: state.authenticated,
            results: std::mem::take(&mut state.results),
            claim: state.claim.take(),
            ..State::default()
        };
    }

    async fn connect(&self, now: u64) -> Judged {
        let judged = self.connected(now);
        match judged.answer {
            Answer::Wait(_) if self.has_waited(now).await => Judged::now(Answer::Pass),
            _ => judged,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut state = self.lock();
        self.release(&mut state);
    }
}

/// The domain of a path without brackets, if it has one.
fn domain_of(path: &str) -> Option<&str> {
    path.rsplit_once('@').map(|(_, domain)| domain)
}
