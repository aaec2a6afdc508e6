//! A list of values in an order of the operator's, as the field list of a BIG-IP log profile, by AFM's
//! names. A value that holds the delimiter, a quote or a backslash stands in quotes, with a
//! backslash before quotes and backslashes.

use std::fmt::{self, Write as _};

use super::super::model::{Event, FirewallEvent, Kind};
use super::encoder::{NAME, Origin};
use super::escape::{Escaped, plain, quoted};
use super::message::{Message, protocol};
use super::time;
use crate::config::plan::FieldList;

/// Appends the record of an event, without framing. What is no packet has its time, its kind and a
/// line for people in place of the fields.
pub(super) fn encode(
    list: &FieldList,
    origin: &Origin,
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    let delimiter = &*list.delimiter;
    let Kind::Firewall(packet) = &event.kind else {
        value(&DateTime(event.time_ns), delimiter, out);
        out.extend_from_slice(delimiter.as_bytes());
        value(&super::fields::name(&event.kind), delimiter, out);
        out.extend_from_slice(delimiter.as_bytes());
        return text(&Message(event), super::encoder::MESSAGE, out);
    };
    for (place, name) in list.fields.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(delimiter.as_bytes());
        }
        match &**name {
            "bigip_hostname" => value(&origin.host, delimiter, out),
            "sequence_id" => value(&sequence, delimiter, out),
            "date_time" => value(&DateTime(event.time_ns), delimiter, out),
            name => field(packet, name, delimiter, out),
        }
    }
}

/// A field of the packet. We translate nothing before the verdict and have no route domains: those
/// are empty, as on BIG-IP where there is none.
fn field(packet: &FirewallEvent, name: &str, delimiter: &str, out: &mut Vec<u8>) {
    let port = |port: u16| (port > 0).then_some(port);
    let host = packet.virtual_server.is_empty();
    match name {
        "acl_policy_name" => value(&packet.policy, delimiter, out),
        "acl_policy_type" if !packet.policy.is_empty() => value(&"Enforced", delimiter, out),
        "acl_rule_name" => value(&packet.rule, delimiter, out),
        "action" => value(&capital(packet.action), delimiter, out),
        "context_name" if host => value(&"host", delimiter, out),
        "context_name" => value(&packet.virtual_server, delimiter, out),
        "context_type" if host => value(&"Host", delimiter, out),
        "context_type" => value(&"Virtual Server", delimiter, out),
        "dest_ip" => value(&packet.dest_ip, delimiter, out),
        "dest_port" => optional(port(packet.dest_port), delimiter, out),
        "drop_reason" if packet.action != "accept" => value(&packet.reason, delimiter, out),
        "protocol" => value(&protocol(packet.protocol), delimiter, out),
        "src_ip" => value(&packet.src_ip, delimiter, out),
        "src_port" => optional(port(packet.src_port), delimiter, out),
        "vlan" => match packet.vlan {
            Some(vlan) => value(&vlan, delimiter, out),
            None => value(&packet.interface, delimiter, out),
        },
        _ => {}
    }
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

fn optional(port: Option<u16>, delimiter: &str, out: &mut Vec<u8>) {
    if let Some(port) = port {
        value(&port, delimiter, out);
    }
}

fn value(shown: &impl fmt::Display, delimiter: &str, out: &mut Vec<u8>) {
    let start = out.len();
    // The only error is a value that was cut.
    let _ = write!(Escaped::new(out, NAME, plain), "{shown}");
    let written = out.get(start..).unwrap_or_default();
    let delimits = memchr::memmem::find(written, delimiter.as_bytes()).is_some();
    if delimits || memchr::memchr2(b'"', b'\\', written).is_some() {
        out.truncate(start);
        text(shown, NAME, out);
    }
}

fn text(shown: &impl fmt::Display, most: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    let _ = write!(Escaped::new(out, most, quoted), "{shown}");
    out.push(b'"');
}

struct DateTime(u64);

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", time(self.0).strftime("%b %d %Y %H:%M:%S"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_the_delimiter_is_quoted() {
        let written = |shown: &str, delimiter| {
            let mut out = Vec::new();
            value(&shown, delimiter, &mut out);
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
