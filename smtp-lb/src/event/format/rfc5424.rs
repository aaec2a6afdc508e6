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

use std::fmt::Write as _;
use std::io::Write as _;

use super::super::model::{Event, Kind};
use super::encoder::{MESSAGE, Origin, most};
use super::escape::{Escaped, plain, quoted};
use super::message::Message;
use super::{fields, time};

/// Appends the record of an event, without framing.
pub(super) fn encode(origin: &Origin, sequence: u32, event: &Event, out: &mut Vec<u8>) {
    let priority = origin.priority(&event.kind);
    let (host, process) = (&origin.host, origin.process);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "<{priority}>1 {:.6}", time(event.time_ns));
    let _ = write!(out, " {host} smtp-lb {process} ");
    let id = fields::name(&event.kind).bytes();
    out.extend(id.map(|octet| octet.to_ascii_uppercase()));
    let _ = write!(out, " [smtp-lb@32473");
    structured(&event.kind, out);
    let _ = write!(out, "][meta sequenceId=\"{sequence}\"] ");
    message(event, out);
}

fn structured(kind: &Kind, out: &mut Vec<u8>) {
    fields::each(kind, |name, value| {
        let _ = write!(out, " {name}=\"");
        // The only error is a value that was cut.
        let _ = write!(Escaped::new(out, most(&value), parameter), "{value}");
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
fn message(event: &Event, out: &mut Vec<u8>) {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = out.len();
    let _ = write!(Escaped::new(out, MESSAGE, plain), "{}", Message(event));
    if !out[start..].is_ascii() {
        out.extend_from_slice(MARK);
        out[start..].rotate_right(MARK.len());
    }
}

#[cfg(test)]
mod tests;
