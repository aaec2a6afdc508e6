//! The text of DATA on its way to a member (RFC 5321, 4.1.1.4 and 4.5.2).
//!
//! Only CR LF `.` CR LF ends a message. Servers that take something else for the end, and those
//! that do not, are what SMTP smuggling lives on; so what is neither is never relayed: no CR
//! without LF, no LF without CR, no NUL, and no line of a lone dot but the client's own last.

use memchr::memchr3;

/// What becomes of a bare CR, a bare LF and NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endings {
    /// Nothing is relayed from there on; the message is to be refused.
    Reject,
    /// A bare CR or LF becomes CR LF, NUL is left out.
    Normalize,
}

/// What a message may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataFault {
    /// CR without LF.
    #[error("bare CR in a message")]
    BareCr,
    /// LF without CR.
    #[error("bare LF in a message")]
    BareLf,
    /// NUL.
    #[error("NUL in a message")]
    Nul,
}

/// What became of some input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Octets eaten: all of them, or up to and with the end.
    pub used: usize,
    /// The end was the last thing eaten.
    pub ended: bool,
    /// The first fault so far: stays once it is there. What is relayed by then must not be ended,
    /// but cut.
    pub fault: Option<DataFault>,
}

/// Reads one message; the next one needs a new scanner.
#[derive(Debug, Clone, Copy)]
pub struct Scanner {
    endings: Endings,
    place: Place,
    /// The last octet was a CR, of which the next one will tell what it is.
    held: bool,
    fault: Option<DataFault>,
    spoilt: bool,
}

/// Where in a line of the output the next octet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start, after the client's CR LF or at the very beginning.
    Start,
    /// After `.` there: CR LF ends the message.
    Dot,
    /// At the start, but not of one of the client's lines: its dots are content, to be stuffed.
    ForeignStart,
    /// After `.` at the start, with NUL left out since: must not come out as a lone dot.
    SpoiltDot,
    /// Anywhere else.
    Text,
    /// The message has ended.
    End,
}

impl Scanner {
    /// At the beginning of a message.
    #[must_use]
    pub fn new(endings: Endings) -> Self {
        Self {
            endings,
            place: Place::Start,
            held: false,
            fault: None,
            spoilt: false,
        }
    }

    /// Whether there was anything so far that [`Endings`] are about, be it that it was repaired.
    #[must_use]
    pub fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// Appends to `out` what may be relayed of `input`, the end included: at most twice as much
    /// and two octets. Use it until it says `ended`; then it eats nothing more.
    pub fn scan(&mut self, input: &[u8], out: &mut Vec<u8>) -> Scan {
        let used = self.read(input, out);
        Scan {
            used,
            ended: self.place == Place::End,
            fault: self.fault,
        }
    }

    fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        if self.place == Place::End {
            return 0;
        }
        let mut at = 0;
        if self.held {
            let Some(&octet) = input.first() else {
                return 0;
            };
            self.held = false;
            if octet == b'\n' {
                at = 1;
                self.line_end(out, b"\r\n");
            } else {
                self.bare(DataFault::BareCr, out);
            }
        }
        // Input from here to `at` goes out as it is, in one piece.
        let mut from = at;
        while self.place != Place::End {
            if input.get(at) == Some(&b'.') {
                match self.place {
                    Place::Start => {
                        self.place = Place::Dot;
                        at += 1;
                    }
                    Place::ForeignStart => {
                        self.append(out, &input[from..at]);
                        from = at;
                        self.append(out, b".");
                    }
                    _ => {}
                }
            }
            let rest = &input[at..];
            let next = memchr3(b'\r', b'\n', 0, rest);
            if next.unwrap_or(rest.len()) > 0 {
                self.place = Place::Text;
            }
            let Some(next) = next else {
                at = input.len();
                break;
            };
            at += next;
            let follows = input.get(at + 1);
            if input[at] == b'\r' && follows == Some(&b'\n') {
                if self.place == Place::SpoiltDot {
                    self.append(out, &input[from..at]);
                    from = at;
                }
                self.line_end(out, b"");
                at += 2;
                continue;
            }
            self.append(out, &input[from..at]);
            match input[at] {
                b'\r' if follows.is_none() => self.held = true,
                b'\r' => self.bare(DataFault::BareCr, out),
                b'\n' => self.bare(DataFault::BareLf, out),
                _ => self.nul(),
            }
            at += 1;
            from = at;
        }
        self.append(out, &input[from..at]);
        at
    }

    /// CR LF of the client.
    fn line_end(&mut self, out: &mut Vec<u8>, end: &[u8]) {
        if self.place == Place::SpoiltDot {
            self.append(out, b".");
        }
        self.append(out, end);
        self.place = match self.place {
            Place::Dot => Place::End,
            _ => Place::Start,
        };
    }

    fn bare(&mut self, fault: DataFault, out: &mut Vec<u8>) {
        self.note(fault);
        if matches!(self.place, Place::Dot | Place::SpoiltDot) {
            self.append(out, b".");
        }
        self.append(out, b"\r\n");
        self.place = Place::ForeignStart;
    }

    fn nul(&mut self) {
        self.note(DataFault::Nul);
        self.place = match self.place {
            Place::Start => Place::ForeignStart,
            Place::Dot => Place::SpoiltDot,
            place => place,
        };
    }

    fn note(&mut self, fault: DataFault) {
        self.spoilt = true;
        if self.endings == Endings::Reject {
            self.fault.get_or_insert(fault);
        }
    }

    fn append(self, out: &mut Vec<u8>, octets: &[u8]) {
        if self.fault.is_none() {
            out.extend_from_slice(octets);
        }
    }
}

#[cfg(test)]
mod tests;
