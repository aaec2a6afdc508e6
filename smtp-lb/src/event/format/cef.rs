//! `ArcSight`'s Common Event Format, version 0 of its header, behind a syslog header as RFC 3164 has it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::net::IpAddr;

use super::super::model::{Event, FirewallEvent, Kind, SessionEvent, ViolationEvent};
use super::encoder::{MESSAGE, NAME, Origin, TEXT, severity};
use super::escape::Escaped;
use super::fields;
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
        fields::name(&event.kind)
    );
    let _ = write!(Escaped::new(out, NAME, in_header), "{}", Title(&event.kind));
    let _ = write!(
        out,
        "|{}|rt={} externalId={sequence}",
        weight(&event.kind),
        event.time_ns / 1_000_000
    );
    pair("dvchost", &origin.host, NAME, out);
    match &event.kind {
        Kind::Firewall(packet) => firewall(packet, out),
        Kind::Health(health) => {
            pair("outcome", if health.up { "up" } else { "down" }, NAME, out);
            pair("reason", &health.reason, TEXT, out);
            custom(1, "pool", &health.pool, out);
            custom(2, "member", &health.member, out);
            custom(3, "monitor", &health.monitor, out);
            custom(4, "former", health.former, out);
            let _ = write!(
                out,
                " cn1Label=former_seconds cn1={}",
                health.former_seconds
            );
        }
        Kind::Member(member) => {
            pair("outcome", member.change, NAME, out);
            pair("reason", &member.reason, TEXT, out);
            pair("suser", &member.by, NAME, out);
            custom(1, "pool", &member.pool, out);
            custom(2, "member", &member.member, out);
        }
        Kind::Session(session) => self::session(session, out),
        Kind::Violation(found) => violation(found, out),
        Kind::Administration(done) => {
            pair("act", done.operation, NAME, out);
            pair("suser", &done.by, NAME, out);
            pair("outcome", done.result, NAME, out);
        }
        Kind::System(system) => pair("reason", system.what, NAME, out),
    }
    if let Kind::System(_) = event.kind {
        pair("msg", Message(event), MESSAGE, out);
    }
}

fn session(session: &SessionEvent, out: &mut Vec<u8>) {
    pair("act", session.change, NAME, out);
    address("src", 2, "Source IPv6 Address", session.src_ip, out);
    address("dst", 3, "Destination IPv6 Address", session.dest_ip, out);
    pair("spt", session.src_port, NAME, out);
    pair("dpt", session.dest_port, NAME, out);
    custom(1, "virtual_server", &session.virtual_server, out);
    custom(2, "session", &session.session, out);
    if let Some(end) = &session.end {
        pair("outcome", end.result, NAME, out);
        pair("in", end.bytes_in, NAME, out);
        pair("out", end.bytes_out, NAME, out);
        custom(3, "member", &end.member, out);
        custom(4, "tls", end.tls, out);
        custom(5, "checks", &end.checks, out);
        let _ = write!(out, " cn1Label=duration_ms cn1={}", end.duration_ms);
    }
}

fn violation(found: &ViolationEvent, out: &mut Vec<u8>) {
    pair("act", found.action, NAME, out);
    address("src", 2, "Source IPv6 Address", found.src_ip, out);
    pair("spt", found.src_port, NAME, out);
    for (key, value) in [
        ("shost", &found.helo),
        ("suser", &found.sender),
        ("duser", &found.recipient),
        ("reason", &found.reason),
    ] {
        if !value.is_empty() {
            pair(key, value, NAME, out);
        }
    }
    custom(1, "virtual_server", &found.virtual_server, out);
    custom(2, "profile", &found.profile, out);
    custom(3, "check", found.check, out);
    custom(4, "session", &found.session, out);
    custom(5, "reply", &found.reply, out);
    custom(6, "message_id", &found.message_id, out);
}

fn firewall(packet: &FirewallEvent, out: &mut Vec<u8>) {
    pair("act", packet.action, NAME, out);
    pair("reason", packet.reason, NAME, out);
    pair("proto", protocol(packet.protocol), NAME, out);
    address("src", 2, "Source IPv6 Address", packet.src_ip, out);
    address("dst", 3, "Destination IPv6 Address", packet.dest_ip, out);
    for (key, port) in [("spt", packet.src_port), ("dpt", packet.dest_port)] {
        if port > 0 {
            pair(key, port, NAME, out);
        }
    }
    pair("in", packet.length, NAME, out);
    pair("deviceInboundInterface", &packet.interface, NAME, out);
    custom(1, "virtual_server", &packet.virtual_server, out);
    custom(2, "policy", &packet.policy, out);
    custom(3, "rule", &packet.rule, out);
    if let Some(feeds) = &packet.feeds {
        custom(4, "feeds", feeds, out);
    }
    if let Some(vlan) = packet.vlan {
        let _ = write!(out, " cn1Label=vlan cn1={vlan}");
    }
    let _ = write!(out, " cn2Label=tcp_flags cn2={}", packet.tcp_flags);
}

/// `src` and `dst` are for IPv4 alone.
fn address(key: &str, number: u8, label: &str, address: IpAddr, out: &mut Vec<u8>) {
    let _ = match address {
        IpAddr::V4(address) => write!(out, " {key}={address}"),
        IpAddr::V6(address) => write!(out, " c6a{number}Label={label} c6a{number}={address}"),
    };
}

/// A custom string, left out where it is empty.
fn custom(number: u8, label: &str, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        let _ = write!(out, " cs{number}Label={label} cs{number}=");
        let _ = write!(Escaped::new(out, NAME, in_extension), "{value}");
    }
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
            Kind::Firewall(packet) => write!(f, "packet {}", packet.action),
            Kind::Health(health) if health.up => f.write_str("member up"),
            Kind::Health(_) => f.write_str("member down"),
            Kind::Member(member) => write!(f, "member {}", member.change),
            Kind::Session(session) => write!(f, "session {}", session.change),
            Kind::Violation(found) => write!(f, "violation {} {}", found.check, found.action),
            Kind::Administration(done) => f.write_str(done.operation),
            Kind::System(system) => f.write_str(system.what),
        }
    }
}
