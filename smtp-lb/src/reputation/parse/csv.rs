//! Columns by name (RFC 4180, without line ends in quotes).

use std::borrow::Cow;

use super::{CsvColumns, Entry, LineFault, ParseError, Rules, address};

/// Which column holds what.
pub(super) struct Columns {
    address: usize,
    prefix: Option<usize>,
    category: Option<usize>,
}

impl Columns {
    /// Takes the first line that is no comment; `None`: this is one.
    pub(super) fn read(text: &str, wanted: &CsvColumns) -> Result<Option<Self>, ParseError> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let names: Vec<Cow<'_, str>> = Fields(Some(text)).map(Option::unwrap_or_default).collect();
        let find = |name: &String| {
            let at = names.iter().position(|own| own.eq_ignore_ascii_case(name));
            at.ok_or_else(|| ParseError::NoColumn(name.clone()))
        };
        Ok(Some(Self {
            address: find(&wanted.address)?,
            prefix: wanted.prefix.as_ref().map(find).transpose()?,
            category: wanted.category.as_ref().map(find).transpose()?,
        }))
    }

    pub(super) fn line(&self, text: &str, rules: &Rules) -> Result<Option<Entry>, LineFault> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (mut network, mut prefix, mut category) = (None, None, None);
        for (at, field) in Fields(Some(text)).enumerate() {
            let field = field.ok_or(LineFault::Columns)?;
            if at == self.address {
                network = Some(field);
            } else if Some(at) == self.prefix {
                prefix = Some(field);
            } else if Some(at) == self.category {
                category = Some(field);
            }
        }
        let network = network.ok_or(LineFault::Columns)?;
        let (first, last) = match prefix.as_deref().unwrap_or_default() {
            "" => address::network(&network)?,
            prefix => address::masked(&network, prefix)?,
        };
        let tag = rules.tag_of(category.as_deref().unwrap_or_default());
        Ok(Some(Entry { first, last, tag }))
    }
}

/// Fields of a line; `None` for one whose quotes are wrong.
struct Fields<'a>(Option<&'a str>);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Cow<'a, str>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0?.trim_start();
        let Some(quoted) = text.strip_prefix('"') else {
            let (field, rest) = match text.split_once(',') {
                Some((field, rest)) => (field, Some(rest)),
                None => (text, None),
            };
            self.0 = rest;
            return Some(Some(Cow::Borrowed(field.trim_end())));
        };
        let mut value = Cow::Borrowed("");
        let mut left = quoted;
        while let Some((head, tail)) = left.split_once('"') {
            value += head;
            if let Some(tail) = tail.strip_prefix('"') {
                value += "\"";
                left = tail;
                continue;
            }
            let tail = tail.trim_start();
            if tail.is_empty() {
                self.0 = None;
                return Some(Some(value));
            }
            self.0 = tail.strip_prefix(',');
            return Some(self.0.is_some().then_some(value));
        }
        self.0 = None;
        Some(None)
    }
}
