//! `format` of a log destination, and what belongs to it.

use super::{Check, Checked, all};
use crate::config::diagnostic::quote;
use crate::config::plan::{FieldList, Format};
use crate::config::raw::{self, At};
use crate::config::suggest;

/// Longest delimiter, in octets.
const MAX_DELIMITER: usize = 8;

pub(super) fn compile(
    check: &mut Check<'_>,
    raw: &raw::Destination,
    kind: raw::DestinationKind,
) -> Checked<Format> {
    let default = match kind {
        raw::DestinationKind::File | raw::DestinationKind::Hec => raw::Format::Json,
        raw::DestinationKind::Journald => return journal(check, raw),
        raw::DestinationKind::Syslog | raw::DestinationKind::Forward => raw::Format::Rfc5424,
    };
    let written = raw.format.as_deref().copied().unwrap_or(default);
    if let (raw::DestinationKind::Hec, Some(format)) = (kind, &raw.format)
        && written != raw::Format::Json
    {
        let message = "Splunk's HTTP event collector takes JSON";
        return Err(check.error(format, message, "leave `format` out"));
    }
    if written == raw::Format::Bigip {
        return list(check, raw.fields.as_ref(), raw.delimiter.as_ref()).map(Format::BigIp);
    }
    let strange = [
        foreign(check, "fields", raw.fields.as_ref()),
        foreign(check, "delimiter", raw.delimiter.as_ref()),
    ];
    strange.into_iter().collect::<Checked<()>>()?;
    Ok(match written {
        raw::Format::Rfc5424 => Format::Rfc5424,
        raw::Format::Rfc3164 => Format::Rfc3164,
        raw::Format::Splunk => Format::Splunk,
        raw::Format::Cef => Format::Cef,
        raw::Format::Json => Format::Json,
        raw::Format::Bigip => Format::BigIp(FieldList::default()),
    })
}

/// The journal has a format of its own.
fn journal(check: &mut Check<'_>, raw: &raw::Destination) -> Checked<Format> {
    let Some(written) = &raw.format else {
        return Ok(Format::Journal);
    };
    let message = "the journal has a format of its own";
    Err(check.error(written, message, "leave `format` out"))
}

/// A field list, of a destination or of a log profile.
pub(super) fn list(
    check: &mut Check<'_>,
    fields: Option<&At<Vec<At<String>>>>,
    delimiter: Option<&At<String>>,
) -> Checked<FieldList> {
    let default = FieldList::default();
    let fields = match fields {
        None => Ok(default.fields),
        Some(names) => all(names.iter().map(|name| field(check, name))),
    };
    let delimiter = match delimiter {
        None => Ok(default.delimiter),
        Some(text) => self::delimiter(check, text),
    };
    Ok(FieldList {
        fields: fields?,
        delimiter: delimiter?,
    })
}

fn field(check: &mut Check<'_>, name: &At<String>) -> Checked<String> {
    if FieldList::KNOWN.contains(&&***name) {
        return Ok(name.to_string());
    }
    let known = || FieldList::KNOWN.iter().copied();
    let help = match suggest::nearest(name, known()) {
        Some(near) => format!("did you mean `\"{near}\"`?"),
        None => format!("write some of {}", suggest::list(known())),
    };
    Err(check.error(name, format!("no field is named {}", quote(name)), help))
}

fn delimiter(check: &mut Check<'_>, text: &At<String>) -> Checked<String> {
    let good = |c: char| !c.is_control() && !c.is_alphanumeric() && !"\"\\".contains(c);
    if (1..=MAX_DELIMITER).contains(&text.len()) && text.chars().all(good) {
        return Ok(text.to_string());
    }
    let message = format!("{} cannot stand between values", quote(text));
    let help = format!(
        "write 1 to {MAX_DELIMITER} octets, no letters, digits, quotes, backslashes or control characters"
    );
    Err(check.error(text, message, help))
}

/// A key that belongs to another format.
fn foreign<T>(check: &mut Check<'_>, key: &str, value: Option<&At<T>>) -> Checked<()> {
    let Some(value) = value else { return Ok(()) };
    let message = format!("`{key}` means something with `format = \"bigip\"` only");
    let help = format!("leave `{key}` out, or add `format = \"bigip\"`");
    Err(check.error(value, message, help))
}
