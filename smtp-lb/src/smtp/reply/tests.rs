use super::*;
use proptest::prelude::*;

/// All replies in `input`, fed in pieces that end at `cuts`, and the error that stopped it.
fn parse(input: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Reply>, Option<ReplyError>) {
    let mut parser = ReplyParser::new(limits);
    let mut replies = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        let mut piece = &input[start.min(end)..end];
        start = start.max(end);
        while !piece.is_empty() {
            match parser.feed(piece) {
                Ok(fed) => {
                    assert!(fed.consumed > 0 && fed.consumed <= piece.len());
                    assert!(fed.reply.is_some() || fed.consumed == piece.len());
                    replies.extend(fed.reply);
                    piece = &piece[fed.consumed..];
                }
                Err(error) => {
                    assert_eq!(parser.feed(b"250 ok\r\n"), Err(error), "stays failed");
                    return (replies, Some(error));
                }
            }
        }
    }
    (replies, None)
}

fn reply(code: u16, lines: &[&str]) -> Reply {
    let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    Reply { code, lines }
}

#[test]
fn good_replies_at_every_split() {
    let table = [
        ("220 mx ESMTP\r\n", vec![reply(220, &["mx ESMTP"])]),
        (
            "250-mx\r\n250-SIZE 1\r\n250 OK\r\n",
            vec![reply(250, &["mx", "SIZE 1", "OK"])],
        ),
        ("250\r\n", vec![reply(250, &[""])]),
        ("250 \r\n", vec![reply(250, &[""])]),
        ("250-\r\n250\r\n", vec![reply(250, &["", ""])]),
        ("571 5.7.1 no\r\n", vec![reply(571, &["5.7.1 no"])]),
        ("250 gr\u{fc}n\t-\r\n", vec![reply(250, &["gr\u{fc}n\t-"])]),
        (
            "250 a\r\n221 b\r\n",
            vec![reply(250, &["a"]), reply(221, &["b"])],
        ),
        ("250-a\r\n", vec![]),
        ("250 a\r", vec![]),
    ];
    for (text, expected) in table {
        let input = text.as_bytes();
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let (replies, error) = parse(input, &[first, second], Limits::default());
                assert_eq!(
                    (&replies, error),
                    (&expected, None),
                    "{text:?} {first} {second}"
                );
            }
        }
    }
}

#[test]
fn bad_replies_at_every_split() {
    use ReplyError::{
        BareCr, BareLf, Code, CodeChanged, LineTooLong, Nul, Separator, TooManyLines,
    };
    let limits = Limits { line: 16, lines: 3 };
    let table = [
        ("hello\r\n", Code),
        ("\r\n", Code),
        ("25\r\n", Code),
        ("2x0 \r\n", Code),
        ("100 x\r\n", Code),
        ("600 x\r\n", Code),
        (" 250 x\r\n", Code),
        ("250xabc\r\n", Separator),
        ("250\tabc\r\n", Separator),
        ("2500 x\r\n", Separator),
        ("250-a\r\n550 b\r\n", CodeChanged(250, 550)),
        ("250-a\r\n250-b\r\n251 c\r\n", CodeChanged(250, 251)),
        ("250 a\n", BareLf),
        ("250\n", BareLf),
        ("250-a\n250 b\r\n", BareLf),
        ("250 a\rb\r\n", BareCr),
        ("250 a\r\r\n", BareCr),
        ("250\r250\r\n", BareCr),
        ("250 a\0b\r\n", Nul),
        ("250 56789abcdefg\r\n", LineTooLong(16)),
        ("250-a\r\n250-b\r\n250-c\r\n250 d\r\n", TooManyLines(3)),
    ];
    for (text, expected) in table {
        let input = text.as_bytes();
        for cut in 0..=input.len() {
            let (replies, error) = parse(input, &[cut], limits);
            assert_eq!((replies, error), (vec![], Some(expected)), "{text:?} {cut}");
        }
    }
    assert_eq!(
        parse(b"250 56789abcde\r\n", &[], limits).1,
        None,
        "16 octets fit"
    );
    assert_eq!(
        parse(b"250 56789abcdef\r\n", &[], limits).1,
        Some(LineTooLong(16))
    );
    assert_eq!(parse(b"250-a\r\n250-b\r\n250 c\r\n", &[], limits).1, None);
}

#[test]
fn an_endless_line_is_given_up_early() {
    let mut parser = ReplyParser::default();
    let mut fed = 0;
    let error = loop {
        match parser.feed(b"220 xxxx") {
            Ok(more) => fed += more.consumed,
            Err(error) => break error,
        }
    };
    assert_eq!(error, ReplyError::LineTooLong(2048));
    assert!(fed <= 2048, "{fed}");
}

#[test]
fn shown_escaped_and_bounded() {
    assert_eq!(
        reply(554, &["a", "no \x1b[31m"]).to_string(),
        "554 no \\x1b[31m"
    );
    assert_eq!(reply(250, &[""]).to_string(), "250");
    let long = reply(250, &["x".repeat(2000).as_str()]).to_string();
    assert_eq!(long.len(), 3 + 1 + SHOWN + 3);
}

/// Octets that come near to replies more often than chance would.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"250-".to_vec()),
        2 => Just(b"250 ".to_vec()),
        2 => Just(b"250".to_vec()),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..12),
        2 => prop::collection::vec(b' '..=b'~', 0..12),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_input_breaks_it(input in input(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let limits = Limits { line: 24, lines: 4 };
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let (replies, error) = parse(&input, &cuts, limits);
        prop_assert_eq!(parse(&input, &[], limits), (replies.clone(), error), "cuts matter");
        let mut rest = &input[..];
        for reply in replies {
            prop_assert!((200..600).contains(&reply.code));
            prop_assert!((1..=limits.lines).contains(&reply.lines.len()));
            for line in &reply.lines {
                prop_assert!(line.len() + 5 < limits.line);
                prop_assert!(!line.iter().any(|octet| b"\r\n\0".contains(octet)));
            }
            // Written out again it is what was read, but for a separator left away.
            for (number, line) in (1..).zip(&reply.lines) {
                let separator = if number == reply.lines.len() { ' ' } else { '-' };
                let mut written = format!("{}{separator}", reply.code).into_bytes();
                written.extend_from_slice(line);
                written.extend_from_slice(b"\r\n");
                let bare = format!("{}\r\n", reply.code).into_bytes();
                let read = [written, bare].into_iter().find(|text| rest.starts_with(text));
                prop_assert!(read.is_some());
                rest = &rest[read.map_or(0, |text| text.len())..];
            }
        }
    }

    #[test]
    fn never_holds_more_than_its_bounds(pieces in prop::collection::vec(input(), 1..20)) {
        let limits = Limits { line: 24, lines: 4 };
        let mut parser = ReplyParser::new(limits);
        for piece in pieces {
            let mut piece = &piece[..];
            while let Ok(fed) = parser.feed(piece) {
                piece = &piece[fed.consumed..];
                let held: usize = parser.lines.iter().map(Vec::len).sum();
                prop_assert!(held + parser.line.len() <= limits.line * limits.lines);
                if piece.is_empty() {
                    break;
                }
            }
        }
    }
}
