//! Chunks (RFC 3030): so many octets, whatever they are; no dots, no end but by count.
//!
//! As strict as [`data`](super::data), since what is a chunk here may become text on a later hop.
//! Bare endings are never normalised: the member was told the chunk's size before.

use memchr::memchr3;

use super::command::Chunk;
use super::data::{DataFault, Scan};

/// Reads the chunks of one message; the next one needs a new scanner.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChunkScanner {
    /// Octets of the chunk still to come.
    left: u64,
    last: bool,
    /// The last octet, perhaps of the chunk before, was a CR.
    cr: bool,
    /// That CR has not been appended.
    held: bool,
    fault: Option<DataFault>,
}

impl ChunkScanner {
    /// Before the first chunk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next chunk begins; the one before must have ended.
    pub fn begin(&mut self, chunk: Chunk) {
        self.left = chunk.size;
        self.last = chunk.last;
        self.close();
    }

    /// Appends to `out` what may be relayed of `input`: without a fault exactly the chunk's
    /// octets, and after one nothing. `ended` tells that the chunk is complete, which an empty
    /// one is before any input: call it once at least.
    ///
    /// A CR at the end of a chunk goes out with it, and is a fault of the next chunk if that does
    /// not begin with LF, or of this one if it is the last.
    pub fn scan(&mut self, input: &[u8], out: &mut Vec<u8>) -> Scan {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let ours = &input[..input.len().min(left)];
        self.read(ours, out);
        self.left -= ours.len() as u64;
        if self.close() && self.held {
            self.held = false;
            self.append(out, b"\r");
        }
        Scan {
            used: ours.len(),
            ended: self.left == 0,
            fault: self.fault,
        }
    }

    fn read(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = input.first() else {
            return;
        };
        let mut at = 0;
        if std::mem::take(&mut self.cr) {
            if first == b'\n' {
                at = 1;
                let end: &[u8] = if self.held { b"\r\n" } else { b"\n" };
                self.append(out, end);
            } else {
                self.note(DataFault::BareCr);
            }
            self.held = false;
        }
        let from = at;
        while let Some(next) = memchr3(b'\r', b'\n', 0, &input[at..]) {
            at += next;
            let fault = match (input[at], input.get(at + 1)) {
                (b'\r', Some(b'\n')) => {
                    at += 2;
                    continue;
                }
                (b'\r', None) => {
                    self.append(out, &input[from..at]);
                    self.cr = true;
                    self.held = true;
                    return;
                }
                (b'\r', Some(_)) => DataFault::BareCr,
                (b'\n', _) => DataFault::BareLf,
                _ => DataFault::Nul,
            };
            self.append(out, &input[from..at]);
            self.note(fault);
            at += 1;
        }
        self.append(out, &input[from..]);
    }

    /// Is the chunk complete? Then a last CR of the message is known to be bare.
    fn close(&mut self) -> bool {
        if self.left == 0 && self.last && self.cr {
            self.note(DataFault::BareCr);
        }
        self.left == 0
    }

    fn note(&mut self, fault: DataFault) {
        self.fault.get_or_insert(fault);
    }

    fn append(&self, out: &mut Vec<u8>, octets: &[u8]) {
        if self.fault.is_none() {
            out.extend_from_slice(octets);
        }
    }
}

#[cfg(test)]
mod tests;
