//! Syslog records of the elder kind (RFC 3164), with the fields as pairs. Time is UTC, to the second:
//! the format has neither a zone nor parts of a second.

use std::io::Write as _;

use super::super::model::Event;
use super::encoder::Origin;
use super::fields::{self, Value};
use super::{pairs, time};

/// Appends the record of an event, without framing.
pub(super) fn encode(origin: &Origin, sequence: u32, event: &Event, out: &mut Vec<u8>) {
    header(origin, event, out);
    let process = origin.process;
    let _ = write!(out, "smtp-lb[{process}]:");
    pairs::pair("event", Value::Name(fields::name(&event.kind)), out);
    pairs::pair("sequence_id", Value::Number(sequence.into()), out);
    pairs::all(&event.kind, out);
}

/// `<PRI>TIMESTAMP HOSTNAME `, which CEF begins with, too.
pub(super) fn header(origin: &Origin, event: &Event, out: &mut Vec<u8>) {
    let time = time(event.time_ns).strftime("%b %e %H:%M:%S");
    // Writing to a Vec cannot fail, and the conversions are known ones.
    let priority = origin.priority(&event.kind);
    let _ = write!(out, "<{priority}>{time} {} ", origin.host);
}
