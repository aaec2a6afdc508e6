//! How much nonsense a client may talk.

use std::time::Duration;

use super::{Act, Count, Machine, Output, replies};

/// How long a client that talks much nonsense is not read.
const PENALTY: Duration = Duration::from_secs(1);

impl Machine {
    /// Answers a bad command; the last of too many by the end of the session.
    pub(super) fn bad(&mut self, reply: &str, out: &mut Output) {
        self.note_protocol(reply, out);
        self.unwelcome(reply, out);
    }

    /// As [`bad`](Self::bad), for what is within the protocol.
    pub(super) fn unwelcome(&mut self, reply: &str, out: &mut Output) {
        if self.note_bad(out) {
            self.tell(reply, out);
        }
    }

    /// False: that was one too many, and the session is closed.
    pub(super) fn note_bad(&mut self, out: &mut Output) -> bool {
        let most = self.settings.plan.bad_commands;
        self.bad += 1;
        out.acts.push_back(Act::Count(Count::BadCommand));
        if self.bad >= most {
            out.acts.push_back(Act::Count(Count::TooManyBad));
            self.close(replies::TOO_MANY_BAD, out);
            return false;
        }
        if self.bad > most / 2 {
            self.slow_until = Some(self.now + PENALTY);
        }
        true
    }

    /// Answers a command that is good but leads nowhere, within measure.
    pub(super) fn junk(&mut self, reply: &str, out: &mut Output) {
        self.junk += 1;
        if self.junk <= self.settings.plan.junk_commands || self.note_bad(out) {
            self.tell(reply, out);
        }
    }
}
