//! The envelope as a log: what the client asked for and what it was told, so that another member
//! can be told the same.

use crate::smtp::bdat::ChunkScanner;
use crate::smtp::ehlo::Extensions;

/// Octets of all lines of one envelope.
const MOST_TEXT: usize = 64 * 1024;

/// Capacity that is kept from one message to the next.
const KEPT: usize = 1024;

/// What the client was told of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Not yet anything.
    Nothing,
    /// `2yz`.
    Accepted,
    /// `4yz` or `5yz`. Of no effect, and not sent to another member.
    Refused,
}

#[derive(Debug)]
struct Entry {
    /// Where its line ends in the text.
    end: usize,
    told: Told,
}

/// MAIL and RCPT of one transaction, the first being MAIL.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// Lines, each with its CR LF.
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries that the client was told of: always the first ones.
    told: usize,
    /// RCPTs that were accepted, and those that may be.
    recipients: usize,
    /// There was a RCPT that was refused, and is not among the lines.
    pub(super) any_refused: bool,
    /// What a member must offer for it.
    pub(super) needs: Extensions,
    /// As the client declared it.
    pub(super) size: Option<u64>,
    /// Something of it was sent to a member.
    pub(super) sent: bool,
    /// The text comes in chunks: their scanner, and how many octets there were.
    pub(super) chunks: Option<(ChunkScanner, u64)>,
    /// It can never be completed: what the client is told instead.
    pub(super) failed: Option<&'static str>,
}

impl Envelope {
    /// Is there a transaction, be it a failed one?
    pub(super) fn is_open(&self) -> bool {
        !self.entries.is_empty()
    }

    /// How many lines it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds MAIL, if there is nothing yet, or RCPT; `line` without CR LF. False: no room.
    pub(super) fn push(&mut self, line: &[u8], needs: Extensions, most_recipients: usize) -> bool {
        if self.recipients >= most_recipients || self.text.len() + line.len() + 2 > MOST_TEXT {
            return false;
        }
        self.recipients += usize::from(self.is_open());
        self.needs = self.needs.with(needs);
        self.text.extend_from_slice(line);
        self.text.extend_from_slice(b"\r\n");
        self.entries.push(Entry {
            end: self.text.len(),
            told: Told::Nothing,
        });
        true
    }

    /// Has the client been told of every line?
    pub(super) fn all_told(&self) -> bool {
        self.told == self.entries.len()
    }

    /// Was MAIL refused? Then there is no transaction, once all is told.
    pub(super) fn mail_refused(&self) -> bool {
        self.told_of(0) == Some(Told::Refused)
    }

    /// Has anything been accepted that the next transaction must not find?
    pub(super) fn any_accepted(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.told == Told::Accepted)
    }

    /// Is there any RCPT?
    pub(super) fn has_rcpt(&self) -> bool {
        self.entries.len() > 1 || self.any_refused
    }

    /// Is there a recipient that was not refused?
    pub(super) fn has_recipient(&self) -> bool {
        self.recipients > 0
    }

    /// What the client was told of a line.
    pub(super) fn told_of(&self, at: usize) -> Option<Told> {
        self.entries.get(at).map(|entry| entry.told)
    }

    /// The client is told of the first line that it was not told of.
    pub(super) fn tell_next(&mut self, told: Told) {
        let Some(entry) = self.entries.get_mut(self.told) else {
            return;
        };
        entry.told = told;
        if told == Told::Refused && self.told > 0 {
            self.recipients -= 1;
        }
        self.told += 1;
    }

    /// The first line from `at` on that a member must know: its place.
    pub(super) fn relevant(&self, at: usize) -> Option<usize> {
        (at..self.entries.len()).find(|&at| self.told_of(at) != Some(Told::Refused))
    }

    /// A line with its CR LF.
    pub(super) fn line(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.entries.get(at).map_or(0, |entry| entry.end);
        let start = at.checked_sub(1).map_or(0, end);
        self.text.get(start..end(at)).unwrap_or_default()
    }

    /// No transaction any more.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.entries.clear();
        self.entries.shrink_to(KEPT / size_of::<Entry>());
        *self = Self {
            text: std::mem::take(&mut self.text),
            entries: std::mem::take(&mut self.entries),
            ..Self::default()
        };
    }
}
