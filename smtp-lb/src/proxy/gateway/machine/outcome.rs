//! What a member says to an envelope and its message.

use crate::security::question::Note;
use crate::smtp::reply::Reply;

use super::envelope::Told;
use super::leg::{Cursor, Leg, State};
use super::phase::{Chunk, Phase, Verdict};
use super::{Act, Count, Machine, Output, replies};

impl Machine {
    /// To MAIL or RCPT: told to the client, or compared with what another member made it hear.
    pub(super) fn line_answered(&mut self, mut cursor: Cursor, reply: &Reply, out: &mut Output) {
        let told = match reply.code / 100 {
            2 => Told::Accepted,
            4 | 5 => Told::Refused,
            _ => return self.member_fault(out),
        };
        let Some(at) = self.envelope.relevant(cursor.answered) else {
            return self.member_fault(out);
        };
        cursor.answered = at + 1;
        cursor.awaited -= 1;
        if let Leg::Open(open) = &mut self.leg {
            open.state = State::Ready(cursor);
            open.reused = false;
        }
        if self.envelope.told_of(at) == Some(Told::Nothing) {
            if at > 0 && reply.code / 100 == 5 && self.settings.asks {
                out.acts.push_back(Act::Note(Note::UnknownRecipient));
            }
            self.envelope.tell_next(told);
            self.relay(reply, out);
            if self.envelope.all_told() && self.envelope.mail_refused() {
                self.reset();
            }
        } else if told != Told::Accepted {
            // The client believes otherwise, and cannot be told.
            self.leave(out);
            self.disown(out);
        }
    }

    /// The transaction cannot go on as the client knows it.
    fn disown(&mut self, out: &mut Output) {
        if matches!(self.phase, Phase::DataAsked) {
            self.phase = Phase::Command;
            self.tell_lost(out);
        }
        self.fail_envelope(out);
    }

    /// To DATA.
    pub(super) fn data_answered(&mut self, reply: &Reply, out: &mut Output) {
        let Leg::Open(open) = &mut self.leg else {
            return;
        };
        match reply.code {
            354 => {
                open.state = State::Text;
                self.relay(reply, out);
                self.begin_text(out);
            }
            400..=599 => {
                open.state = State::Ready(Cursor::after(self.envelope.len()));
                self.phase = Phase::Command;
                self.count_refused(out);
                self.relay(reply, out);
            }
            _ => self.member_fault(out),
        }
    }

    /// To a message or chunk before its end. It cannot have been taken; and what was sent of it
    /// must not look whole.
    pub(super) fn answered_early(&mut self, reply: Reply, out: &mut Output) {
        if !matches!(reply.code, 400..=599) {
            return self.member_fault(out);
        }
        Self::push_abort(out);
        self.leg = Leg::None;
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Text(scanner) => {
                self.phase = Phase::TextRefused(scanner, Verdict::Member(reply));
            }
            Phase::Chunk(chunk) => self.refuse_chunk(chunk, Verdict::Member(reply)),
            phase => self.phase = phase,
        }
    }

    fn refuse_chunk(&mut self, chunk: Chunk, verdict: Verdict) {
        self.envelope.failed = Some(replies::CHUNK_REFUSED);
        self.phase = Phase::ChunkRefused(chunk, verdict);
    }

    /// To the end of a message or chunk: the one reply that is never our own.
    pub(super) fn text_answered(&mut self, reply: &Reply, out: &mut Output) {
        let accepted = match reply.code / 100 {
            2 => true,
            4 | 5 => false,
            _ => return self.member_fault(out),
        };
        if out.is_behind() {
            // Not all of it has gone out: whatever this is about, it is not the whole.
            if accepted {
                return self.member_fault(out);
            }
            Self::push_abort(out);
            self.leg = Leg::None;
        }
        let last = !matches!(self.phase, Phase::ChunkEnded { last: false });
        self.phase = Phase::Command;
        if last {
            self.junk = 0;
            self.fresh = true;
            self.envelope.clear();
        }
        if accepted && last {
            out.acts.push_back(Act::Count(Count::MessageAccepted));
        } else if !accepted {
            self.count_refused(out);
        }
        if let Leg::Open(open) = &mut self.leg {
            open.state = match (last, accepted) {
                (true, _) => State::Served,
                (false, true) => State::Ready(Cursor::after(self.envelope.len())),
                (false, false) => State::Undo,
            };
        }
        if !accepted && !last {
            self.envelope.failed = Some(replies::CHUNK_REFUSED);
        }
        self.relay(reply, out);
        if reply.code == 421 {
            self.finish(out);
        }
    }

    pub(super) fn count_refused(&self, out: &mut Output) {
        debug_assert!(!matches!(self.phase, Phase::Closed));
        out.acts.push_back(Act::Count(Count::MessageRefused));
    }
}
