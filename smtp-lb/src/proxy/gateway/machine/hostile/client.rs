//! What a client sees.

use crate::smtp::reply::{Limits, ReplyParser};

/// The client's side of a session.
pub(super) struct Client {
    pub(super) tls: bool,
    /// The next reply is that to the end of a message.
    pub(super) awaits: bool,
    replies: ReplyParser,
    /// All that it sent but the texts of messages.
    commands: Vec<u8>,
    /// Where in them those begin that count: what came in the clear is forgotten.
    since: usize,
    /// The text of the message that it is sending.
    text: Option<Vec<u8>>,
    texts: usize,
}

impl Client {
    pub(super) fn new(tls: bool) -> Self {
        Self {
            tls,
            awaits: false,
            // A member's line without a separator gets one.
            replies: ReplyParser::new(Limits {
                line: 4096,
                lines: 256,
            }),
            commands: Vec::new(),
            since: 0,
            text: None,
            texts: 0,
        }
    }

    pub(super) fn secured(&mut self) {
        self.tls = true;
        self.since = self.commands.len();
    }

    pub(super) fn sends(&mut self, octets: &[u8]) {
        for octet in octets {
            let Some(text) = &mut self.text else {
                self.commands.push(*octet);
                continue;
            };
            text.push(*octet);
            if text == b".\r\n" || text.ends_with(b"\r\n.\r\n") {
                self.text = None;
                self.texts += 1;
                self.awaits = true;
            }
        }
    }

    /// Codes of the replies in `octets`, which are whole ones.
    pub(super) fn hears(&mut self, mut octets: &[u8]) -> Vec<u16> {
        let mut codes = Vec::new();
        while !octets.is_empty() {
            let fed = self.replies.feed(octets).expect("no reply of SMTP");
            let reply = fed.reply.expect("half a reply");
            let names_xclient = |line: &Vec<u8>| line.starts_with(b"XCLIENT");
            // A member may say so to MAIL; that is no offer.
            let is_offer = reply
                .lines
                .first()
                .is_some_and(|line| line == b"mx.example");
            assert!(!is_offer || !reply.lines.iter().any(names_xclient));
            codes.push(reply.code);
            octets = &octets[fed.consumed..];
        }
        codes
    }

    /// 354: from here on it sends text.
    pub(super) fn begin_text(&mut self) {
        assert!(self.text.is_none());
        self.text = Some(Vec::new());
    }

    /// Messages that it ended so far: by its own dot, or by its last chunk.
    pub(super) fn ends(&self) -> usize {
        let lines = self.commands.split(|&octet| octet == b'\n');
        let is_last = |line: &&[u8]| {
            let line = line.trim_ascii_end().to_ascii_uppercase();
            line.ends_with(b" LAST")
        };
        self.texts + lines.filter(is_last).count()
    }

    /// Did it say this as a command, or as a line of AUTH? A chunk before it may have no line end.
    pub(super) fn said(&self, line: &[u8]) -> bool {
        let mut lines = self.lines();
        lines.any(|own| {
            own.ends_with(b"\r") && own.trim_ascii_end().ends_with(line.trim_ascii_end())
        })
    }

    /// Did it say EHLO or HELO?
    pub(super) fn has_greeted(&self) -> bool {
        let greets = |line: &[u8]| {
            line.windows(5)
                .any(|five| five.eq_ignore_ascii_case(b"EHLO "))
        };
        let plain = |line: &[u8]| {
            line.windows(5)
                .any(|five| five.eq_ignore_ascii_case(b"HELO "))
        };
        self.lines().any(|line| greets(line) || plain(line))
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.commands[self.since..].split(|&octet| octet == b'\n')
    }
}
