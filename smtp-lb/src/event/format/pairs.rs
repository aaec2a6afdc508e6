//! `name="value"`, with a backslash before a quote or a backslash in the value: what Splunk and
//! most collectors take apart by themselves.

use std::fmt::Write as _;
use std::io::Write as _;

use super::super::model::Kind;
use super::encoder::most;
use super::escape::{Escaped, quoted};
use super::fields::{self, Value};

/// Appends ` name="value"`.
pub(super) fn pair(name: &str, value: Value<'_>, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, " {name}=\"");
    // The only error is a value that was cut.
    let _ = write!(Escaped::new(out, most(&value), quoted), "{value}");
    out.push(b'"');
}

/// Appends all fields of an event.
pub(super) fn all(kind: &Kind, out: &mut Vec<u8>) {
    fields::each(kind, |name, value| pair(name, value, out));
}
