//! From the octets of a feed to the networks that it lists. Sans-IO, bounded, and strict: a line
//! that cannot be understood is counted, and too many of them refuse the feed.

mod address;
mod cidr;
mod csv;
mod f5;
mod json;
mod lines;

use std::collections::HashMap;
use std::net::IpAddr;

use thiserror::Error;

use super::ranges::{ALLOW_TAG, Tagged};
use csv::Columns;
use lines::Lines;
pub use lines::MAX_LINE;

/// Bad lines that are told, with their numbers.
pub const SHOWN: usize = 5;
/// Octets of a bad line that are told.
const SHOWN_OCTETS: usize = 60;
/// Without good lines a share says little: so few bad ones never refuse a feed that has any good.
const BAD_FREE: usize = 3;

/// How a feed is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// F5 feed list: `address,mask,bl|wl,category`.
    F5,
    /// A network, address or range a line; comments behind `;` or `#`.
    Cidr,
    /// A JSON object a line, with the network under `cidr`, `network`, `ip` or `address`.
    JsonLines,
    /// Columns by the names in the first line.
    Csv(CsvColumns),
}

/// Which columns of a CSV feed mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvColumns {
    /// An address, network or range.
    pub address: String,
    /// Length of the prefix, or a mask; without it the address says all.
    pub prefix: Option<String>,
    /// Category.
    pub category: Option<String>,
}

/// How the lines of a feed are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How it is written.
    pub format: Format,
    /// Tag of entries that say no category of ours.
    pub tag: u8,
    /// Tags of categories by their names.
    pub categories: HashMap<String, u8>,
    /// Networks at the most.
    pub max_entries: usize,
    /// Bad lines of a hundred, past which the feed is refused.
    pub max_bad: u32,
}

/// A line that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
    /// Its beginning.
    pub text: String,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineFault {
    /// Longer than [`MAX_LINE`].
    #[error("the line is too long")]
    TooLong,
    /// Not UTF-8.
    #[error("it is not text")]
    NotText,
    /// No address where one belongs.
    #[error("there is no address")]
    NoAddress,
    /// No prefix length or mask where one belongs.
    #[error("the prefix length or mask is wrong")]
    BadMask,
    /// A network of all addresses would shut everybody out.
    #[error("it lists all addresses")]
    Everybody,
    /// A range whose last address is before its first.
    #[error("the range is upside down")]
    BadRange,
    /// Neither `bl` nor `wl`.
    #[error("it is neither bl nor wl")]
    NoList,
    /// Not a JSON object.
    #[error("it is no JSON object")]
    NotJson,
    /// Fewer columns than the first line promised, or a quote that does not end.
    #[error("columns are missing")]
    Columns,
}

/// A feed that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// More than the bound.
    #[error("it has more than {0} entries")]
    TooMany(usize),
    /// Too many lines that were not understood.
    #[error("{bad} of {lines} lines are not understood; {}", shown(.first))]
    TooBad {
        /// Those.
        bad: usize,
        /// Of these: blank lines and comments do not count.
        lines: usize,
        /// The first few.
        first: Vec<BadLine>,
    },
    /// The first line of a CSV feed names no such column.
    #[error("its first line has no column {0:?}")]
    NoColumn(String),
    /// No entry and no line that says so.
    #[error("it is empty")]
    Empty,
}

fn shown(lines: &[BadLine]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .map(|bad| format!("line {}, {:?}: {}", bad.line, bad.text, bad.fault))
        .collect();
    lines.join("; ")
}

/// What a feed says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Networks by tag, merged.
    pub entries: Tagged,
    /// Lines with an entry.
    pub good: usize,
    /// Lines that were not understood.
    pub bad: usize,
    /// The first [`SHOWN`] of them.
    pub first_bad: Vec<BadLine>,
}

/// An entry of one line.
struct Entry {
    first: IpAddr,
    last: IpAddr,
    tag: u8,
}

/// Reads a feed as its octets come.
pub struct Parser {
    rules: Rules,
    lines: Lines,
    number: usize,
    columns: Option<Columns>,
    parsed: Parsed,
}

impl Parser {
    /// For one feed.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            lines: Lines::default(),
            number: 0,
            columns: None,
            parsed: Parsed::default(),
        }
    }

    /// Takes the next octets.
    ///
    /// # Errors
    /// The feed cannot be used; what more comes of it means nothing.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ParseError> {
        let mut lines = std::mem::take(&mut self.lines);
        let result = lines.push(octets, |line| self.line(line));
        self.lines = lines;
        result
    }

    /// The feed has ended.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn finish(mut self) -> Result<Parsed, ParseError> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.line(line))?;
        let Parsed { good, bad, .. } = self.parsed;
        let free = if good > 0 { BAD_FREE } else { 0 };
        let lines = good + bad;
        if bad > free && bad as u128 * 100 > lines as u128 * u128::from(self.rules.max_bad) {
            return Err(ParseError::TooBad {
                bad,
                lines,
                first: self.parsed.first_bad,
            });
        }
        if self.number == 0 {
            return Err(ParseError::Empty);
        }
        self.parsed.entries.merge();
        Ok(self.parsed)
    }

    /// Takes one line; `None`: it was too long.
    fn line(&mut self, line: Option<&[u8]>) -> Result<(), ParseError> {
        self.number += 1;
        let text = match line {
            Some(line) => std::str::from_utf8(line).map_err(|_| LineFault::NotText),
            None => Err(LineFault::TooLong),
        };
        let entry = match text {
            Ok(text) => {
                // A byte order mark, as some editors leave it.
                let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
                self.entry(text)?
            }
            Err(fault) => Err(fault),
        };
        match entry {
            Ok(None) => {}
            Ok(Some(entry)) => {
                if self.parsed.good >= self.rules.max_entries {
                    return Err(ParseError::TooMany(self.rules.max_entries));
                }
                self.parsed.good += 1;
                self.parsed
                    .entries
                    .of(entry.tag)
                    .add(entry.first, entry.last);
            }
            Err(fault) => self.bad(line, fault),
        }
        Ok(())
    }

    fn entry(&mut self, text: &str) -> Result<Result<Option<Entry>, LineFault>, ParseError> {
        let rules = &self.rules;
        Ok(match &rules.format {
            Format::F5 => f5::line(text, rules),
            Format::Cidr => cidr::line(text, rules),
            Format::JsonLines => json::line(text, rules),
            Format::Csv(wanted) => {
                if let Some(columns) = &self.columns {
                    columns.line(text, rules)
                } else {
                    self.columns = Columns::read(text, wanted)?;
                    Ok(None)
                }
            }
        })
    }

    fn bad(&mut self, line: Option<&[u8]>, fault: LineFault) {
        self.parsed.bad += 1;
        if self.parsed.first_bad.len() < SHOWN {
            let line = line.unwrap_or_default();
            let text = &line[..line.len().min(SHOWN_OCTETS)];
            self.parsed.first_bad.push(BadLine {
                line: self.number,
                fault,
                text: String::from_utf8_lossy(text).trim().to_owned(),
            });
        }
    }
}

impl Rules {
    /// Tag of a category as a feed names it: its own, else the feed's.
    fn tag_of(&self, category: &str) -> u8 {
        if self.tag == ALLOW_TAG || category.is_empty() {
            return self.tag;
        }
        self.categories.get(category).copied().unwrap_or(self.tag)
    }
}

/// What stands before a comment, without blanks around it; `None`: nothing.
fn before_comment(text: &str) -> Option<&str> {
    let end = memchr::memchr2(b'#', b';', text.as_bytes()).unwrap_or(text.len());
    let text = text.get(..end)?.trim_end();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
