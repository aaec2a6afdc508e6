//! Syslog records (RFC 5424).
//!
//! | event | MSGID | severity |
//! |---|---|---|
//! | packet dropped or rejected | FIREWALL | warning (4) |
//! | packet accepted | FIREWALL | informational (6) |
//! | member down, up | HEALTH | error (3), notice (5) |
//! | member changed by an operator or its name | MEMBER | notice (5) |
//! | session | SESSION | informational (6); notice (5) if it did not end in order |
//! | an operator's change | ADMINISTRATION | notice (5) |
//! | the daemon itself | SYSTEM | notice (5); warning (4) for failures and losses |

use super::super::model::{Event, FirewallEvent, Kind};
use super::encoder::{MESSAGE, Origin, most};
use super::escape::{Escaped, plain, quoted};
use super::template::{Hole, Template};
use super::text::{Clock, push_number};
use super::{fields, message};

/// What is between the fields and the number of a record.
const META: &[u8] = b"][meta sequenceId=\"";
/// Octets that both ends of a packet have in a message at most: twice an address of 39 in brackets and a port, and
/// an arrow.
const ENDS: usize = 2 * (39 + 2 + 6) + 4;

/// Appends the record of an event, without framing.
pub(super) fn encode(
    origin: &Origin,
    clock: &mut Clock,
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    out.push(b'<');
    push_number(origin.priority(&event.kind), out);
    out.extend_from_slice(b">1 ");
    clock.micros(event.time_ns, out);
    head(origin, &event.kind, out);
    structured(&event.kind, out);
    out.extend_from_slice(META);
    push_number(sequence, out);
    out.extend_from_slice(b"\"] ");
    text(event, out);
}

/// What is between the time and the fields.
fn head(origin: &Origin, kind: &Kind, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(origin.host.as_bytes());
    out.extend_from_slice(b" smtp-lb ");
    push_number(origin.process, out);
    out.push(b' ');
    let id = fields::name(kind).bytes();
    out.extend(id.map(|octet| octet.to_ascii_uppercase()));
    out.extend_from_slice(b" [smtp-lb@32473");
}

fn structured(kind: &Kind, out: &mut Vec<u8>) {
    fields::each(kind, |name, value| {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        // The only error is a value that was cut.
        let _ = value.write(&mut Escaped::new(out, most(&value), parameter));
        out.push(b'"');
    });
}

/// Writes the template of packets. `false`: their message may have to be cut or marked.
pub(super) fn template(
    origin: &Origin,
    packet: &FirewallEvent,
    kind: &Kind,
    to: &mut Template,
) -> bool {
    to.text.push(b'<');
    push_number(origin.priority(kind), &mut to.text);
    to.text.extend_from_slice(b">1 ");
    to.leave(Hole::Micros);
    head(origin, kind, &mut to.text);
    fields::each(kind, |name, value| {
        to.text.push(b' ');
        to.text.extend_from_slice(name.as_bytes());
        to.text.extend_from_slice(b"=\"");
        match Hole::of(name) {
            Some(hole) => to.leave(hole),
            // The only error is a value that was cut.
            None => drop(value.write(&mut Escaped::new(&mut to.text, most(&value), parameter))),
        }
        to.text.push(b'"');
    });
    to.text.extend_from_slice(META);
    to.leave(Hole::Sequence);
    to.text.extend_from_slice(b"\"] ");
    let start = to.text.len();
    let room = MESSAGE - ENDS;
    let before = message::before_ends(packet, &mut Escaped::new(&mut to.text, room, plain));
    to.leave(Hole::Ends);
    let room = room.saturating_sub(to.text.len() - start);
    let behind = message::behind_ends(packet, &mut Escaped::new(&mut to.text, room, plain));
    before.is_ok() && behind.is_ok() && to.text[start..].is_ascii()
}

/// PARAM-VALUE (RFC 5424, 6.3.3).
fn parameter(character: char) -> Option<&'static str> {
    match character {
        ']' => Some("\\]"),
        other => quoted(other),
    }
}

/// MSG in UTF-8, which begins with a byte order mark (RFC 5424, 6.4) unless it is ASCII alone:
/// collectors show the mark as dirt.
fn text(event: &Event, out: &mut Vec<u8>) {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = out.len();
    // The only error is a text that was cut.
    let _ = message::write(event, &mut Escaped::new(out, MESSAGE, plain));
    if !out[start..].is_ascii() {
        out.extend_from_slice(MARK);
        out[start..].rotate_right(MARK.len());
    }
}

#[cfg(test)]
mod tests;
