//! Records for one destination, in its format, numbered from 1.

use super::super::model::{Event, FirewallEvent, Kind};
use super::super::packet::Like;
use super::fields::Value;
use super::template::{Template, Templates};
use super::text::Clock;
use super::{bigip, cef, journal, json, rfc3164, rfc5424, splunk};
use crate::config::plan::Format;

/// Octets of a record at most; each part's bound below keeps it so.
pub const RECORD: usize = 8192;
/// Octets of a name, escapes included. A packet has four, so that its fields stay under 2 KiB.
pub(super) const NAME: usize = 320;
/// Octets of free text, escapes included.
pub(super) const TEXT: usize = 2048;
/// Octets of a message for people.
pub(super) const MESSAGE: usize = 3072;
/// Octets of a HOSTNAME (RFC 5424, 6).
const HOSTNAME: usize = 255;
/// Sequence numbers begin anew after this (RFC 5424, 7.3.1).
const SEQUENCE: u32 = 2_147_483_647;

/// Octets that a value may take, escapes included.
pub(super) const fn most(value: &Value<'_>) -> usize {
    match value {
        Value::Text(_) => TEXT,
        _ => NAME,
    }
}

/// Who writes the records.
#[derive(Debug)]
pub(super) struct Origin {
    facility: u8,
    pub(super) host: String,
    pub(super) process: u32,
}

impl Origin {
    /// PRI (RFC 5424, 6.2.1).
    pub(super) fn priority(&self, kind: &Kind) -> u8 {
        self.facility * 8 + severity(kind)
    }
}

/// Severity, as syslog counts it: 0 is the worst.
pub(super) fn severity(kind: &Kind) -> u8 {
    match kind {
        // Nothing was done.
        Kind::Firewall(packet) if packet.action == "accept" || packet.enforced.is_some() => 6,
        Kind::Firewall(_) => 4,
        Kind::Health(health) => {
            if health.up {
                5
            } else {
                3
            }
        }
        Kind::Violation(found) if found.action == "block" => 4,
        Kind::Flood(flood) if flood.change == "began" => 4,
        Kind::Flood(_) | Kind::Member(_) | Kind::Administration(_) | Kind::Violation(_) => 5,
        Kind::Session(session) => match &session.end {
            Some(end) if end.result != "closed" => 5,
            _ => 6,
        },
        Kind::System(system) => {
            let trouble = ["failed", "lost", "low", "exhausted"];
            let trouble = trouble.iter().any(|end| system.what.ends_with(end));
            if trouble { 4 } else { 5 }
        }
    }
}

/// Writes records for one destination.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    /// Of the format `bigip`.
    list: bigip::List,
    origin: Origin,
    clock: Clock,
    templates: Templates,
    sequence: u32,
}

impl Encoder {
    /// `facility` is 0 to 23 (RFC 5424, table 1); a greater one becomes 23.
    #[must_use]
    pub fn new(format: Format, facility: u8, hostname: &str, process: u32) -> Self {
        let mut host: String = hostname.chars().filter(char::is_ascii_graphic).collect();
        host.truncate(HOSTNAME);
        if host.is_empty() {
            host.push('-');
        }
        let list = match &format {
            Format::BigIp(fields) => bigip::List::new(fields),
            _ => bigip::List::default(),
        };
        Self {
            format,
            list,
            origin: Origin {
                facility: facility.min(23),
                host,
                process,
            },
            clock: Clock::default(),
            templates: Templates::default(),
            sequence: 0,
        }
    }

    /// With the names of this host and this process.
    #[must_use]
    pub fn of_this_host(format: Format, facility: u8) -> Self {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy();
        Self::new(format, facility, &name, std::process::id())
    }

    /// Appends the record of an event, without framing; one line, at most [`RECORD`] octets. JSON
    /// leaves nothing out: there it is the bus that bounds texts.
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        let number = u64::from(self.sequence) + 1;
        self.numbered(number, event, out);
    }

    /// As [`Encoder::encode`], with the number of the record, from 1. Past 2,147,483,647 sequence numbers
    /// begin anew.
    pub fn numbered(&mut self, number: u64, event: &Event, out: &mut Vec<u8>) {
        self.sequence = sequence(number);
        let (origin, clock, sequence) = (&self.origin, &mut self.clock, self.sequence);
        match &self.format {
            Format::Rfc5424 => rfc5424::encode(origin, clock, sequence, event, out),
            Format::Rfc3164 => rfc3164::encode(origin, clock, sequence, event, out),
            Format::Splunk => splunk::encode(origin, clock, sequence, event, out),
            Format::Cef => cef::encode(origin, clock, sequence, event, out),
            Format::BigIp(_) => bigip::encode(&self.list, (origin, clock), sequence, event, out),
            Format::Journal => journal::encode(origin, sequence, event, out),
            Format::Json => json::numbered(clock, sequence, event, out),
        }
    }
}

impl Encoder {
    /// As [`Encoder::numbered`], at less cost for packets that are like others before them.
    pub(in crate::event) fn item(
        &mut self,
        number: u64,
        like: Option<Like>,
        event: &Event,
        out: &mut Vec<u8>,
    ) {
        let origin = &self.origin;
        let format = &self.format;
        let make = |packet: &FirewallEvent, to: &mut Template| match format {
            Format::Rfc5424 => rfc5424::template(origin, packet, &event.kind, to),
            Format::Json => {
                json::template(&event.kind, to);
                true
            }
            _ => false,
        };
        let clock = &mut self.clock;
        let is_written = like.is_some_and(|like| {
            let of = (sequence(number), like);
            self.templates.write(clock, of, event, out, make)
        });
        if !is_written {
            self.numbered(number, event, out);
        }
    }
}

/// The sequence number of a record.
fn sequence(number: u64) -> u32 {
    let before = number.saturating_sub(1) % u64::from(SEQUENCE);
    u32::try_from(before).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::config::plan::FieldList;
    use proptest::prelude::*;

    fn formats() -> [(Format, &'static str, &'static str); 7] {
        let list = |fields: &[&str], delimiter: &str| {
            Format::BigIp(FieldList {
                fields: fields.iter().map(|&field| field.to_owned()).collect(),
                delimiter: delimiter.to_owned(),
            })
        };
        [
            (Format::Rfc5424, "golden.5424", include_str!("golden.5424")),
            (Format::Rfc3164, "golden.3164", include_str!("golden.3164")),
            (
                Format::Splunk,
                "golden.splunk",
                include_str!("golden.splunk"),
            ),
            (Format::Cef, "golden.cef", include_str!("golden.cef")),
            (
                Format::BigIp(FieldList::default()),
                "golden.bigip",
                include_str!("golden.bigip"),
            ),
            (
                list(FieldList::KNOWN, "|"),
                "golden.bigip-all",
                include_str!("golden.bigip-all"),
            ),
            (
                Format::Json,
                "golden.numbered.jsonl",
                include_str!("golden.numbered.jsonl"),
            ),
        ]
    }

    fn encoded(encoder: &mut Encoder, event: &Event) -> String {
        let mut out = Vec::new();
        encoder.encode(event, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden() {
        for (format, name, golden) in formats() {
            let mut encoder = Encoder::new(format, 16, "mail.example", 321);
            let events = samples::all();
            let lines = events.iter().map(|event| encoded(&mut encoder, event));
            samples::compare(name, golden, &lines.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_largest_record_fits() {
        for event in samples::largest() {
            let bounded = formats()
                .into_iter()
                .filter(|(format, ..)| *format != Format::Json);
            for (format, name, _) in bounded {
                let mut encoder = Encoder::new(format, 23, &"h".repeat(1000), u32::MAX);
                let text = encoded(&mut encoder, &event);
                assert!(text.len() <= RECORD, "{name}: {} octets", text.len());
            }
        }
    }

    #[test]
    fn sequence_numbers_wrap_to_one() {
        let mut encoder = Encoder::new(Format::Json, 16, "mail.example", 321);
        encoder.sequence = SEQUENCE - 1;
        let numbers = [0; 3].map(|_| {
            let record = encoded(&mut encoder, &samples::system("x", "y"));
            let record: serde_json::Value = serde_json::from_str(&record).unwrap();
            record["sequence_id"].as_u64().unwrap()
        });
        assert_eq!(numbers, [2_147_483_647, 1, 2]);
    }

    proptest! {
        #[test]
        fn whatever_the_text_it_is_one_line_that_a_terminal_can_take(text in any::<String>()) {
            for (format, name, _) in formats() {
                let mut encoder = Encoder::new(format, 16, "mail.example", 321);
                for event in [samples::packet("drop", &text), samples::health(false, &text), samples::system("x", &text)] {
                    let record = encoded(&mut encoder, &event);
                    let bad = |c: char| super::super::is_unsafe(c) && c != '\u{feff}';
                    prop_assert!(!record.chars().any(bad), "{name}: {record:?}");
                }
            }
        }
    }
}
