//! One session of the sink, without I/O.

use crc32fast::Hasher;

use crate::digest::Tally;
use crate::message::END_OF_DATA;

/// What the sink says first.
pub(crate) const GREETING: &[u8] = b"220 sink.example ESMTP\r\n";

/// Longest command line (RFC 5321, section 4.5.3.1.4).
const LINE: usize = 512;

/// Where a session stands after some input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on.
    Open,
    /// TLS begins after the replies.
    StartTls,
    /// QUIT was answered.
    Finished,
    /// The client does what the generator never does.
    Broken,
}

/// State between two reads.
#[derive(Default)]
pub(crate) struct Session {
    line: Vec<u8>,
    message: Option<Message>,
    /// Whether TLS is offered.
    offers_tls: bool,
}

struct Message {
    checksum: Hasher,
    length: u64,
    tail: [u8; END_OF_DATA.len()],
}

impl Session {
    /// A session that has been greeted.
    pub(crate) fn new(offers_tls: bool) -> Self {
        Self {
            offers_tls,
            ..Self::default()
        }
    }

    /// Takes input, adds replies to `replies` and whole messages to `tally`.
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        tally: &mut Tally,
        replies: &mut Vec<u8>,
    ) -> Progress {
        while !input.is_empty() {
            if let Some(message) = &mut self.message {
                message.take(input);
                // The generator waits for the reply, so the end of a message ends the input.
                if message.tail == END_OF_DATA {
                    tally.add(message.length, message.checksum.clone().finalize());
                    self.message = None;
                    replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
                }
                return Progress::Open;
            }
            let end = input
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(input.len(), |at| at + 1);
            let (line, rest) = input.split_at(end);
            input = rest;
            self.line.extend_from_slice(line);
            if self.line.len() > LINE {
                return Progress::Broken;
            }
            if self.line.ends_with(b"\n") {
                let progress = self.command(replies);
                self.line.clear();
                if progress != Progress::Open {
                    return progress;
                }
            }
        }
        Progress::Open
    }

    fn command(&mut self, replies: &mut Vec<u8>) -> Progress {
        let verb = self.line.get(..4).map(<[u8]>::to_ascii_uppercase);
        let (reply, progress): (&[u8], _) = match verb.as_deref() {
            Some(b"EHLO") if self.offers_tls => (
                b"250-sink.example\r\n250-SIZE 33554432\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
                Progress::Open,
            ),
            Some(b"EHLO") => (
                b"250-sink.example\r\n250-SIZE 33554432\r\n250 8BITMIME\r\n",
                Progress::Open,
            ),
            Some(b"STAR") if self.offers_tls => {
                self.offers_tls = false;
                (b"220 2.0.0 Go ahead\r\n", Progress::StartTls)
            }
            Some(b"MAIL" | b"RCPT" | b"RSET" | b"NOOP") => (b"250 2.1.0 Ok\r\n", Progress::Open),
            Some(b"DATA") => {
                self.message = Some(Message::default());
                (b"354 End data with <CR><LF>.<CR><LF>\r\n", Progress::Open)
            }
            Some(b"QUIT") => (b"221 2.0.0 Bye\r\n", Progress::Finished),
            _ => (b"502 5.5.2 Not known here\r\n", Progress::Open),
        };
        replies.extend_from_slice(reply);
        progress
    }
}

impl Default for Message {
    fn default() -> Self {
        Self {
            checksum: Hasher::new(),
            length: 0,
            tail: [0; END_OF_DATA.len()],
        }
    }
}

impl Message {
    fn take(&mut self, input: &[u8]) {
        self.checksum.update(input);
        self.length += input.len() as u64;
        let kept = self.tail.len().saturating_sub(input.len());
        let new = self.tail.len() - kept;
        self.tail.rotate_left(new);
        self.tail[kept..].copy_from_slice(&input[input.len() - new..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: 1\r\n\r\nHello\r\n.\r\n";

    /// Feeds pieces of at most `size` bytes, never across the turns of the dialogue.
    fn talk(turns: &[&[u8]], size: usize) -> (Progress, Tally, String) {
        let (mut session, mut tally, mut replies) =
            (Session::default(), Tally::default(), Vec::new());
        let mut progress = Progress::Open;
        for turn in turns {
            for piece in turn.chunks(size) {
                progress = session.feed(piece, &mut tally, &mut replies);
            }
        }
        (
            progress,
            tally,
            String::from_utf8_lossy(&replies).into_owned(),
        )
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let turns: [&[u8]; 6] = [
            b"EHLO me\r\n",
            b"MAIL FROM:<a@b>\r\n",
            b"rcpt to:<c@d>\r\n",
            b"DATA\r\n",
            MESSAGE,
            b"QUIT\r\n",
        ];
        let mut expected = Tally::default();
        expected.add(MESSAGE.len() as u64, crc32fast::hash(MESSAGE));
        for size in 1..40 {
            let (progress, tally, replies) = talk(&turns, size);
            assert_eq!(progress, Progress::Finished);
            assert_eq!(tally, expected);
            let codes: Vec<&str> = replies.lines().map(|line| &line[..4]).collect();
            let asked = [
                "250-", "250-", "250 ", "250 ", "250 ", "354 ", "250 ", "221 ",
            ];
            assert_eq!(codes, asked);
        }
    }

    #[test]
    fn tls_begins_once_and_only_if_offered() {
        let (mut tally, mut replies) = (Tally::default(), Vec::new());
        let mut session = Session::new(true);
        let mut say = |line| session.feed(line, &mut tally, &mut replies);
        assert_eq!(say(b"EHLO me\r\n"), Progress::Open);
        assert_eq!(say(b"STARTTLS\r\n"), Progress::StartTls);
        assert_eq!(say(b"STARTTLS\r\n"), Progress::Open);
        let replies = String::from_utf8(replies).unwrap();
        assert!(replies.contains("250-STARTTLS\r\n"));
        assert!(replies.ends_with("\r\n220 2.0.0 Go ahead\r\n502 5.5.2 Not known here\r\n"));
        assert_eq!(
            talk(&[b"STARTTLS\r\n"], 9).2,
            "502 5.5.2 Not known here\r\n"
        );
    }

    #[test]
    fn an_unknown_command_is_refused() {
        assert_eq!(talk(&[b"HELP\r\n"], 9).2, "502 5.5.2 Not known here\r\n");
        assert_eq!(talk(&[b"\r\n"], 9).2, "502 5.5.2 Not known here\r\n");
    }

    #[test]
    fn an_endless_line_ends_the_session() {
        assert_eq!(talk(&[&[b'x'; 600]], 600).0, Progress::Broken);
    }
}
