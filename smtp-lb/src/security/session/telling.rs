//! What is said and told of checks that were failed.
//!
//! A violation that lets its message through, or was found in it, is told when the `Message-ID` is known, or
//! when it is known that there is none: at the end of the header, of the transaction or of the session. It is
//! counted at once. Refusals of commands are told at once: no message comes of them.

use std::sync::Arc;

use super::results::Outcome;
use super::{Message, Session, State, Verdict};
use crate::config::plan::{CheckPlan, RejectAt};
use crate::security::question::Refusal;
use crate::security::reply::{self, Values};
use crate::security::{Check, Reaction, Violation};

/// Violations of a session that wait for a message. What is more is told without its `Message-ID`.
const HELD: usize = 64;

/// How a check is failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure<'a> {
    pub(super) check: Check,
    /// Of the reply: `550 5.7.1`.
    pub(super) codes: &'a str,
    /// Of the reply, if the operator has none.
    pub(super) text: &'a str,
    /// For operators, and for texts that ask for it.
    pub(super) reason: &'a str,
    /// The session ends.
    pub(super) close: bool,
}

/// What is told of a check that was failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    check: Check,
    reaction: Reaction,
    reason: &'a str,
    /// Empty: it passes.
    reply: &'a str,
    /// It may be told when the message is known.
    waits: bool,
}

impl<'a> Told<'a> {
    /// A command failed it; with a reply it was refused, whatever the check is set to.
    pub(super) fn new<S>(
        plan: &CheckPlan<S>,
        check: Check,
        reason: &'a str,
        reply: &'a str,
    ) -> Self {
        Self {
            check,
            reaction: Reaction {
                alarm: plan.alarm,
                block: !reply.is_empty(),
            },
            reason,
            reply,
            waits: reply.is_empty(),
        }
    }

    /// It was found in a message.
    pub(super) fn within<S>(
        plan: &CheckPlan<S>,
        check: Check,
        reason: &'a str,
        reply: &'a str,
    ) -> Self {
        Self {
            waits: true,
            ..Self::new(plan, check, reason, reply)
        }
    }
}

impl Session {
    /// The check is failed: it is told of, and refused if the operator wants that.
    pub(super) fn fail<S>(
        &self,
        state: &mut State,
        check: &CheckPlan<S>,
        failure: Failure<'_>,
        now: u64,
    ) -> Verdict {
        let reply = check.block.then(|| self.reply(state, check, failure));
        let said = reply.as_deref().map_or("", str::trim_end);
        let delayed = self.engine.plan.reject_at == RejectAt::Rcpt
            && failure.check.is_of_sender()
            && !failure.close;
        let mut told = Told::new(check, failure.check, failure.reason, said);
        told.waits |= delayed;
        self.tell(state, told, now);
        reply.map(|reply| Refusal {
            reply,
            close: failure.close,
        })
    }

    pub(super) fn reply<S>(
        &self,
        state: &State,
        check: &CheckPlan<S>,
        failure: Failure<'_>,
    ) -> Box<str> {
        let values = Values {
            client: &self.client.ip().to_canonical().to_string(),
            sender: &state.sender,
            reason: failure.reason,
        };
        let text = check.reply.as_deref().unwrap_or(failure.text);
        reply::line(failure.codes, text, values)
    }

    /// Records a violation, unless this transaction was told of it.
    pub(super) fn tell(&self, state: &mut State, told: Told<'_>, now: u64) {
        let Told {
            check, reaction, ..
        } = told;
        let outcome = if reaction.block {
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
        let message_id = match &state.message {
            Message::Known(id) => id.to_string(),
            Message::None | Message::Coming => String::new(),
        };
        let violation = Violation {
            time_ns: now,
            profile: Arc::clone(&self.engine.profile),
            virtual_server: Arc::clone(&self.engine.server),
            check,
            reaction,
            client: self.client,
            helo: state.helo.to_string(),
            sender: state.sender.to_string(),
            recipient: state.recipient.to_string(),
            reason: told.reason.to_owned(),
            reply: told.reply.to_owned(),
            session: self.id.clone(),
            message_id,
        };
        let recorder = &self.engine.services.recorder;
        let violation = recorder.count(violation);
        let comes = matches!(state.message, Message::Coming);
        if comes && told.waits && reaction.alarm && state.held.len() < HELD {
            state.held.push(violation);
        } else {
            recorder.tell(violation);
        }
    }

    /// A recipient of the transaction is known: who told of its sender before can be told to whom it
    /// wrote, and is, if that is refused.
    pub(super) fn recipient_is(&self, state: &mut State, recipient: &str) {
        let mut kept = Vec::new();
        for mut violation in state.held.drain(..) {
            if violation.recipient.is_empty() {
                recipient.clone_into(&mut violation.recipient);
            }
            if violation.reaction.block && state.delayed.is_some() {
                self.engine.services.recorder.tell(violation);
            } else {
                kept.push(violation);
            }
        }
        state.held = kept;
    }

    /// The message is known by this, or by nothing.
    pub(super) fn message_is(&self, state: &mut State, message_id: &str) {
        if matches!(state.message, Message::Coming) {
            state.message = Message::Known(message_id.into());
            for mut violation in state.held.drain(..) {
                message_id.clone_into(&mut violation.message_id);
                self.engine.services.recorder.tell(violation);
            }
        }
    }

    /// Nothing more will be known.
    pub(super) fn release(&self, state: &mut State) {
        for violation in state.held.drain(..) {
            self.engine.services.recorder.tell(violation);
        }
    }
}
