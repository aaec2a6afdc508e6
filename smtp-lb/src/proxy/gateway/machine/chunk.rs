//! BDAT (RFC 3030).

use crate::smtp::bdat::ChunkScanner;
use crate::smtp::command;
use crate::smtp::ehlo::Extensions;

use super::client::Step;
use super::leg::{Leg, State};
use super::mail::Refusal;
use super::phase::{Chunk, Held, Phase, Verdict};
use super::{Act, Count, Machine, Output, replies};

impl Machine {
    /// False: a member has to be had for it first. Every line before has been answered.
    pub(super) fn bdat(&mut self, chunk: command::Chunk, out: &mut Output) -> bool {
        if !self.offered.extensions.contains(Extensions::CHUNKING) {
            // A client that goes on nevertheless would have its octets taken for commands.
            out.acts.push_back(Act::Count(Count::BadCommand));
            self.note_protocol(replies::NOT_OFFERED, out);
            self.close(replies::NOT_OFFERED, out);
            return true;
        }
        if self.envelope.is_open() {
            self.begin_header();
        }
        let before = self.envelope.chunks.map_or(0, |(_, octets)| octets);
        let octets = before.saturating_add(chunk.size);
        let too_big = self.offered.size.is_some_and(|most| octets > most);
        let refusal = match self.refuses_text() {
            Ok(()) if too_big => Some(Verdict::Local(replies::TOO_BIG.into())),
            Ok(()) => {
                self.octets = octets;
                self.too_big(out)
            }
            Err(Refusal::Failed(reply)) => Some(Verdict::Local(reply.into())),
            Err(Refusal::Bad(reply)) => {
                self.note_protocol(reply, out);
                if !self.note_bad(out) {
                    return true;
                }
                Some(Verdict::Local(reply.into()))
            }
        };
        let (left, last) = (chunk.size, chunk.last);
        if let Some(verdict) = refusal {
            self.begin_pace();
            if self.envelope.is_open() {
                // A message without one of its chunks must not come to be.
                self.envelope.failed.get_or_insert(replies::CHUNK_REFUSED);
            }
            self.phase = Phase::ChunkRefused(Chunk { left, last }, verdict);
            return true;
        }
        if !self.has_ready_leg(Extensions::CHUNKING) {
            self.held = Held::For(Extensions::CHUNKING);
            return false;
        }
        // The first chunk begins with what the message gets.
        let header = match &self.envelope.chunks {
            None => std::mem::take(&mut self.bounds.header),
            Some(_) => Box::default(),
        };
        let mut scanner = self.envelope.chunks.map_or_else(ChunkScanner::new, |c| c.0);
        scanner.begin(chunk);
        self.envelope.chunks = Some((scanner, octets));
        let word = if last { " LAST" } else { "" };
        let size = chunk.size.saturating_add(header.len() as u64);
        let line = format!("BDAT {size}{word}\r\n{header}");
        self.say(line.as_bytes(), State::Text, out);
        self.begin_pace();
        self.phase = Phase::Chunk(Chunk { left, last });
        true
    }

    /// Relays a chunk, or swallows it: its announced octets.
    pub(super) fn chunk_text(&mut self, input: &[u8], out: &mut Output) -> Step {
        let left = match &self.phase {
            Phase::Chunk(chunk) | Phase::ChunkRefused(chunk, _) => chunk.left,
            _ => return Step::Wait,
        };
        if input.is_empty() && left > 0 {
            return Step::Wait;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let input = input.get(..most).unwrap_or(input);
        self.look_for_id(input, out);
        let phase = std::mem::replace(&mut self.phase, Phase::Command);
        if let Phase::Chunk(mut chunk) = phase {
            chunk.left -= input.len() as u64;
            self.relay_chunk(chunk, input, out);
        } else if let Phase::ChunkRefused(mut chunk, verdict) = phase {
            chunk.left -= input.len() as u64;
            self.swallow_chunk(chunk, verdict, out);
        }
        self.client_since = self.now;
        self.pace.add(input.len());
        Step::Used(input.len())
    }

    fn relay_chunk(&mut self, chunk: Chunk, input: &[u8], out: &mut Output) {
        let fault = match &mut self.envelope.chunks {
            Some((scanner, _)) => scanner.scan(input, &mut out.to_member).fault,
            None => None,
        };
        if fault.is_some() {
            self.note_endings(true, out);
            out.acts.push_back(Act::Count(Count::LineEnding));
            Self::push_abort(out);
            self.leg = Leg::None;
            let verdict = self.bad_message();
            self.swallow_chunk(chunk, verdict, out);
        } else if chunk.left == 0 {
            self.phase = Phase::ChunkEnded { last: chunk.last };
            self.say(b"", State::TextEnded, out);
        } else {
            self.phase = Phase::Chunk(chunk);
        }
    }

    fn swallow_chunk(&mut self, chunk: Chunk, verdict: Verdict, out: &mut Output) {
        if chunk.left > 0 {
            self.phase = Phase::ChunkRefused(chunk, verdict);
            return;
        }
        self.phase = Phase::Command;
        self.end_chunk(chunk.last, None);
        self.give(verdict, out);
    }

    /// A chunk has ended without success: with the last one the transaction has, too.
    pub(super) fn end_chunk(&mut self, last: bool, failed: Option<&'static str>) {
        if last {
            self.reset();
        } else if failed.is_some() {
            self.envelope.failed = failed;
        }
    }
}
