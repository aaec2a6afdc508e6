use super::super::encoder::Encoder;
use super::super::{is_unsafe, samples};
use super::*;
use crate::config::plan::Format;
use proptest::prelude::*;

fn encoder() -> Encoder {
    Encoder::new(Format::Rfc5424, 16, "mail.example", 321)
}

fn encoded(encoder: &mut Encoder, event: &Event) -> String {
    let mut out = Vec::new();
    encoder.encode(event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn headers_are_printable_whatever_the_host_is_called() {
    let table = [
        ("mail.example", "mail.example"),
        ("", "-"),
        ("a b\nc\u{e9}", "abc"),
    ];
    for (name, expected) in table {
        let mut encoder = Encoder::new(Format::Rfc5424, 255, name, 1);
        let record = Record::parse(&encoded(&mut encoder, &samples::packet("drop", "")));
        assert_eq!(record.host, expected);
        assert_eq!(record.priority, 23 * 8 + 4);
    }
    let long = "h".repeat(1000);
    let mut encoder = Encoder::new(Format::Rfc5424, 0, &long, 1);
    let record = Record::parse(&encoded(&mut encoder, &samples::packet("accept", "")));
    assert_eq!((record.host.len(), record.priority), (255, 6));
}

#[test]
fn the_largest_records_can_be_read() {
    for event in samples::largest() {
        Record::parse(&encoded(&mut encoder(), &event));
    }
}

proptest! {
    #[test]
    fn any_text_stays_in_its_place(text in any::<String>(), up: bool) {
        let record = Record::parse(&encoded(&mut encoder(), &samples::health(up, &text)));
        let names: Vec<_> = record.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "pool", "member", "up", "reason", "monitor", "former", "former_seconds", "sequenceId",
        ];
        prop_assert_eq!(names, expected);
        if text.len() < 100 && !text.chars().any(is_unsafe) {
            prop_assert_eq!(&record.parameters[3].1, &text);
            let (state, former) = if up { ("up", "down") } else { ("down", "up") };
            let message = format!(
                "pool mail member mx1 is {state}: {text} (monitor smtp, {former} for 91 s before)"
            );
            prop_assert_eq!(record.message, message);
        }
    }
}

/// A record as read by the grammar of RFC 5424, 6, knowing nothing of the encoder.
struct Record {
    priority: u16,
    host: String,
    parameters: Vec<(String, String)>,
    message: String,
}

impl Record {
    fn parse(text: &str) -> Self {
        assert!(
            !text.chars().any(is_unsafe_or_stray),
            "control character in {text:?}"
        );
        let rest = text.strip_prefix('<').unwrap();
        let (priority, rest) = rest.split_once('>').unwrap();
        let mut words = rest.splitn(7, ' ');
        let mut word = || words.next().unwrap();
        assert_eq!(word(), "1");
        let time = word();
        assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
        time.parse::<jiff::Timestamp>().unwrap();
        let host = word().to_owned();
        assert_eq!(word(), "smtp-lb");
        word().parse::<u32>().unwrap();
        assert!(
            [
                "FIREWALL",
                "HEALTH",
                "VIOLATION",
                "ADMINISTRATION",
                "SYSTEM"
            ]
            .contains(&word())
        );
        let mut rest = word();
        let mut parameters = Vec::new();
        for id in ["[smtp-lb@32473", "[meta"] {
            rest = rest.strip_prefix(id).unwrap();
            while let Some(parameter) = rest.strip_prefix(' ') {
                let (name, value) = parameter.split_once("=\"").unwrap();
                let (value, after) = quoted(value);
                parameters.push((name.to_owned(), value));
                rest = after;
            }
            rest = rest.strip_prefix(']').unwrap();
        }
        let message = rest.strip_prefix(' ').unwrap();
        let unmarked = message.strip_prefix('\u{feff}');
        assert_eq!(unmarked.is_some(), !message.is_ascii());
        Self {
            priority: priority.parse().unwrap(),
            host,
            parameters,
            message: unmarked.unwrap_or(message).to_owned(),
        }
    }
}

fn is_unsafe_or_stray(character: char) -> bool {
    is_unsafe(character) && character != '\u{feff}'
}

/// Reads a value up to its closing quote.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            ']' => panic!("bare ] in {text:?}"),
            '\\' => {
                let (_, escaped) = characters.next().unwrap();
                assert!(['"', '\\', ']'].contains(&escaped));
                value.push(escaped);
            }
            other => value.push(other),
        }
    }
    panic!("no end of {text:?}");
}
