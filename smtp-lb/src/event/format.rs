//! Events as octets. An encoder appends to a buffer that its caller keeps, and allocates nothing.

pub(crate) mod bigip;
mod cef;
pub mod encoder;
mod escape;
pub(crate) mod fields;
mod journal;
pub mod json;
pub(crate) mod message;
mod pairs;
mod rfc3164;
mod rfc5424;
#[cfg(test)]
pub(crate) mod samples;
mod splunk;
mod template;
mod text;

use jiff::Timestamp;

/// Wall-clock time of an event. Past the year 2554 the model's nanoseconds end, well within
/// what a timestamp holds.
pub(crate) fn time(time_ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(time_ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Characters that a terminal or a log viewer may obey rather than show: control characters,
/// line separators, and those that turn the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}
