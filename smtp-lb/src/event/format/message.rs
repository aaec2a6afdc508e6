//! An event as one line for people.

use std::fmt;
use std::net::SocketAddr;

use super::text::{self, Text};

use super::super::model::{Event, FirewallEvent, Kind, SessionEvent, ViolationEvent};

/// Shows an event on one line. Text in it is as it came: whoever writes it to a terminal or a
/// log escapes it.
pub(crate) struct Message<'a>(pub(crate) &'a Event);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f)
    }
}

/// As [`Message`] shows it.
pub(super) fn write(event: &Event, f: &mut impl Text) -> fmt::Result {
    match &event.kind {
        Kind::Firewall(packet) => firewall(packet, f),
        Kind::Health(health) => {
            let state = if health.up { "up" } else { "down" };
            let (pool, member) = (&health.pool, &health.member);
            write!(
                f,
                "pool {pool} member {member} is {state}: {} (",
                health.reason
            )?;
            if !health.monitor.is_empty() {
                write!(f, "monitor {}, ", health.monitor)?;
            }
            write!(
                f,
                "{} for {} s before)",
                health.former, health.former_seconds
            )
        }
        Kind::Member(event) => {
            let (pool, member) = (&event.pool, &event.member);
            write!(f, "pool {pool} member {member} {}", event.change)?;
            match (event.reason.as_str(), event.by.as_str()) {
                ("", "") => Ok(()),
                (reason, "") => write!(f, ": {reason}"),
                ("", by) => write!(f, " by {by}"),
                (reason, by) => write!(f, " by {by}: {reason}"),
            }
        }
        Kind::Flood(flood) => {
            let (server, change, mark) = (&flood.virtual_server, flood.change, flood.mark);
            write!(
                f,
                "SYN protection of virtual server {server} {change} by {mark}"
            )?;
            if change == "began" {
                return Ok(());
            }
            write!(
                f,
                ": {} SYNs answered by cookies in {} s",
                flood.cookies, flood.seconds
            )
        }
        Kind::Session(session) => self::session(session, f),
        Kind::Violation(found) => violation(found, f),
        Kind::Administration(done) => {
            f.write_str(done.operation)?;
            if !done.object.is_empty() {
                write!(f, " of {}", done.object)?;
            }
            write!(f, " by {}: {}", done.by, done.result)
        }
        Kind::System(system) => write!(f, "{}: {}", system.what, system.detail),
    }
}

fn session(session: &SessionEvent, f: &mut impl Text) -> fmt::Result {
    let client = SocketAddr::new(session.src_ip, session.src_port);
    let local = SocketAddr::new(session.dest_ip, session.dest_port);
    let (change, server) = (session.change, &session.virtual_server);
    write!(
        f,
        "session {} {change} {client} -> {local} for virtual server {server}",
        session.session
    )?;
    let Some(end) = &session.end else {
        return Ok(());
    };
    if !end.member.is_empty() {
        write!(f, " at member {}", end.member)?;
    }
    if !end.tls.is_empty() {
        write!(f, " by {}", end.tls)?;
    }
    let (bytes_in, bytes_out) = (end.bytes_in, end.bytes_out);
    write!(
        f,
        ": {}, {bytes_in} octets in, {bytes_out} out, {} ms",
        end.result, end.duration_ms
    )?;
    if !end.checks.is_empty() {
        write!(f, "; {}", end.checks)?;
    }
    Ok(())
}

fn violation(found: &ViolationEvent, f: &mut impl Text) -> fmt::Result {
    let client = SocketAddr::new(found.src_ip, found.src_port);
    write!(
        f,
        "{} {} of {client} for virtual server {} by profile {}",
        found.action, found.check, found.virtual_server, found.profile
    )?;
    for (name, value) in [
        ("helo", &found.helo),
        ("from", &found.sender),
        ("to", &found.recipient),
        ("message-id", &found.message_id),
    ] {
        if !value.is_empty() {
            write!(f, " {name}=<{value}>")?;
        }
    }
    write!(f, " session {}: {}", found.session, found.reason)?;
    if !found.reply.is_empty() {
        write!(f, "; replied: {}", found.reply)?;
    }
    Ok(())
}

fn firewall(packet: &FirewallEvent, f: &mut impl Text) -> fmt::Result {
    before_ends(packet, f)?;
    ends(packet, f)?;
    behind_ends(packet, f)
}

/// What was done, and the protocol.
pub(super) fn before_ends(packet: &FirewallEvent, f: &mut impl Text) -> fmt::Result {
    if packet.enforced.is_some() {
        f.clean(b"staged ")?;
    }
    f.write_str(packet.action)?;
    f.clean(b" ")?;
    match protocol(packet.protocol) {
        Protocol::Number(number) => {
            f.clean(b"protocol ")?;
            text::number(number, f)
        }
        Protocol::Name(name) => f.clean(name.as_bytes()),
    }?;
    f.clean(b" ")
}

/// From where, and where to.
pub(super) fn ends(packet: &FirewallEvent, f: &mut impl Text) -> fmt::Result {
    if packet.src_port == 0 && packet.dest_port == 0 {
        text::address(packet.src_ip, f)?;
        f.clean(b" -> ")?;
        text::address(packet.dest_ip, f)
    } else {
        text::socket(packet.src_ip, packet.src_port, f)?;
        f.clean(b" -> ")?;
        text::socket(packet.dest_ip, packet.dest_port, f)
    }
}

/// Where it came in, and by which rule.
pub(super) fn behind_ends(packet: &FirewallEvent, f: &mut impl Text) -> fmt::Result {
    f.clean(b" on ")?;
    f.write_str(&packet.interface)?;
    f.clean(b" by ")?;
    f.write_str(&packet.rule)?;
    if !packet.policy.is_empty() {
        f.clean(b" of policy ")?;
        f.write_str(&packet.policy)?;
    }
    if !packet.virtual_server.is_empty() {
        f.clean(b" for virtual server ")?;
        f.write_str(&packet.virtual_server)?;
    }
    Ok(())
}

/// An IP protocol by its name, if it is one that people know.
pub(super) enum Protocol {
    Name(&'static str),
    Number(u8),
}

/// The name of a protocol number (IANA).
pub(super) const fn protocol(number: u8) -> Protocol {
    match number {
        1 => Protocol::Name("ICMP"),
        6 => Protocol::Name("TCP"),
        17 => Protocol::Name("UDP"),
        58 => Protocol::Name("ICMPv6"),
        other => Protocol::Number(other),
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}
