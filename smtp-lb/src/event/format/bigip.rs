//! A list of values in an order of the operator's, as the field list of a BIG-IP log profile, by AFM's
//! names. A value that holds the delimiter, a quote or a backslash stands in quotes, with a
//! backslash before quotes and backslashes.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Timestamp;

use super::super::model::{Event, FirewallEvent, Kind};
use super::encoder::{NAME, Origin};
use super::escape::{Escaped, plain, quoted};
use super::fields::Value;
use super::message::{Message, Protocol, protocol};
use super::text::Clock;
use crate::config::plan::FieldList;

/// Appends the record of an event, without framing. What is no packet has its time, its kind and a
/// line for people in place of the fields.
pub(super) fn encode(
    list: &FieldList,
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
        value(
            Value::Name(super::fields::name(&event.kind)),
            delimiter,
            out,
        );
        out.extend_from_slice(delimiter.as_bytes());
        return text(&Message(event), super::encoder::MESSAGE, out);
    };
    for (place, name) in list.fields.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(delimiter.as_bytes());
        }
        match &**name {
            "bigip_hostname" => value(Value::Name(&origin.host), delimiter, out),
            "sequence_id" => value(Value::Number(sequence.into()), delimiter, out),
            "date_time" => value(time, delimiter, out),
            name => field(packet, name, delimiter, out),
        }
    }
}

/// A field of the packet. We translate nothing before the verdict and have no route domains: those
/// are empty, as on BIG-IP where there is none.
fn field(packet: &FirewallEvent, name: &str, delimiter: &str, out: &mut Vec<u8>) {
    let host = packet.virtual_server.is_empty();
    let shown = match name {
        "acl_policy_name" => Value::Name(&packet.policy),
        "acl_policy_type" if !packet.policy.is_empty() => Value::Name("Enforced"),
        "acl_rule_name" => Value::Name(&packet.rule),
        "action" => Value::Name(capital(packet.action)),
        "context_name" if host => Value::Name("host"),
        "context_name" => Value::Name(&packet.virtual_server),
        "context_type" if host => Value::Name("Host"),
        "context_type" => Value::Name("Virtual Server"),
        "dest_ip" => Value::Address(packet.dest_ip),
        "dest_port" if packet.dest_port > 0 => Value::Number(packet.dest_port.into()),
        "drop_reason" if packet.action != "accept" => Value::Name(packet.reason),
        "protocol" => match protocol(packet.protocol) {
            Protocol::Name(name) => Value::Name(name),
            Protocol::Number(number) => Value::Number(number.into()),
        },
        "src_ip" => Value::Address(packet.src_ip),
        "src_port" if packet.src_port > 0 => Value::Number(packet.src_port.into()),
        "vlan" => match packet.vlan {
            Some(vlan) => Value::Number(vlan.into()),
            None => Value::Name(&packet.interface),
        },
        _ => return,
    };
    value(shown, delimiter, out);
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
