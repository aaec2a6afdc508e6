//! Headers as they come, whole and in pieces.

use proptest::prelude::*;

use super::*;

/// What is found, if the octets come at once.
fn found(input: &[u8]) -> (bool, String) {
    let mut id = MessageId::default();
    (id.scan(input), id.text())
}

#[test]
fn the_field_is_found_however_it_is_written() {
    for (header, id) in [
        ("Message-ID: <1@a>\r\nTo: b\r\n", "<1@a>"),
        ("From: a\r\nMESSAGE-Id:<2@a>\r\n\r\n", "<2@a>"),
        ("message-id \t: <3@a> \r\n\r\n", "<3@a>"),
        // Folded, as long ones are.
        ("Message-ID:\r\n <4@a>\r\n\r\n", "<4@a>"),
        (
            "Message-ID: <5\r\n\t\r\n @a> (so\r\n  it is)\r\n\r\n",
            "<5 @a> (so it is)",
        ),
        // The first one counts.
        ("Message-ID: <6@a>\r\nMessage-ID: <7@a>\r\n\r\n", "<6@a>"),
        // A member may take bare line ends for line ends.
        ("To: a\nMessage-ID: <8@a>\n\n", "<8@a>"),
        ("To: a\rMessage-ID: <9@a>\rTo: b\r\r", "<9@a>"),
        (
            "Message-ID: \u{fc}\u{1b}[31m\0x\r\n\r\n",
            "\u{fc}\u{1b}[31m\0x",
        ),
    ] {
        assert_eq!(
            found(header.as_bytes()),
            (true, id.to_owned()),
            "{header:?}"
        );
    }
    let (_, lossy) = found(b"Message-ID: <\xff@a>\r\n\r\n");
    assert_eq!(lossy, "<\u{fffd}@a>");
}

#[test]
fn what_is_not_the_field_is_not_taken_for_it() {
    for header in [
        "\r\nMessage-ID: <body@a>\r\n",
        "\nMessage-ID: <body@a>\r\n",
        "To: a\r\n\r\nMessage-ID: <body@a>\r\n\r\n",
        // Of the message's own end.
        ".\r\nMessage-ID: <next@a>\r\n",
        "To: a\r\n.\r\nMessage-ID: <next@a>\r\n",
        "X-Message-ID: <x@a>\r\nMessage-IDs: <s@a>\r\nMessage: <m@a>\r\n\r\n",
        "Subject: see\r\n Message-ID: <folded@a>\r\n\r\n",
        "Message-ID x: <no@a>\r\nMessage-ID\r\n\r\n",
        "..Message-ID: <dot@a>\r\n\r\n",
        "Message-ID:\r\nTo: a\r\n\r\n",
    ] {
        assert_eq!(
            found(header.as_bytes()),
            (true, String::new()),
            "{header:?}"
        );
    }
}

#[test]
fn an_unfinished_header_is_not_settled() {
    for header in [
        "",
        "Message-ID: <1@a>",
        "Message-ID: <1@a>\r\n",
        "To: a\r\n",
        "\r",
    ] {
        assert!(!found(header.as_bytes()).0, "{header:?}");
    }
}

#[test]
fn it_is_bounded() {
    let long = format!("Message-ID: <{}@a>\r\n\r\n", "x".repeat(5000));
    let (settled, text) = found(long.as_bytes());
    assert!(settled);
    assert_eq!(text.len(), MOST - 1, "less the space before it");
    let field = format!("X: {}\r\n", "y".repeat(95));
    let endless = field.repeat(HEADER / field.len() + 1);
    let late = format!("{endless}Message-ID: <late@a>\r\n\r\n");
    assert_eq!(found(late.as_bytes()), (true, String::new()));
    let mut id = MessageId::default();
    for octet in endless.as_bytes().chunks(1000) {
        id.scan(octet);
    }
    assert!(id.scan(b"Message-ID: <late@a>\r\n\r\n") && id.text().is_empty());
}

proptest! {
    #[test]
    fn pieces_are_as_the_whole(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "Message-ID", "message-id", ":", " ", "\t", "<1@a>", "\r\n", "\r", "\n", ".", "To", "x",
            ]),
            0..24,
        ),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let whole: String = words.concat();
        let mut places: Vec<usize> = cuts.iter().map(|it| it.index(whole.len() + 1)).collect();
        places.sort_unstable();
        let mut id = MessageId::default();
        let (mut at, mut settled) = (0, false);
        for place in places.into_iter().chain([whole.len()]) {
            settled = id.scan(&whole.as_bytes()[at..place]);
            at = place;
        }
        prop_assert_eq!((settled, id.text()), found(whole.as_bytes()));
    }
}
