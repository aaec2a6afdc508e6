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

use super::super::model::{Event, Kind};
use super::encoder::{MESSAGE, Origin, most};
use super::escape::{Escaped, plain, quoted};
use super::text::{Clock, push_number};
use super::{fields, message};

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
    out.push(b' ');
    out.extend_from_slice(origin.host.as_bytes());
    out.extend_from_slice(b" smtp-lb ");
    push_number(origin.process, out);
    out.push(b' ');
    let id = fields::name(&event.kind).bytes();
    out.extend(id.map(|octet| octet.to_ascii_uppercase()));
    out.extend_from_slice(b" [smtp-lb@32473");
    structured(&event.kind, out);
    out.extend_from_slice(b"][meta sequenceId=\"");
    push_number(sequence, out);
    out.extend_from_slice(b"\"] ");
    text(event, out);
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
