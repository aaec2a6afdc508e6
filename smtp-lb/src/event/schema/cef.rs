//! What `ArcSight`'s Common Event Format calls a field, and where it stands.

use std::fmt;

use serde::Serializer;

use super::{FIELDS, FieldSchema};

/// How CEF has a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) enum Cef {
    /// Not at all.
    Nothing,
    /// By a key of its own.
    Key(&'static str),
    /// The same, left out where it is empty.
    Filled(&'static str),
    /// The same, left out where it is 0.
    Port(&'static str),
    /// The number of an IP protocol, by its name.
    Protocol(&'static str),
    /// An address: of IPv4 by this key, of IPv6 by the custom address of this number and label.
    Address(&'static str, u8, &'static str),
    /// A flag, as `up` or `down`.
    UpDown(&'static str),
    /// The custom string of this number, labelled with the field's name; left out where it is empty.
    String(u8),
    /// The custom number of this number, labelled with the field's name.
    Number(u8),
    /// The line for people, of which the field is a part.
    Message,
}

impl fmt::Display for Cef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Key(key)
            | Self::Filled(key)
            | Self::Port(key)
            | Self::Protocol(key)
            | Self::UpDown(key) => f.write_str(key),
            Self::Address(key, number, _) => write!(f, "{key} or c6a{number}"),
            Self::String(number) => write!(f, "cs{number}"),
            Self::Number(number) => write!(f, "cn{number}"),
            Self::Message => f.write_str("msg"),
        }
    }
}

/// Its name in the schema.
pub(super) fn key<S: Serializer>((_, cef): &(u8, Cef), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(cef)
}

pub(super) fn is_none((_, cef): &(u8, Cef)) -> bool {
    *cef == Cef::Nothing
}

/// Places of the fields in the order of CEF, and how many of them it has.
pub(super) const fn order(fields: &[FieldSchema]) -> ([u8; FIELDS], usize) {
    assert!(fields.len() <= FIELDS, "more fields than FIELDS");
    let mut order = [0; FIELDS];
    let mut count = 0;
    let mut rank = 0;
    while rank <= u8::MAX as usize {
        let mut place = 0;
        while place < fields.len() {
            if fields[place].cef.0 as usize == rank && !matches!(fields[place].cef.1, Cef::Nothing)
            {
                #[expect(clippy::cast_possible_truncation, reason = "less than FIELDS")]
                {
                    order[count] = place as u8;
                }
                count += 1;
            }
            place += 1;
        }
        rank += 1;
    }
    (order, count)
}
