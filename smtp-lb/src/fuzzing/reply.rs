use super::cuts;
use crate::smtp::reply::{Limits, Reply, ReplyError, ReplyParser};

const LIMITS: Limits = Limits { line: 40, lines: 4 };

/// Replies one after another.
pub fn reply(input: &[u8]) {
    let (replies, error) = read(&[input]);
    for pieces in cuts(input) {
        assert_eq!(read(&pieces), (replies.clone(), error));
    }
    // What was understood is what was there, octet for octet.
    let mut rest = input;
    for reply in &replies {
        assert!((200..600).contains(&reply.code));
        assert!((1..=LIMITS.lines).contains(&reply.lines.len()));
        for (at, text) in reply.lines.iter().enumerate() {
            let last = at + 1 == reply.lines.len();
            assert!(text.len() + 6 <= LIMITS.line);
            assert!(!text.iter().any(|octet| b"\r\n\0".contains(octet)));
            let code = reply.code.to_string();
            let separator: &[u8] = if last { b" " } else { b"-" };
            let full = [code.as_bytes(), separator, text, b"\r\n"].concat();
            let short = [code.as_bytes(), b"\r\n"].concat();
            rest = rest
                .strip_prefix(full.as_slice())
                .or_else(|| rest.strip_prefix(short.as_slice()).filter(|_| last))
                .expect("a line that was not there");
        }
    }
    assert!(error.is_some() || rest.len() < LIMITS.line * LIMITS.lines);
}

fn read(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyError>) {
    let mut parser = ReplyParser::new(LIMITS);
    let mut replies = Vec::new();
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            match parser.feed(piece) {
                Ok(fed) => {
                    assert!((1..=piece.len()).contains(&fed.consumed));
                    assert!(fed.reply.is_some() || fed.consumed == piece.len());
                    piece = &piece[fed.consumed..];
                    replies.extend(fed.reply);
                }
                Err(error) => {
                    assert_eq!(parser.feed(b"250 ok\r\n"), Err(error), "it recovered");
                    return (replies, Some(error));
                }
            }
        }
    }
    (replies, None)
}
