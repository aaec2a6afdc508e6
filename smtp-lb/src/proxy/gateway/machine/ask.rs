//! The checks of a security profile: asked before a command is done, told of what was seen.
//!
//! A command that is asked of stays unread until there is an answer, as one that waits for a member
//! does; and an answer that cannot be said yet, for lines before it are not told, is kept.

use std::borrow::Cow;

use crate::security::question::{Answer, BareEndings, Method, Note, Question, Refusal};
use crate::smtp::command::{Mail, Rcpt};
use crate::smtp::message_id::MessageId;

use super::client::Step;
use super::phase::Verdict;
use super::{Act, Machine, Output, replies};

/// Whether the checks were asked about what is next.
#[derive(Debug, Default)]
pub(super) enum Asked {
    /// Not yet.
    #[default]
    No,
    /// They have not answered.
    Waits,
    /// They have.
    Has(Answer),
}

/// `FROM: <` and `TO: <` are borne, though the grammar has no space there.
fn is_loose(line: &[u8]) -> bool {
    let colon = memchr::memchr(b':', line);
    colon.is_some_and(|at| line.get(at + 1) != Some(&b'<'))
}

/// About MAIL.
pub(super) fn mail(mail: &Mail<'_>) -> Question {
    Question::Mail {
        sender: mail.path.text().into(),
        size: mail.parameters.size(),
        loose: is_loose(mail.line),
    }
}

impl Machine {
    pub(super) fn ask(&mut self, question: Question, out: &mut Output) {
        self.note_end(out);
        self.asked = Asked::Waits;
        out.acts.push_back(Act::Ask(question));
    }

    /// What the checks say of the command that is next. None: they are asked.
    pub(super) fn consult(
        &mut self,
        question: impl FnOnce() -> Question,
        out: &mut Output,
    ) -> Option<Answer> {
        if !self.settings.asks {
            return Some(Answer::Pass);
        }
        match std::mem::take(&mut self.asked) {
            Asked::Has(answer) => Some(answer),
            Asked::Waits => {
                self.asked = Asked::Waits;
                None
            }
            Asked::No => {
                self.ask(question(), out);
                None
            }
        }
    }

    /// The answer to the command that is next, for when it is looked at again.
    pub(super) fn keep(&mut self, answer: Answer) {
        if self.settings.asks {
            self.asked = Asked::Has(answer);
        }
    }

    /// Says what the checks want said.
    pub(super) fn refuse_by(&mut self, refusal: &Refusal, out: &mut Output) {
        if refusal.close {
            self.close(&refusal.reply, out);
        } else {
            self.tell(&refusal.reply, out);
        }
    }

    /// The same, within measure: who goes on for ever is closed.
    pub(super) fn refuse_at_length(&mut self, refusal: &Refusal, out: &mut Output) {
        if refusal.close {
            self.close(&refusal.reply, out);
        } else {
            self.junk(&refusal.reply, out);
        }
    }

    /// What is said to a message with bare endings or NUL.
    pub(super) fn bad_message(&mut self) -> Verdict {
        let reply = match std::mem::take(&mut self.bounds.endings) {
            BareEndings::Refuse(reply) => String::from(reply).into(),
            BareEndings::AsSet | BareEndings::Repair => Cow::Borrowed(replies::BAD_MESSAGE),
        };
        Verdict::Close(reply)
    }

    /// Nothing is done with `input` before the banner, but to see that it is there.
    pub(super) fn before_banner(&mut self, input: &[u8], out: &mut Output) -> Step {
        match std::mem::take(&mut self.asked) {
            Asked::Waits => self.asked = Asked::Waits,
            Asked::Has(Answer::Refuse(refusal)) => {
                self.close(&refusal.reply, out);
                return Step::Used(0);
            }
            Asked::Has(Answer::Wait(time)) => self.greet_at = Some(self.now + time),
            Asked::Has(_) => {
                self.open_up(out);
                return Step::Used(0);
            }
            Asked::No if self.greet_at.is_some() && !input.is_empty() => {
                self.greet_at = None;
                self.ask(Question::Early, out);
            }
            Asked::No => {}
        }
        Step::Wait
    }

    /// The client was silent for as long as it had to be.
    pub(super) fn waited(&mut self, out: &mut Output) {
        self.greet_at = None;
        out.acts.push_back(Act::Note(Note::Waited));
        self.open_up(out);
    }

    /// RCPT. Some: what [`rcpt`](Self::rcpt) is to return; None: it passes.
    pub(super) fn judge_rcpt(&mut self, rcpt: &Rcpt<'_>, out: &mut Output) -> Option<bool> {
        let question = || Question::Rcpt {
            recipient: rcpt.path.text().into(),
            loose: is_loose(rcpt.line),
        };
        match self.consult(question, out) {
            None => Some(false),
            Some(Answer::Refuse(refusal)) if self.envelope.all_told() => {
                self.envelope.any_refused = true;
                self.refuse_by(&refusal, out);
                Some(true)
            }
            Some(answer @ Answer::Refuse(_)) => {
                self.keep(answer);
                Some(false)
            }
            Some(_) => None,
        }
    }

    /// VRFY and its like. Every line before has been answered.
    pub(super) fn method(&mut self, method: Method, out: &mut Output) -> bool {
        match self.consult(|| Question::Method(method), out) {
            None => return false,
            Some(Answer::Refuse(refusal)) if refusal.close => self.refuse_by(&refusal, out),
            Some(Answer::Refuse(refusal)) => self.unwelcome(&refusal.reply, out),
            Some(_) => match method {
                Method::Vrfy => self.junk(replies::WILL_TRY, out),
                Method::Help => self.junk(replies::HELP, out),
                Method::Noop => self.junk(replies::OK, out),
                Method::Expn | Method::Etrn => self.unwelcome(replies::NOT_OFFERED, out),
            },
        }
        true
    }

    /// The client broke the protocol.
    pub(super) fn note_protocol(&mut self, reply: &str, out: &mut Output) {
        if self.settings.asks {
            self.note_end(out);
            let note = Note::Protocol(reply.trim_end().into());
            out.acts.push_back(Act::Note(note));
        }
    }

    /// A message begins, of which nothing was told yet.
    pub(super) fn begin_message(&mut self) {
        self.octets = 0;
        self.told_endings = false;
        self.told_size = false;
        self.header = None;
        self.header_begun = false;
        self.told_begin = self.settings.asks;
    }

    /// The checks hear that the transaction of which they knew is no more, before anything else.
    pub(super) fn note_end(&mut self, out: &mut Output) {
        if self.told_begin && !self.envelope.is_open() && !self.is_closed() {
            self.told_begin = false;
            self.header = None;
            out.acts.push_back(Act::Note(Note::Ended));
        }
    }

    /// The text of a message begins, or another chunk of it.
    pub(super) fn begin_header(&mut self) {
        if self.settings.asks && !std::mem::replace(&mut self.header_begun, true) {
            self.header = Some(MessageId::default());
        }
    }

    /// Octets of the message, and perhaps some behind its end.
    pub(super) fn look_for_id(&mut self, input: &[u8], out: &mut Output) {
        if let Some(header) = &mut self.header
            && header.scan(input)
        {
            let message_id = header.text().into();
            out.acts.push_back(Act::Note(Note::Header { message_id }));
            self.header = None;
        }
    }

    /// There are bare endings or NUL in the message.
    pub(super) fn note_endings(&mut self, refused: bool, out: &mut Output) {
        if self.settings.asks && !std::mem::replace(&mut self.told_endings, true) {
            out.acts.push_back(Act::Note(Note::Smuggling { refused }));
        }
    }

    /// What is said to a message of so many octets as there are, if it is too big.
    pub(super) fn too_big(&mut self, out: &mut Output) -> Option<Verdict> {
        let (most, reply) = self.bounds.size.as_ref()?;
        if self.octets <= *most {
            return None;
        }
        let verdict = reply
            .as_ref()
            .map(|it| Verdict::Local(String::from(&**it).into()));
        if !std::mem::replace(&mut self.told_size, true) {
            let refused = verdict.is_some();
            out.acts.push_back(Act::Note(Note::TooBig { refused }));
        }
        verdict
    }
}
