//! What was said in a probe.

use serde::Serialize;
use tokio::time::Instant;

use super::{Progress, Step};
use crate::smtp::show;

/// Characters of a line that are kept.
const SHOWN: usize = 200;

/// What was said, as far as it went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transcript {
    /// In order.
    pub exchanges: Vec<Exchange>,
}

/// A command and its reply, or a note of what else was done. Secrets are hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Which.
    pub step: Step,
    /// The command without its line end; none before the greeting.
    pub command: Option<String>,
    /// Code of the reply; `None` if there was none.
    pub code: Option<u16>,
    /// The lines of its text, or of the note, escaped, each at most 200 characters.
    pub lines: Vec<String>,
    /// From the command, or from the step's beginning, to the reply.
    pub millis: u64,
}

/// Writes a transcript, and shows where it is.
pub(super) struct Record<'a> {
    transcript: &'a mut Transcript,
    progress: &'a Progress,
    start: Instant,
}

impl<'a> Record<'a> {
    pub(super) fn new(transcript: &'a mut Transcript, progress: &'a Progress) -> Self {
        Self {
            transcript,
            progress,
            start: Instant::now(),
        }
    }

    /// A step begins that may leave no trace.
    pub(super) fn step(&mut self, step: Step) {
        self.progress.set(step);
        self.start = Instant::now();
    }

    /// The same, and a command is about to be said.
    pub(super) fn say(&mut self, step: Step, command: String) {
        self.step(step);
        self.transcript.exchanges.push(Exchange {
            step,
            command: Some(command),
            code: None,
            lines: Vec::new(),
            millis: 0,
        });
    }

    /// What the last command was answered, or what came without one.
    pub(super) fn hear<'l>(
        &mut self,
        code: Option<u16>,
        lines: impl IntoIterator<Item = &'l [u8]>,
    ) {
        let lines = lines.into_iter().map(|line| show(line, SHOWN)).collect();
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = self.progress.get().unwrap_or(Step::Connect);
        match self.transcript.exchanges.last_mut() {
            Some(last) if last.step == step && last.code.is_none() && last.lines.is_empty() => {
                (last.code, last.lines, last.millis) = (code, lines, millis);
            }
            _ => self.transcript.exchanges.push(Exchange {
                step,
                command: None,
                code,
                lines,
                millis,
            }),
        }
    }
}
