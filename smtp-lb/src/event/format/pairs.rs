//! `name="value"`, with a backslash before a quote or a backslash in the value: what Splunk and
//! most collectors take apart by themselves.

use super::super::model::Kind;
use super::encoder::most;
use super::escape::{Escaped, quoted};
use super::fields::{self, Value};

/// Appends ` name="value"`.
pub(super) fn pair(name: &str, value: Value<'_>, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    // The only error is a value that was cut.
    let _ = value.write(&mut Escaped::new(out, most(&value), quoted));
    out.push(b'"');
}

/// Appends all fields of an event.
pub(super) fn all(kind: &Kind, out: &mut Vec<u8>) {
    fields::each(kind, |name, value| pair(name, value, out));
}
