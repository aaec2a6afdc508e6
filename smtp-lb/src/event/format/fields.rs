//! What a field holds, and the fields of an event by their names.

use std::fmt;
use std::net::IpAddr;

use super::super::model::Kind;
use super::super::schema;
use super::text::{self, Text};

pub(super) use super::super::schema::name;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A name or a word.
    Name(&'a str),
    /// Free text, which may be long.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// An address.
    Address(IpAddr),
}

impl Value<'_> {
    /// As [`fmt::Display`] has it.
    pub(super) fn write(self, out: &mut impl Text) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Text(text) => out.write_str(text),
            Self::Number(number) => text::number(number, out),
            Self::Flag(flag) => out.clean(if flag { b"true" } else { b"false" }),
            Self::Address(address) => text::address(address, out),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Gives each field that is there, by its name, to `visit`, in the schema's order.
pub(super) fn each<'a>(kind: &'a Kind, mut visit: impl FnMut(&'static str, Value<'a>)) {
    schema::each(kind, |field, value| visit(field.name, value));
}
