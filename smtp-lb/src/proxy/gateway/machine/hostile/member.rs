//! What a member sees on one leg. It is lax: CR, LF and CR LF end a line of its texts, and it does
//! not see NUL.

use super::client::Client;
use crate::smtp::reply::ReplyParser;

/// What the virtual server's settings allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) needs_tls: bool,
    pub(super) clear_auth: bool,
}

/// A member's side of one leg.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was said is apart from each other"
)]
pub(super) struct Member {
    pub(super) index: usize,
    rules: Rules,
    /// TLS is on, if there is to be any.
    secure: bool,
    replies: ReplyParser,
    last_code: Option<u16>,
    /// The last octet that it got.
    last: u8,
    /// The line that it is getting.
    line: Vec<u8>,
    place: Place,
    asked_for_text: bool,
    auth: bool,
    quit: bool,
    /// A message has ended here, and its answer is due.
    answer_due: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Commands,
    Text,
    Chunk { left: u64, last: bool },
}

impl Member {
    pub(super) fn new(index: usize, rules: Rules, secure: bool) -> Self {
        Self {
            index,
            rules,
            secure,
            replies: ReplyParser::default(),
            last_code: None,
            last: b'\n',
            line: Vec::new(),
            place: Place::Commands,
            asked_for_text: false,
            auth: false,
            quit: false,
            answer_due: false,
        }
    }

    pub(super) fn secured(&mut self) {
        assert!(!self.secure);
        self.secure = true;
        self.replies = ReplyParser::default();
    }

    /// Says something. Returns the answer to a message, if that is in it.
    pub(super) fn says(&mut self, mut octets: &[u8]) -> Option<u16> {
        let mut answer = None;
        while let Ok(fed) = self.replies.feed(octets) {
            let Some(reply) = fed.reply else {
                break;
            };
            octets = &octets[fed.consumed..];
            self.last_code = Some(reply.code);
            if std::mem::take(&mut self.answer_due) {
                answer = Some(reply.code);
            }
            self.auth &= reply.code == 334;
        }
        answer
    }

    /// 354 was relayed.
    pub(super) fn begin_text(&mut self) {
        assert!(self.asked_for_text && self.place == Place::Commands);
        self.asked_for_text = false;
        self.place = Place::Text;
        self.line.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.place == Place::Commands && self.line.is_empty() && !self.answer_due && self.secure
    }

    pub(super) fn has_quit(&self) -> bool {
        self.quit
    }

    /// Gets octets. Returns how many messages ended.
    pub(super) fn hears(&mut self, octets: &[u8], client: &Client) -> usize {
        let mut ends = 0;
        for &octet in octets {
            assert!(!self.quit, "says something after QUIT");
            assert!(octet != 0, "NUL");
            assert_eq!(self.last == b'\r', octet == b'\n', "bare CR or LF");
            self.last = octet;
            let ended = match self.place {
                Place::Chunk { left, last } => {
                    self.chunk(left - 1, last);
                    last && left == 1
                }
                Place::Text => self.text(octet),
                Place::Commands => self.command(octet, client),
            };
            ends += usize::from(ended);
            self.answer_due |= ended;
        }
        let whole = self.last != b'\r' || self.place == Place::Commands;
        assert!(whole || matches!(self.place, Place::Chunk { .. }));
        assert!(
            self.place != Place::Commands || self.line.is_empty(),
            "half a line"
        );
        ends
    }

    fn chunk(&mut self, left: u64, last: bool) {
        self.place = if left == 0 {
            Place::Commands
        } else {
            Place::Chunk { left, last }
        };
    }

    fn text(&mut self, octet: u8) -> bool {
        match octet {
            b'\n' if self.line == b".\r" => {
                self.place = Place::Commands;
                self.line.clear();
                return true;
            }
            b'\n' => self.line.clear(),
            octet => self.line.push(octet),
        }
        false
    }

    fn command(&mut self, octet: u8, client: &Client) -> bool {
        self.line.push(octet);
        let Some(line) = self.line.strip_suffix(b"\r\n") else {
            return false;
        };
        let line = line.to_vec();
        self.line.clear();
        let verb = line.split(|&octet| octet == b' ').next();
        let verb = verb.unwrap_or_default().to_ascii_uppercase();
        let shown = line.escape_ascii();
        let mut ended = false;
        if self.auth {
            assert!(line == b"*" || client.said(&line), "{shown}");
            return false;
        }
        match verb.as_slice() {
            b"EHLO" | b"HELO" => {}
            b"STARTTLS" => assert!(!self.secure, "STARTTLS within TLS"),
            b"QUIT" => self.quit = true,
            b"RSET" => assert!(self.secure),
            b"MAIL" | b"RCPT" | b"AUTH" => {
                assert!(client.said(&line), "nobody said {shown}");
                assert!(client.has_greeted(), "{shown} before EHLO");
                assert!(
                    self.secure && (client.tls || !self.rules.needs_tls),
                    "{shown} too early"
                );
                self.auth = verb == b"AUTH";
                assert!(
                    !self.auth || client.tls || self.rules.clear_auth,
                    "{shown} in clear"
                );
            }
            b"DATA" => self.asked_for_text = true,
            b"BDAT" => ended = self.begin_chunk(&line),
            _ => panic!("a member was told {shown}"),
        }
        ended
    }

    fn begin_chunk(&mut self, line: &[u8]) -> bool {
        let text = str::from_utf8(line).expect("ASCII").to_ascii_uppercase();
        let mut words = text.split(' ').skip(1);
        let left = words.next().and_then(|size| size.parse().ok());
        let left = left.expect("a size");
        let last = words.next() == Some("LAST");
        self.place = Place::Chunk { left, last };
        if left == 0 {
            self.chunk(0, last);
        }
        last && left == 0
    }
}
