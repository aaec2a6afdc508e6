//! MAIL, RCPT and DATA.

use crate::config::plan::LineEndings;
use crate::security::question::{Answer, BareEndings, Bounds};
use crate::smtp::command::{Mail, Rcpt};
use crate::smtp::data::{Endings, Scanner};
use crate::smtp::ehlo::Extensions;

use super::ask::{self, Asked};
use super::phase::Phase;
use super::{Machine, Output, replies};

impl Machine {
    /// False: its reply has to wait for those of the lines before.
    pub(super) fn mail(&mut self, mail: &Mail<'_>, out: &mut Output) -> bool {
        if self.envelope.failed.is_some() {
            self.reset();
        }
        let size = mail.parameters.size();
        let fault = if self.needs_tls_first() {
            replies::TLS_FIRST
        } else if !self.greeted {
            replies::HELLO_FIRST
        } else if self.envelope.is_open() {
            replies::IN_TRANSACTION
        } else if !self.offered.extensions.contains(mail.needs()) {
            replies::BAD_PARAMETER
        } else if size
            .zip(self.offered.size)
            .is_some_and(|(size, most)| size > most)
        {
            replies::TOO_BIG
        } else {
            match self.consult(|| ask::mail(mail), out) {
                None => return false,
                Some(Answer::Refuse(refusal)) => {
                    self.refuse_at_length(&refusal, out);
                    return true;
                }
                Some(Answer::Within(bounds)) => self.bounds = bounds,
                Some(_) => self.bounds = Bounds::default(),
            }
            self.begin_message();
            self.fresh = true;
            self.envelope.size = size;
            self.envelope
                .push(mail.line, mail.needs(), self.settings.plan.recipients);
            return true;
        };
        self.refuse(fault, out)
    }

    /// As [`mail`](Self::mail).
    pub(super) fn rcpt(&mut self, rcpt: &Rcpt<'_>, out: &mut Output) -> bool {
        let needs = rcpt.needs();
        let foreign = needs.contains(Extensions::SMTPUTF8)
            && !self.envelope.needs.contains(Extensions::SMTPUTF8);
        let fault = if self.needs_tls_first() {
            replies::TLS_FIRST
        } else if !self.envelope.is_open() {
            replies::MAIL_FIRST
        } else if let Some(reply) = self.envelope.failed {
            self.tell(reply, out);
            return true;
        } else if self.envelope.chunks.is_some() {
            replies::IN_CHUNKS
        } else if foreign {
            replies::NOT_ASCII
        } else if !self.offered.extensions.contains(needs) {
            replies::BAD_PARAMETER
        } else if let Some(done) = self.judge_rcpt(rcpt, out) {
            return done;
        } else if self
            .envelope
            .push(rcpt.line, needs, self.settings.plan.recipients)
        {
            return true;
        } else if self.envelope.all_told() {
            self.asked = Asked::No;
            // Within the RFC's rights, and no sign of malice.
            self.tell(replies::TOO_MANY_RECIPIENTS, out);
            return true;
        } else {
            // Not to be asked of again.
            self.keep(Answer::Pass);
            return false;
        };
        self.refuse(fault, out)
    }

    fn refuse(&mut self, fault: &str, out: &mut Output) -> bool {
        let in_order = self.envelope.all_told();
        if in_order {
            self.bad(fault, out);
        }
        in_order
    }

    /// Every line before has been answered.
    pub(super) fn data(&mut self, rest: &[u8], out: &mut Output) {
        // Whatever the answer, text is not yet due.
        if !rest.is_empty() {
            return self.out_of_turn(out);
        }
        match self.refuses_text() {
            Ok(()) if self.envelope.chunks.is_some() => self.bad(replies::IN_CHUNKS, out),
            Ok(()) => self.phase = Phase::DataAsked,
            Err(Refusal::Failed(reply)) => self.tell(reply, out),
            Err(Refusal::Bad(reply)) => self.bad(reply, out),
        }
    }

    /// May a message come now?
    pub(super) fn refuses_text(&self) -> Result<(), Refusal> {
        if self.needs_tls_first() {
            Err(Refusal::Bad(replies::TLS_FIRST))
        } else if !self.envelope.is_open() {
            Err(Refusal::Bad(replies::MAIL_FIRST))
        } else if let Some(reply) = self.envelope.failed {
            Err(Refusal::Failed(reply))
        } else if self.envelope.has_recipient() {
            Ok(())
        } else if self.envelope.has_rcpt() {
            Err(Refusal::Failed(replies::NO_RECIPIENT))
        } else {
            Err(Refusal::Bad(replies::RCPT_FIRST))
        }
    }

    /// 354 was said.
    pub(super) fn begin_text(&mut self, out: &mut Output) {
        out.to_member
            .extend_from_slice(self.bounds.header.as_bytes());
        let endings = match (&self.bounds.endings, self.settings.plan.line_endings) {
            (BareEndings::Refuse(_), _) | (BareEndings::AsSet, LineEndings::Reject) => {
                Endings::Reject
            }
            (BareEndings::Repair, _) | (BareEndings::AsSet, LineEndings::Normalize) => {
                Endings::Normalize
            }
        };
        self.begin_pace();
        self.begin_header();
        self.phase = Phase::Text(Scanner::new(endings));
    }
}

/// Why no message may come now.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// Nobody's fault, or a member's.
    Failed(&'static str),
    /// The client's fault.
    Bad(&'static str),
}
