//! `ArcSight`'s Common Event Format, version 0 of its header, behind a syslog header as RFC 3164 has it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::net::IpAddr;

use super::super::model::{Event, Kind};
use super::super::schema::{self, Cef, FieldSchema, Value};
use super::encoder::{MESSAGE, NAME, Origin, most, severity};
use super::escape::Escaped;
use super::message::{Message, protocol};
use super::rfc3164::header;
use super::text::Clock;

/// Appends the record of an event, without framing.
pub(super) fn encode(
    origin: &Origin,
    clock: &mut Clock,
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    header(origin, clock, event, out);
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "CEF:0|smtp-lb|smtp-lb|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        schema::name(&event.kind)
    );
    let _ = write!(Escaped::new(out, NAME, in_header), "{}", Title(&event.kind));
    let _ = write!(
        out,
        "|{}|rt={} externalId={sequence}",
        weight(&event.kind),
        event.time_ns / 1_000_000
    );
    pair("dvchost", &origin.host, NAME, out);
    for field in schema::of(&event.kind).in_cef() {
        if let Some(value) = field.get(&event.kind) {
            self::field(field, &value, event, out);
        }
    }
}

fn field(field: &FieldSchema, value: &Value<'_>, event: &Event, out: &mut Vec<u8>) {
    match (field.cef(), value) {
        (Cef::Port(_), Value::Number(0))
        | (Cef::Filled(_) | Cef::String(_), Value::Name("") | Value::Text("")) => {}
        (Cef::Key(key) | Cef::Filled(key), _) => pair(key, value, most(value), out),
        (Cef::Port(key), _) => pair(key, value, NAME, out),
        (Cef::Protocol(key), Value::Number(number)) => {
            // A protocol's number has an octet.
            let number = u8::try_from(*number).unwrap_or(u8::MAX);
            pair(key, protocol(number), NAME, out);
        }
        (Cef::Address(key, number, label), Value::Address(address)) => {
            self::address(key, number, label, *address, out);
        }
        (Cef::UpDown(key), Value::Flag(up)) => {
            pair(key, if *up { "up" } else { "down" }, NAME, out);
        }
        (Cef::String(number), _) => {
            let _ = write!(out, " cs{number}Label={} cs{number}=", field.name);
            // The only error is a value that was cut.
            let _ = write!(Escaped::new(out, NAME, in_extension), "{value}");
        }
        (Cef::Number(number), _) => {
            let _ = write!(out, " cn{number}Label={} cn{number}={value}", field.name);
        }
        (Cef::Message, _) => pair("msg", Message(event), MESSAGE, out),
        // What the schema gives to no field of such a type.
        (Cef::Nothing | Cef::Protocol(_) | Cef::Address(..) | Cef::UpDown(_), _) => {}
    }
}

/// `src` and `dst` are for IPv4 alone.
fn address(key: &str, number: u8, label: &str, address: IpAddr, out: &mut Vec<u8>) {
    let _ = match address {
        IpAddr::V4(address) => write!(out, " {key}={address}"),
        IpAddr::V6(address) => write!(out, " c6a{number}Label={label} c6a{number}={address}"),
    };
}

fn pair(key: &str, value: impl fmt::Display, most: usize, out: &mut Vec<u8>) {
    let _ = write!(out, " {key}=");
    // The only error is a value that was cut.
    let _ = write!(Escaped::new(out, most, in_extension), "{value}");
}

fn in_header(character: char) -> Option<&'static str> {
    match character {
        '|' => Some("\\|"),
        '\\' => Some("\\\\"),
        _ => None,
    }
}

/// Line ends may be written there.
fn in_extension(character: char) -> Option<&'static str> {
    match character {
        '=' => Some("\\="),
        '\\' => Some("\\\\"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        _ => None,
    }
}

/// Severity as CEF counts it: 10 is the worst.
fn weight(kind: &Kind) -> u8 {
    10 - severity(kind).min(7)
}

/// What happened, without what differs from one to the next.
struct Title<'a>(&'a Kind);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Firewall(packet) if packet.enforced.is_some() => {
                write!(f, "staged {}", packet.action)
            }
            Kind::Firewall(packet) => write!(f, "packet {}", packet.action),
            Kind::Health(health) if health.up => f.write_str("member up"),
            Kind::Health(_) => f.write_str("member down"),
            Kind::Member(member) => write!(f, "member {}", member.change),
            Kind::Flood(flood) => write!(f, "SYN protection {}", flood.change),
            Kind::Session(session) => write!(f, "session {}", session.change),
            Kind::Violation(found) => write!(f, "violation {} {}", found.check, found.action),
            Kind::Administration(done) => f.write_str(done.operation),
            Kind::System(system) => f.write_str(system.what),
        }
    }
}
