//! The text of DATA.

use crate::smtp::data::Scanner;

use super::client::Step;
use super::leg::{Leg, State};
use super::phase::{Phase, Verdict};
use super::{Act, Count, Machine, Output};

impl Machine {
    /// Relays text, or swallows it: up to its true end.
    pub(super) fn text(&mut self, input: &[u8], out: &mut Output) -> Step {
        if input.is_empty() {
            return Step::Wait;
        }
        self.look_for_id(input, out);
        let used = match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Text(scanner) => self.relay_text(scanner, input, out),
            Phase::TextRefused(scanner, verdict) => self.swallow_text(scanner, verdict, input, out),
            phase => {
                self.phase = phase;
                return Step::Wait;
            }
        };
        self.client_since = self.now;
        self.pace.add(used);
        Step::Used(used)
    }

    fn relay_text(&mut self, mut scanner: Scanner, input: &[u8], out: &mut Output) -> usize {
        let scan = scanner.scan(input, &mut out.to_member);
        self.octets += scan.used as u64;
        if scanner.is_spoilt() {
            self.note_endings(scan.fault.is_some(), out);
        }
        if let Some(verdict) = self.too_big(out) {
            Self::push_abort(out);
            self.leg = Leg::None;
            if scan.ended {
                self.end_refused(verdict, out);
            } else {
                self.phase = Phase::TextRefused(scanner, verdict);
            }
        } else if scan.fault.is_some() {
            out.acts.push_back(Act::Count(Count::LineEnding));
            Self::push_abort(out);
            self.leg = Leg::None;
            let verdict = self.bad_message();
            if scan.ended {
                self.end_refused(verdict, out);
            } else {
                self.phase = Phase::TextRefused(scanner, verdict);
            }
        } else if scan.ended {
            self.phase = Phase::TextEnded;
            self.say(b"", State::TextEnded, out);
        } else {
            self.phase = Phase::Text(scanner);
        }
        scan.used
    }

    fn swallow_text(
        &mut self,
        mut scanner: Scanner,
        verdict: Verdict,
        input: &[u8],
        out: &mut Output,
    ) -> usize {
        let kept = out.to_member.len();
        let scan = scanner.scan(input, &mut out.to_member);
        out.to_member.truncate(kept);
        if scan.ended {
            self.end_refused(verdict, out);
        } else {
            self.phase = Phase::TextRefused(scanner, verdict);
        }
        scan.used
    }

    fn end_refused(&mut self, verdict: Verdict, out: &mut Output) {
        self.envelope.clear();
        self.phase = Phase::Command;
        self.give(verdict, out);
    }

    /// Says what is due at the end of what was read for nothing.
    pub(super) fn give(&mut self, verdict: Verdict, out: &mut Output) {
        match verdict {
            Verdict::Local(reply) => self.tell(&reply, out),
            Verdict::Lost => self.tell_lost(out),
            Verdict::Close(reply) => self.close(&reply, out),
            Verdict::Member(reply) => {
                self.count_refused(out);
                self.relay(&reply, out);
                if reply.code == 421 {
                    self.finish(out);
                }
            }
        }
    }
}
