//! A JSON object a line, as Spamhaus DROP has it.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Entry, LineFault, Rules, address};

/// What is looked at. Whatever else stands in an object is skipped.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, alias = "network", alias = "ip", alias = "address", default)]
    cidr: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    category: Option<Cow<'a, str>>,
    /// `metadata` in the last line of Spamhaus's.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

pub(super) fn line(text: &str, rules: &Rules) -> Result<Option<Entry>, LineFault> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let object: Object<'_> = serde_json::from_str(text).map_err(|_| LineFault::NotJson)?;
    let Some(network) = object.cidr else {
        return match object.kind.as_deref() {
            Some("metadata") => Ok(None),
            _ => Err(LineFault::NoAddress),
        };
    };
    let (first, last) = address::network(network.trim())?;
    let tag = rules.tag_of(object.category.as_deref().unwrap_or_default());
    Ok(Some(Entry { first, last, tag }))
}
