//! Splunk's `key=value` on a line of its own, without a syslog header.

use super::super::model::Event;
use super::encoder::Origin;
use super::fields::{self, Value};
use super::pairs;
use super::text::Clock;

/// Appends the record of an event, without framing.
pub(super) fn encode(
    origin: &Origin,
    clock: &mut Clock,
    sequence: u32,
    event: &Event,
    out: &mut Vec<u8>,
) {
    // Splunk reads the time of an event at its beginning.
    clock.nanos(event.time_ns, out);
    pairs::pair("event", Value::Name(fields::name(&event.kind)), out);
    pairs::pair("host", Value::Name(&origin.host), out);
    pairs::pair("sequence_id", Value::Number(sequence.into()), out);
    pairs::all(&event.kind, out);
}
