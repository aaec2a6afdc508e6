//! Replies (RFC 5321, 4.2): octets in, split anywhere; whole replies out, or an error.
//!
//! Strict where laxness would let two parties disagree about where a reply ends: a line ends in
//! CR LF and nothing else, every line of a reply has the same code, and the code is followed by
//! a space, a hyphen or the line's end. The second digit may be any, since servers use more
//! than the RFC's six.

use std::fmt;

use super::show;

/// Characters of a reply that its [`Display`](fmt::Display) shows.
const SHOWN: usize = 200;

/// A whole reply. Its text may be anything but NUL, CR and LF; show it by its `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The text of each line after the separator, without the line end. Never empty.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// A positive completion reply, `2yz`.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// A permanent negative reply, `5yz`.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

/// Code and last line, escaped and bounded.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.lines.last() {
            Some(text) if !text.is_empty() => write!(f, " {}", show(text, SHOWN)),
            _ => Ok(()),
        }
    }
}

/// Bounds of a reply. The parser holds at most their product in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a line, code and CR LF included. RFC 5321 (4.5.3.1.5) has 512; servers do more.
    pub line: usize,
    /// Lines of a reply.
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 2048,
            lines: 128,
        }
    }
}

/// Why octets are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The first three octets are not digits from 200 to 599.
    #[error("reply without a code")]
    Code,
    /// Neither space, hyphen nor line end after the code.
    #[error("reply code followed by neither space nor hyphen")]
    Separator,
    /// A line of a reply has another code than the first.
    #[error("reply changes its code from {0} to {1}")]
    CodeChanged(u16, u16),
    /// CR without LF.
    #[error("bare CR in a reply")]
    BareCr,
    /// LF without CR.
    #[error("bare LF in a reply")]
    BareLf,
    /// NUL.
    #[error("NUL in a reply")]
    Nul,
    /// A line is longer than [`Limits::line`].
    #[error("reply line longer than {0} octets")]
    LineTooLong(usize),
    /// More lines than [`Limits::lines`].
    #[error("reply of more than {0} lines")]
    TooManyLines(usize),
}

/// What [`ReplyParser::feed`] made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// Octets read, up to and including the end of `reply`; all of them if there is none yet.
    pub consumed: usize,
    /// A reply that is now whole.
    pub reply: Option<Reply>,
}

/// Reads replies one after another. After an error it stays failed: where the next reply would
/// begin is no longer known.
#[derive(Debug, Default)]
pub struct ReplyParser {
    limits: Limits,
    code: Option<u16>,
    lines: Vec<Vec<u8>>,
    /// The line being read, its CR included.
    line: Vec<u8>,
    failed: Option<ReplyError>,
}

impl ReplyParser {
    /// With bounds other than the default.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Is a reply begun and not whole?
    #[must_use]
    pub fn is_mid_reply(&self) -> bool {
        !self.lines.is_empty() || !self.line.is_empty()
    }

    /// Reads up to the end of one reply; call it again with what it did not consume.
    pub fn feed(&mut self, input: &[u8]) -> Result<Fed, ReplyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.read(input).inspect_err(|&error| {
            self.failed = Some(error);
            self.line = Vec::new();
            self.lines = Vec::new();
        })
    }

    fn read(&mut self, input: &[u8]) -> Result<Fed, ReplyError> {
        for (at, &octet) in input.iter().enumerate() {
            if let Some(reply) = self.octet(octet)? {
                return Ok(Fed {
                    consumed: at + 1,
                    reply: Some(reply),
                });
            }
        }
        Ok(Fed {
            consumed: input.len(),
            reply: None,
        })
    }

    fn octet(&mut self, octet: u8) -> Result<Option<Reply>, ReplyError> {
        let after_cr = self.line.last() == Some(&b'\r');
        match octet {
            b'\n' if after_cr => {
                self.line.pop();
                return self.end_of_line();
            }
            _ if after_cr => return Err(ReplyError::BareCr),
            b'\n' => return Err(ReplyError::BareLf),
            0 => return Err(ReplyError::Nul),
            _ => {}
        }
        // The octet that is to come last is LF, so a line with no room for it is too long.
        if self.line.len() + 1 >= self.limits.line {
            return Err(ReplyError::LineTooLong(self.limits.line));
        }
        match (self.line.len(), octet) {
            (0, b'2'..=b'5') | (1 | 2, b'0'..=b'9') | (3, b' ' | b'-' | b'\r') | (4.., _) => {}
            (0..=2, _) => return Err(ReplyError::Code),
            (3, _) => return Err(ReplyError::Separator),
        }
        self.line.push(octet);
        Ok(None)
    }

    /// The line, which has a code by now, is whole.
    fn end_of_line(&mut self) -> Result<Option<Reply>, ReplyError> {
        let digits = self.line.iter().take(3);
        let code = digits.fold(0, |code, &digit| code * 10 + u16::from(digit - b'0'));
        match self.code {
            Some(first) if first != code => return Err(ReplyError::CodeChanged(first, code)),
            _ => self.code = Some(code),
        }
        if self.lines.len() >= self.limits.lines {
            return Err(ReplyError::TooManyLines(self.limits.lines));
        }
        let more = self.line.get(3) == Some(&b'-');
        self.lines
            .push(self.line.get(4..).unwrap_or_default().to_vec());
        self.line.clear();
        if more {
            return Ok(None);
        }
        self.code = None;
        let lines = std::mem::take(&mut self.lines);
        Ok(Some(Reply { code, lines }))
    }
}

#[cfg(test)]
mod tests;
