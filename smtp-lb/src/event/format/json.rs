//! JSON: one object, on one line. Time first (RFC 3339, nanoseconds, UTC), then `event`, then
//! the fields. Characters that a terminal may obey are escaped also where JSON need not.

use std::fmt::{self, Write as _};

use super::super::model::{Event, Kind};
use super::fields::{self, Value};
use super::is_unsafe;
use super::template::{Hole, Template};
use super::text::{self, Clock, Octets};

/// Appends the event, without a line end.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    write(&mut Clock::default(), None, event, out);
}

/// As [`encode`], with a number by which a gap can be seen.
pub(super) fn numbered(clock: &mut Clock, sequence: u32, event: &Event, out: &mut Vec<u8>) {
    write(clock, Some(sequence), event, out);
}

/// By hand: serialising the model takes three times as long. What serde says of it is what is written; the
/// tests hold both against each other.
fn write(clock: &mut Clock, sequence_id: Option<u32>, event: &Event, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    clock.nanos(event.time_ns, out);
    out.push(b'"');
    if let Some(number) = sequence_id {
        out.extend_from_slice(b",\"sequence_id\":");
        text::push_number(number, out);
    }
    field("event", Value::Name(fields::name(&event.kind)), out);
    fields::each(&event.kind, |name, value| field(name, value, out));
    out.push(b'}');
}

/// Writes the template of packets.
pub(super) fn template(kind: &Kind, to: &mut Template) {
    to.text.extend_from_slice(b"{\"time\":\"");
    to.leave(Hole::Nanos);
    to.text.extend_from_slice(b"\",\"sequence_id\":");
    to.leave(Hole::Sequence);
    field("event", Value::Name(fields::name(kind)), &mut to.text);
    fields::each(kind, |name, value| match (Hole::of(name), value) {
        (Some(hole), Value::Address(_)) => {
            key(name, &mut to.text);
            to.text.push(b'"');
            to.leave(hole);
            to.text.push(b'"');
        }
        (Some(hole), _) => {
            key(name, &mut to.text);
            to.leave(hole);
        }
        (None, value) => field(name, value, &mut to.text),
    });
    to.text.push(b'}');
}

fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn field(name: &str, value: Value<'_>, out: &mut Vec<u8>) {
    key(name, out);
    // Writing to a Vec cannot fail.
    match value {
        Value::Name(shown) | Value::Text(shown) => {
            out.push(b'"');
            let _ = Quoted(out).write_str(shown);
            out.push(b'"');
        }
        Value::Number(_) | Value::Flag(_) => {
            let _ = value.write(&mut Octets(out));
        }
        Value::Address(_) => {
            out.push(b'"');
            let _ = value.write(&mut Octets(out));
            out.push(b'"');
        }
    }
}

/// Octets that a string holds as they are.
const AS_IT_IS: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0x20;
    while octet < 0x7f {
        table[octet as usize] = !matches!(octet, b'"' | b'\\');
        octet += 1;
    }
    table
};

/// What stands in a string.
struct Quoted<'a>(&'a mut Vec<u8>);

impl fmt::Write for Quoted<'_> {
    fn write_str(&mut self, shown: &str) -> fmt::Result {
        let mut rest = shown;
        loop {
            let plain = rest.bytes().position(|octet| !AS_IT_IS[usize::from(octet)]);
            // What came before is ASCII: a character's beginning.
            let (plain, other) = rest.split_at(plain.unwrap_or(rest.len()));
            self.0.extend_from_slice(plain.as_bytes());
            let mut characters = other.chars();
            let Some(character) = characters.next() else {
                return Ok(());
            };
            self.character(character)?;
            rest = characters.as_str();
        }
    }
}

impl Quoted<'_> {
    fn character(&mut self, character: char) -> fmt::Result {
        let mut utf8 = [0; 4];
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            // All of them lie below U+10000, so one escape does.
            _ if is_unsafe(character) => {
                return write!(Octets(self.0), "\\u{:04x}", u32::from(character));
            }
            _ => character.encode_utf8(&mut utf8),
        };
        Octets(self.0).write_str(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::format::{samples, time};
    use proptest::prelude::*;
    use serde::{Serialize, Serializer};
    use serde_json::Value;
    use serde_json::ser::Formatter;
    use std::io;

    /// As serde has it.
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
        fn write_string_fragment<W: ?Sized + io::Write>(
            &mut self,
            writer: &mut W,
            fragment: &str,
        ) -> io::Result<()> {
            for character in fragment.chars() {
                if is_unsafe(character) {
                    write!(writer, "\\u{:04x}", u32::from(character))?;
                } else {
                    write!(writer, "{character}")?;
                }
            }
            Ok(())
        }
    }

    fn serialized(sequence_id: Option<u32>, event: &Event) -> String {
        let time = Time(event.time_ns);
        let line = Line {
            time,
            sequence_id,
            event,
        };
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, OneLine);
        line.serialize(&mut serializer).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn check(event: &Event) {
        assert_eq!(encoded(event), serialized(None, event));
        let mut out = Vec::new();
        numbered(&mut Clock::default(), 7, event, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), serialized(Some(7), event));
    }

    #[test]
    fn what_serde_says_of_the_model_is_written() {
        for event in samples::all().iter().chain(&samples::largest()) {
            check(event);
        }
    }

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
            check(&samples::packet("drop", &text));
            let line = encoded(&samples::system("x", &text));
            prop_assert!(!line.chars().any(is_unsafe));
            let value: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["detail"].as_str(), Some(&*text));
        }
    }
}
