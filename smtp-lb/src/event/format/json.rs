//! JSON: one object, on one line. Time first (RFC 3339, nanoseconds, UTC), then `event`, then
//! the fields. Characters that a terminal may obey are escaped also where JSON need not.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::super::model::Event;
use super::{is_unsafe, time};

/// Appends the event, without a line end.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    write(None, event, out);
}

/// As [`encode`], with a number by which a gap can be seen.
pub(super) fn numbered(sequence: u32, event: &Event, out: &mut Vec<u8>) {
    write(Some(sequence), event, out);
}

fn write(sequence_id: Option<u32>, event: &Event, out: &mut Vec<u8>) {
    let line = Line {
        time: Time(event.time_ns),
        sequence_id,
        event,
    };
    // Neither writing to a Vec nor serialising the model can fail.
    let _ = line.serialize(&mut serde_json::Serializer::with_formatter(out, OneLine));
}

#[derive(Serialize)]
struct Line<'a> {
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<u32>,
    #[serde(flatten)]
    event: &'a Event,
}

struct Time(u64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.9}", time(self.0)))
    }
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, character) in fragment.char_indices() {
            if is_unsafe(character) {
                writer.write_all(&fragment.as_bytes()[plain..at])?;
                // All of them lie below U+10000, so one escape does.
                write!(writer, "\\u{:04x}", u32::from(character))?;
                plain = at + character.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::format::samples;
    use proptest::prelude::*;
    use serde_json::Value;

    fn encoded(event: &Event) -> String {
        let mut out = Vec::new();
        encode(event, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden() {
        let lines: Vec<_> = samples::all().iter().map(encoded).collect();
        samples::compare("golden.jsonl", include_str!("golden.jsonl"), &lines);
    }

    #[test]
    fn fields_come_back() {
        let value: Value = serde_json::from_str(&encoded(&samples::packet("drop", "mx"))).unwrap();
        assert_eq!(value["time"], "2026-03-01T12:34:56.000000789Z");
        assert_eq!(value["event"], "firewall");
        assert_eq!(value["src_ip"], "192.0.2.7");
        assert_eq!(value["dest_port"], 25);
        assert_eq!(value["vlan"], 12);
    }

    proptest! {
        #[test]
        fn one_line_that_a_terminal_can_take(text in any::<String>()) {
            let line = encoded(&samples::system("x", &text));
            prop_assert!(!line.chars().any(is_unsafe));
            let value: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["detail"].as_str(), Some(&*text));
        }
    }
}
