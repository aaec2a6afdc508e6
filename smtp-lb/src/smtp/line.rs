//! Command lines (RFC 5321, 2.3.8): they end in CR LF, and hold neither CR, LF nor NUL.

use memchr::{memchr, memchr2, memmem};

/// Octets of a command line, CR LF included (RFC 5321, 4.5.3.1.4), before extensions add to it:
/// see [`Extensions::line_limit`](super::ehlo::Extensions::line_limit).
pub const LIMIT: usize = 512;

/// What the front of a buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line.
    Whole {
        /// Without CR LF.
        line: &'a [u8],
        /// Octets of it, CR LF included.
        used: usize,
    },
    /// None yet, and within the limit.
    Partial,
    /// No line of SMTP: `500 5.5.2`.
    Faulty {
        /// The first fault.
        fault: LineFault,
        /// Octets to drop. Up to and with the next LF, so that the sender of a bare LF hears of
        /// it; but with [`LineFault::TooLong`] the end of the line is still to come: drop these
        /// and then what [`skip`] says.
        used: usize,
    },
}

/// Why octets are no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// CR without LF.
    #[error("bare CR in a command")]
    BareCr,
    /// LF without CR.
    #[error("bare LF in a command")]
    BareLf,
    /// NUL.
    #[error("NUL in a command")]
    Nul,
    /// No end within the limit.
    #[error("command line too long")]
    TooLong,
}

/// The line at the front of `buffer`. `limit` is in octets, counts CR LF, and is at least 2.
///
/// The answer does not depend on how much of what follows the line is there already.
#[must_use]
pub fn next(buffer: &[u8], limit: usize) -> Line<'_> {
    let within = buffer.get(..limit).unwrap_or(buffer);
    let Some(lf) = memchr(b'\n', within) else {
        if buffer.len() < limit {
            return Line::Partial;
        }
        return Line::Faulty {
            fault: LineFault::TooLong,
            // One less than the limit: a CR there may belong to the CR LF that ends the line.
            used: limit.saturating_sub(1),
        };
    };
    let used = lf + 1;
    let before = &within[..lf];
    let (line, ended) = match before.strip_suffix(b"\r") {
        Some(line) => (line, true),
        None => (before, false),
    };
    let fault = match memchr2(b'\r', 0, line) {
        Some(at) if line[at] == 0 => LineFault::Nul,
        Some(_) => LineFault::BareCr,
        None if !ended => LineFault::BareLf,
        None => return Line::Whole { line, used },
    };
    Line::Faulty { fault, used }
}

/// Octets up to and with the next CR LF. If there is none, all may be dropped but a CR at the
/// very end.
#[must_use]
pub fn skip(buffer: &[u8]) -> Option<usize> {
    memmem::find(buffer, b"\r\n").map(|at| at + 2)
}

#[cfg(test)]
mod tests;
