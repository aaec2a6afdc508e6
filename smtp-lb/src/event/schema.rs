//! The schema of events: every kind, its fields in their order, their types, and what each format calls
//! them. Formats are written from it: they walk the fields of an event, and know none of their own.

mod afm;
mod cef;
mod kinds;

use serde::Serialize;

pub(super) use super::format::fields::Value;
use super::model::Kind;
pub(super) use afm::Afm;
pub use afm::AfmName;
pub(super) use cef::Cef;
pub use kinds::KINDS;
pub(super) use kinds::{each, name, of};

/// Changes when a field is taken away or means something else; not when one is added.
pub const VERSION: u32 = 1;

/// Fields that a kind has at most.
const FIELDS: usize = 32;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindSchema {
    /// As `event` has it.
    pub event: &'static str,
    /// When it is told.
    pub about: &'static str,
    /// In the order of every format but CEF.
    pub fields: &'static [FieldSchema],
    /// Places of the fields in the order of CEF, and how many of them it has.
    #[serde(skip)]
    cef: ([u8; FIELDS], usize),
}

impl KindSchema {
    const fn new(event: &'static str, about: &'static str, fields: &'static [FieldSchema]) -> Self {
        Self {
            event,
            about,
            fields,
            cef: cef::order(fields),
        }
    }

    /// Its fields in the order of CEF.
    pub(super) fn in_cef(&self) -> impl Iterator<Item = &'static FieldSchema> {
        let (order, count) = &self.cef;
        let places = order.iter().take(*count);
        places.filter_map(|place| self.fields.get(usize::from(*place)))
    }
}

/// A field.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FieldSchema {
    /// Its name: in JSON, in structured data and pairs, and in capitals in the journal.
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// It may be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What it says.
    pub about: &'static str,
    /// Its place in CEF, and its name there.
    #[serde(serialize_with = "cef::key", skip_serializing_if = "cef::is_none")]
    cef: (u8, Cef),
    /// Its value in an event of its kind.
    #[serde(skip)]
    get: fn(&Kind) -> Option<Value<'_>>,
}

impl FieldSchema {
    /// Its value in an event; `None`: it is not there.
    pub(super) fn get<'a>(&self, kind: &'a Kind) -> Option<Value<'a>> {
        (self.get)(kind)
    }

    /// How CEF has it.
    pub(super) fn cef(&self) -> Cef {
        self.cef.1
    }
}

/// The name tells a field from every other one of its kind.
impl PartialEq for FieldSchema {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.kind, self.optional) == (other.name, other.kind, other.optional)
    }
}

impl Eq for FieldSchema {}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A name or a word.
    Name,
    /// Free text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// An IP address.
    Address,
}

/// A field that every record has, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CommonField {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// It may be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What it says.
    pub about: &'static str,
}

/// Fields of every record.
const COMMON: &[CommonField] = &[
    CommonField {
        name: "time",
        kind: FieldType::Text,
        optional: false,
        about: "RFC 3339, nanoseconds, UTC; syslog has it in its header",
    },
    CommonField {
        name: "event",
        kind: FieldType::Name,
        optional: false,
        about: "kind of event; in RFC 5424 the MSGID",
    },
    CommonField {
        name: "sequence_id",
        kind: FieldType::Number,
        optional: true,
        about: "number in the destination, from 1",
    },
];

/// The whole schema, as it is printed.
#[derive(Debug, Serialize)]
pub struct Schema {
    /// [`VERSION`].
    pub version: u32,
    /// Fields of every record, whatever its kind.
    pub common: &'static [CommonField],
    /// [`KINDS`].
    pub events: &'static [KindSchema],
    /// Names of `fields` in the format `bigip`.
    pub bigip: &'static [AfmName],
}

/// As `smtp-lb events schema` prints it.
#[must_use]
pub fn schema() -> Schema {
    Schema {
        version: VERSION,
        common: COMMON,
        events: KINDS,
        bigip: AfmName::ALL,
    }
}

/// Does any event have a field of that name?
pub(super) fn is_known(name: &str) -> bool {
    let mut fields = KINDS.iter().flat_map(|kind| kind.fields);
    fields.any(|field| field.name == name)
}

#[cfg(test)]
mod tests;
