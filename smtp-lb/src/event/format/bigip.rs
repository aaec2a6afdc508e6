//! A list of values in an order of the operator's, as the field list of a BIG-IP log profile, by AFM's
//! names. A value that holds the delimiter, a quote or a backslash stands in quotes, with a
//! backslash before quotes and backslashes.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Timestamp;

use super::super::model::{Event, FirewallEvent, Kind};
use super::super::schema::{self, Afm, AfmName, FieldSchema};
use super::encoder::{NAME, Origin};
use super::escape::{Escaped, plain, quoted};
use super::fields::Value;
use super::message::{Message, Protocol, protocol};
use super::text::Clock;
use crate::config::plan::FieldList;

/// A field list, looked up.
#[derive(Debug, Default)]
pub(super) struct List {
    names: Vec<(&'static AfmName, Option<&'static FieldSchema>)>,
    delimiter: String,
}

impl List {
    /// A name that is none stands for nothing: the configuration has told of it.
    pub(super) fn new(list: &FieldList) -> Self {
        let names = list.fields.iter().filter_map(|name| AfmName::find(name));
        Self {
            names: names.map(|name| (name, name.field())).collect(),
            delimiter: list.delimiter.clone(),
        }
    }
}

/// Appends the record of an event, without framing. What is no packet has its time, its kind and a
/// line for people in place of the fields.
pub(super) fn encode(
    list: &List,
    (origin, clock): (&Origin, &mut Clock),
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    let delimiter = &*list.delimiter;
    let time = clock.second(event.time_ns, date_time);
    // What a clock writes is ASCII.
    let time = Value::Name(str::from_utf8(time).unwrap_or_default());
    let Kind::Firewall(packet) = &event.kind else {
        value(time, delimiter, out);
        out.extend_from_slice(delimiter.as_bytes());
        value(Value::Name(schema::name(&event.kind)), delimiter, out);
        out.extend_from_slice(delimiter.as_bytes());
        return text(&Message(event), super::encoder::MESSAGE, out);
    };
    for (place, (name, field)) in list.names.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(delimiter.as_bytes());
        }
        let found = || field.and_then(|field| field.get(&event.kind));
        let shown = match name.how {
            Afm::Host => Some(Value::Name(&origin.host)),
            Afm::Sequence => Some(Value::Number(sequence.into())),
            Afm::Time => Some(time),
            Afm::Field => found(),
            Afm::Port => found().filter(|found| *found != Value::Number(0)),
            how => made(packet, how),
        };
        if let Some(shown) = shown {
            value(shown, delimiter, out);
        }
    }
}

/// What is made of several fields, or written otherwise.
fn made(packet: &FirewallEvent, how: Afm) -> Option<Value<'_>> {
    let host = packet.virtual_server.is_empty();
    Some(match how {
        Afm::PolicyType if packet.enforced.is_some() => Value::Name("Staged"),
        Afm::PolicyType if !packet.policy.is_empty() => Value::Name("Enforced"),
        Afm::Action => Value::Name(capital(packet.action)),
        Afm::ContextName if host => Value::Name("host"),
        Afm::ContextName => Value::Name(&packet.virtual_server),
        Afm::ContextType if host => Value::Name("Host"),
        Afm::ContextType => Value::Name("Virtual Server"),
        Afm::DropReason if packet.action != "accept" => Value::Name(packet.reason),
        Afm::Protocol => match protocol(packet.protocol) {
            Protocol::Name(name) => Value::Name(name),
            Protocol::Number(number) => Value::Number(number.into()),
        },
        Afm::Vlan => match packet.vlan {
            Some(vlan) => Value::Number(vlan.into()),
            None => Value::Name(&packet.interface),
        },
        _ => return None,
    })
}

/// As BIG-IP writes actions.
fn capital(action: &str) -> &str {
    match action {
        "accept" => "Accept",
        "drop" => "Drop",
        "reject" => "Reject",
        other => other,
    }
}

fn value(shown: Value<'_>, delimiter: &str, out: &mut Vec<u8>) {
    let start = out.len();
    // The only error is a value that was cut.
    let _ = shown.write(&mut Escaped::new(out, NAME, plain));
    if must_be_quoted(out.get(start..).unwrap_or_default(), delimiter.as_bytes()) {
        out.truncate(start);
        text(&shown, NAME, out);
    }
}

fn must_be_quoted(written: &[u8], delimiter: &[u8]) -> bool {
    let first = delimiter.first();
    let may = |octet: &u8| matches!(octet, b'"' | b'\\') || Some(octet) == first;
    written.iter().any(may)
        && (memchr::memchr2(b'"', b'\\', written).is_some()
            || memchr::memmem::find(written, delimiter).is_some())
}

fn text(shown: &impl fmt::Display, most: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    let _ = write!(Escaped::new(out, most, quoted), "{shown}");
    out.push(b'"');
}

fn date_time(time: Timestamp, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, and the conversions are known ones.
    let _ = write!(out, "{}", time.strftime("%b %d %Y %H:%M:%S"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_the_delimiter_is_quoted() {
        let written = |shown: &str, delimiter| {
            let mut out = Vec::new();
            value(Value::Name(shown), delimiter, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("a b", ","), "a b");
        assert_eq!(written("a,b", ","), "\"a,b\"");
        assert_eq!(written("a,b", "; "), "a,b");
        assert_eq!(written("a; b", "; "), "\"a; b\"");
        assert_eq!(written("a\"b\\", ","), "\"a\\\"b\\\\\"");
        assert_eq!(written("a\nb", ","), "a#012b");
    }
}
