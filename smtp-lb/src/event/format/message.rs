//! An event as one line for people.

use std::fmt;
use std::net::SocketAddr;

use super::super::model::{Event, FirewallEvent, Kind};

/// Shows an event on one line. Text in it is as it came: whoever writes it to a terminal or a
/// log escapes it.
pub(crate) struct Message<'a>(pub(crate) &'a Event);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
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
            Kind::System(system) => write!(f, "{}: {}", system.what, system.detail),
        }
    }
}

fn firewall(packet: &FirewallEvent, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} ", packet.action)?;
    match protocol(packet.protocol) {
        Protocol::Number(number) => write!(f, "protocol {number}"),
        named @ Protocol::Name(_) => write!(f, "{named}"),
    }?;
    if packet.src_port == 0 && packet.dest_port == 0 {
        write!(f, " {} -> {}", packet.src_ip, packet.dest_ip)?;
    } else {
        let source = SocketAddr::new(packet.src_ip, packet.src_port);
        let destination = SocketAddr::new(packet.dest_ip, packet.dest_port);
        write!(f, " {source} -> {destination}")?;
    }
    write!(f, " on {} by {}", packet.interface, packet.rule)?;
    if !packet.policy.is_empty() {
        write!(f, " of policy {}", packet.policy)?;
    }
    if !packet.virtual_server.is_empty() {
        write!(f, " for virtual server {}", packet.virtual_server)?;
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
