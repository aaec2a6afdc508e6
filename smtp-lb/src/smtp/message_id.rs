//! The `Message-ID` of a message, found while the message streams by (RFC 5322, 3.6.4).
//!
//! Only the header is looked at, and no more of it than [`HEADER`] octets; nothing is kept but the field's
//! own text. What ends a line is CR LF, and a bare CR or LF too: members may take it for one.

use memchr::memchr2;

/// Octets of a header that are looked at.
pub const HEADER: usize = 128 * 1024;

/// Octets of the field's text that are kept.
pub const MOST: usize = 320;

/// In small letters.
const NAME: &[u8] = b"message-id";

/// Looks at one message; the next one needs a new one.
#[derive(Debug, Default)]
pub struct MessageId {
    place: Place,
    looked: usize,
    text: Vec<u8>,
}

/// Where the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a line of which all octets so far, so many, are the field's name.
    Name(usize),
    /// After a CR at the very start of a line: the header has ended.
    EmptyLine,
    /// After `.` at the very start of a line, which may be the end of the message.
    Dot,
    /// After the name, before its colon: old messages have space there.
    Colon,
    /// In a line that is of no interest.
    Other,
    /// After a CR there.
    OtherEnd,
    /// In the field's text.
    Text,
    /// After a CR there.
    TextEnd,
    /// After a line of the text: it goes on if the next one begins with space.
    Folded,
    /// All is known.
    Done,
}

impl Default for Place {
    fn default() -> Self {
        Self::Name(0)
    }
}

impl MessageId {
    /// Looks at the next octets of the message. True: all is known, and what follows need not be shown.
    pub fn scan(&mut self, input: &[u8]) -> bool {
        let left = HEADER - self.looked;
        let mut rest = input.get(..left).unwrap_or(input);
        self.looked += rest.len();
        while let (Some((&octet, after)), true) = (rest.split_first(), self.place != Place::Done) {
            rest = self.step(octet, rest, after);
        }
        if self.looked == HEADER {
            self.place = Place::Done;
        }
        self.place == Place::Done
    }

    /// The field's text without the space around it; empty: there is none. Whatever a stranger wrote.
    #[must_use]
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Deals with `octet`, the first of `rest`; `after` is what follows it. What is still to be dealt with.
    fn step<'a>(&mut self, octet: u8, rest: &'a [u8], after: &'a [u8]) -> &'a [u8] {
        self.place = match (self.place, octet) {
            (Place::Done | Place::EmptyLine, _)
            | (Place::Name(0), b'\n')
            | (Place::Dot, b'\r' | b'\n') => Place::Done,
            (Place::Name(0), b'\r') => Place::EmptyLine,
            (Place::Name(0), b'.') => Place::Dot,
            (Place::Name(_) | Place::Colon, b'\r') => Place::OtherEnd,
            (Place::Name(_) | Place::Colon | Place::OtherEnd, b'\n') => Place::Name(0),
            (Place::Name(at), _) if NAME.get(at) == Some(&octet.to_ascii_lowercase()) => {
                if at + 1 == NAME.len() {
                    Place::Colon
                } else {
                    Place::Name(at + 1)
                }
            }
            (Place::Colon, b' ' | b'\t') => Place::Colon,
            (Place::Colon, b':') => Place::Text,
            (Place::Name(_) | Place::Colon | Place::Dot, _) => Place::Other,
            (Place::OtherEnd, _) => {
                self.place = Place::Name(0);
                return rest;
            }
            (Place::TextEnd, b'\n') => Place::Folded,
            (Place::TextEnd, _) => {
                self.place = Place::Folded;
                return rest;
            }
            (Place::Folded, b' ' | b'\t') => {
                self.keep(b" ");
                return after;
            }
            (Place::Folded, _) => Place::Done,
            (Place::Other | Place::Text, _) => return self.rest_of_line(rest),
        };
        after
    }

    fn rest_of_line<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let text = self.place == Place::Text;
        let end = memchr2(b'\r', b'\n', rest);
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        if text {
            self.keep(line);
        }
        let Some((&end, after)) = after.split_first() else {
            return after;
        };
        if self.place != Place::Done {
            self.place = match (text, end) {
                (true, b'\r') => Place::TextEnd,
                (true, _) => Place::Folded,
                (false, b'\r') => Place::OtherEnd,
                (false, _) => Place::Name(0),
            };
        }
        after
    }

    /// Keeps text, up to the bound: there it ends.
    fn keep(&mut self, octets: &[u8]) {
        let room = MOST - self.text.len();
        let kept = octets.get(..room).unwrap_or(octets);
        self.text.extend_from_slice(kept);
        self.place = if self.text.len() == MOST {
            Place::Done
        } else {
            Place::Text
        };
    }
}

#[cfg(test)]
mod tests;
