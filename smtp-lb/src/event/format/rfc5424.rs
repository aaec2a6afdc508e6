//! Syslog records (RFC 5424).
//!
//! | event | MSGID | severity |
//! |---|---|---|
//! | packet dropped | FIREWALL | warning (4) |
//! | packet accepted | FIREWALL | informational (6) |
//! | member down, up | HEALTH | error (3), notice (5) |
//! | the daemon itself | SYSTEM | notice (5); warning (4) for failures and losses |

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

use super::super::model::{Event, FirewallEvent, Kind};
use super::message::Message;
use super::{is_unsafe, time};

/// Octets of a record at most; each part's bound below keeps it so.
pub const RECORD: usize = 8192;
/// Octets of a name, escapes included. A packet has four, so that its structured data stays
/// under 2 KiB.
const NAME: usize = 320;
/// Octets of free text, escapes included.
const TEXT: usize = 2048;
/// Octets of the message.
const MESSAGE: usize = 3072;
/// Octets of a HOSTNAME (RFC 5424, 6).
const HOSTNAME: usize = 255;
/// Sequence numbers begin anew after this (RFC 5424, 7.3.1).
const SEQUENCE: u32 = 2_147_483_647;

/// Writes records for one destination, numbered from 1.
#[derive(Debug)]
pub struct Encoder {
    facility: u8,
    /// ` HOSTNAME APP-NAME PROCID `.
    origin: String,
    sequence: u32,
}

impl Encoder {
    /// `facility` is 0 to 23 (RFC 5424, table 1); a greater one becomes 23.
    #[must_use]
    pub fn new(facility: u8, hostname: &str, process: u32) -> Self {
        let mut host: String = hostname.chars().filter(char::is_ascii_graphic).collect();
        host.truncate(HOSTNAME);
        if host.is_empty() {
            host.push('-');
        }
        Self {
            facility: facility.min(23),
            origin: format!(" {host} smtp-lb {process} "),
            sequence: 0,
        }
    }

    /// With the names of this host and this process.
    #[must_use]
    pub fn of_this_host(facility: u8) -> Self {
        let name = rustix::system::uname();
        Self::new(
            facility,
            &name.nodename().to_string_lossy(),
            std::process::id(),
        )
    }

    /// Appends the record of an event, without framing; at most [`RECORD`] octets.
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.sequence = self.sequence % SEQUENCE + 1;
        let (severity, id) = classify(&event.kind);
        let priority = self.facility * 8 + severity;
        // Writing to a Vec cannot fail.
        let _ = write!(out, "<{priority}>1 {:.6}", time(event.time_ns));
        out.extend_from_slice(self.origin.as_bytes());
        let _ = write!(out, "{id} [smtp-lb@32473");
        structured(&event.kind, out);
        let _ = write!(out, "][meta sequenceId=\"{}\"] ", self.sequence);
        message(event, out);
    }
}

/// Severity and MSGID.
fn classify(kind: &Kind) -> (u8, &'static str) {
    match kind {
        Kind::Firewall(packet) if packet.action == "accept" => (6, "FIREWALL"),
        Kind::Firewall(_) => (4, "FIREWALL"),
        Kind::Health(health) => (if health.up { 5 } else { 3 }, "HEALTH"),
        Kind::System(system) => {
            let trouble = system.what.ends_with("failed") || system.what.ends_with("lost");
            (if trouble { 4 } else { 5 }, "SYSTEM")
        }
    }
}

fn structured(kind: &Kind, out: &mut Vec<u8>) {
    match kind {
        Kind::Firewall(packet) => firewall(packet, out),
        Kind::Health(health) => {
            parameter(out, "pool", NAME, &health.pool);
            parameter(out, "member", NAME, &health.member);
            parameter(out, "up", NAME, health.up);
            parameter(out, "reason", TEXT, &health.reason);
            parameter(out, "monitor", NAME, &health.monitor);
            parameter(out, "former", NAME, health.former);
            parameter(out, "former_seconds", NAME, health.former_seconds);
        }
        Kind::System(system) => {
            parameter(out, "what", NAME, system.what);
            parameter(out, "detail", TEXT, &system.detail);
        }
    }
}

fn firewall(packet: &FirewallEvent, out: &mut Vec<u8>) {
    parameter(out, "action", NAME, packet.action);
    parameter(out, "reason", NAME, packet.reason);
    parameter(out, "interface", NAME, &packet.interface);
    if let Some(vlan) = packet.vlan {
        parameter(out, "vlan", NAME, vlan);
    }
    parameter(out, "virtual_server", NAME, &packet.virtual_server);
    parameter(out, "policy", NAME, &packet.policy);
    parameter(out, "rule", NAME, &packet.rule);
    parameter(out, "protocol", NAME, packet.protocol);
    parameter(out, "src_ip", NAME, packet.src_ip);
    parameter(out, "src_port", NAME, packet.src_port);
    parameter(out, "dest_ip", NAME, packet.dest_ip);
    parameter(out, "dest_port", NAME, packet.dest_port);
    parameter(out, "tcp_flags", NAME, packet.tcp_flags);
    parameter(out, "length", NAME, packet.length);
}

fn parameter(out: &mut Vec<u8>, name: &str, most: usize, value: impl Display) {
    let _ = write!(out, " {name}=\"");
    // The only error is a value that was cut.
    let _ = write!(Escaped::new(out, most, true), "{value}");
    out.push(b'"');
}

/// MSG in UTF-8, which begins with a byte order mark (RFC 5424, 6.4) unless it is ASCII alone:
/// collectors show the mark as dirt.
fn message(event: &Event, out: &mut Vec<u8>) {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = out.len();
    let _ = write!(Escaped::new(out, MESSAGE, false), "{}", Message(event));
    if !out[start..].is_ascii() {
        out.extend_from_slice(MARK);
        out[start..].rotate_right(MARK.len());
    }
}

/// Writes text so that nothing in it can end a value or a record, and no more than it may.
struct Escaped<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
    in_value: bool,
}

impl<'a> Escaped<'a> {
    fn new(out: &'a mut Vec<u8>, most: usize, in_value: bool) -> Self {
        Self {
            out,
            left: most,
            in_value,
        }
    }

    fn put(&mut self, octets: &[u8]) -> fmt::Result {
        self.left = self.left.checked_sub(octets.len()).ok_or(fmt::Error)?;
        self.out.extend_from_slice(octets);
        Ok(())
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let mut utf8 = [0; 4];
            let octets = character.encode_utf8(&mut utf8).as_bytes();
            if is_unsafe(character) {
                // As RFC 5424 (6.4, 8.2) suggests and rsyslog does: # and the octet in octal.
                let mut escaped = [0; 12];
                let used = octets.len() * 4;
                for (octet, place) in octets.iter().zip(escaped.chunks_exact_mut(4)) {
                    let digits = [octet >> 6, octet >> 3 & 7, octet & 7].map(|digit| b'0' + digit);
                    place[0] = b'#';
                    place[1..].copy_from_slice(&digits);
                }
                self.put(&escaped[..used])?;
            } else if self.in_value && matches!(character, '"' | '\\' | ']') {
                self.put(&[b'\\', octets[0]])?;
            } else {
                self.put(octets)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
