//! Syslog records of the elder kind (RFC 3164), with the fields as pairs. Time is UTC, to the second:
//! the format has neither a zone nor parts of a second.

use std::io::Write as _;

use jiff::Timestamp;

use super::super::model::Event;
use super::encoder::Origin;
use super::fields::{self, Value};
use super::pairs;
use super::text::{Clock, push_number};

/// Appends the record of an event, without framing.
pub(super) fn encode(
    origin: &Origin,
    clock: &mut Clock,
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    header(origin, clock, event, out);
    out.extend_from_slice(b"smtp-lb[");
    push_number(origin.process, out);
    out.extend_from_slice(b"]:");
    pairs::pair("event", Value::Name(fields::name(&event.kind)), out);
    pairs::pair("sequence_id", Value::Number(sequence.into()), out);
    pairs::all(&event.kind, out);
}

/// `<PRI>TIMESTAMP HOSTNAME `, which CEF begins with, too.
pub(super) fn header(origin: &Origin, clock: &mut Clock, event: &Event, out: &mut Vec<u8>) {
    out.push(b'<');
    push_number(origin.priority(&event.kind), out);
    out.push(b'>');
    out.extend_from_slice(clock.second(event.time_ns, timestamp));
    out.push(b' ');
    out.extend_from_slice(origin.host.as_bytes());
    out.push(b' ');
}

fn timestamp(time: Timestamp, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, and the conversions are known ones.
    let _ = write!(out, "{}", time.strftime("%b %e %H:%M:%S"));
}
