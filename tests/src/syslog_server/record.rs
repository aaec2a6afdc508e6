//! RFC 5424, section 6, strictly.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// 0 to 23.
    pub facility: u8,
    /// 0 to 7.
    pub severity: u8,
    /// As `2026-01-02T03:04:05.678901Z`, or `-`.
    pub timestamp: String,
    /// Sender's name, or `-`.
    pub hostname: String,
    /// Program, or `-`.
    pub app: String,
    /// Process, or `-`.
    pub process: String,
    /// Kind of record, or `-`.
    pub id: String,
    /// Parameters of each element, unescaped.
    pub data: BTreeMap<String, BTreeMap<String, String>>,
    /// Text.
    pub message: String,
}

impl Record {
    /// Reads one.
    pub fn parse(octets: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(octets).context("not UTF-8")?;
        let rest = text.strip_prefix('<').context("no PRI")?;
        let (pri, rest) = rest.split_once('>').context("no PRI")?;
        ensure!(
            !pri.is_empty() && (pri == "0" || !pri.starts_with('0')),
            "PRI {pri:?}"
        );
        let pri: u8 = pri.parse().context("PRI")?;
        ensure!(pri <= 191, "PRI {pri}");
        let rest = rest.strip_prefix("1 ").context("no VERSION 1")?;
        let (timestamp, rest) = timestamp(rest)?;
        let (hostname, rest) = header(rest, 255).context("HOSTNAME")?;
        let (app, rest) = header(rest, 48).context("APP-NAME")?;
        let (process, rest) = header(rest, 128).context("PROCID")?;
        let (id, rest) = header(rest, 32).context("MSGID")?;
        let (data, rest) = structured_data(rest)?;
        let message = match rest.strip_prefix(' ') {
            Some(message) => message.strip_prefix('\u{feff}').unwrap_or(message),
            None if rest.is_empty() => "",
            None => bail!("no blank before MSG"),
        };
        Ok(Self {
            facility: pri / 8,
            severity: pri % 8,
            timestamp,
            hostname,
            app,
            process,
            id,
            data,
            message: message.to_owned(),
        })
    }

    /// A parameter of any element.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.data
            .values()
            .find_map(|element| element.get(name))
            .map(String::as_str)
    }
}

/// A field of the header and what follows its blank.
fn header(text: &str, longest: usize) -> Result<(String, &str)> {
    let (field, rest) = text.split_once(' ').context("no blank after it")?;
    ensure!(
        !field.is_empty() && field.len() <= longest && field.bytes().all(|b| b.is_ascii_graphic()),
        "{field:?}"
    );
    Ok((field.to_owned(), rest))
}

fn timestamp(text: &str) -> Result<(String, &str)> {
    let (field, rest) = header(text, 32).context("TIMESTAMP")?;
    if field == "-" {
        return Ok((field, rest));
    }
    let local = if let Some(time) = field.strip_suffix('Z') {
        time
    } else {
        let (time, zone) = field
            .split_at_checked(field.len().saturating_sub(6))
            .context("TIMESTAMP")?;
        ensure!(
            shaped(zone, "+00:00") || shaped(zone, "-00:00"),
            "TIMESTAMP {field:?} has no zone"
        );
        time
    };
    let (time, fraction) = local.split_once('.').unwrap_or((local, "0"));
    ensure!(
        shaped(time, "0000-00-00T00:00:00")
            && (1..=6).contains(&fraction.len())
            && fraction.bytes().all(|b| b.is_ascii_digit()),
        "TIMESTAMP {field:?}"
    );
    Ok((field, rest))
}

/// Has the text this shape, where 0 is for any digit?
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| {
            if shape == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == shape
            }
        })
}

type Data = BTreeMap<String, BTreeMap<String, String>>;

fn structured_data(text: &str) -> Result<(Data, &str)> {
    let mut data = Data::new();
    if let Some(rest) = text.strip_prefix('-') {
        return Ok((data, rest));
    }
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix('[') {
        let (id, mut inner) = name(inner).context("SD-ID")?;
        let mut parameters = BTreeMap::new();
        loop {
            if let Some(after) = inner.strip_prefix(']') {
                rest = after;
                break;
            }
            let after = inner
                .strip_prefix(' ')
                .with_context(|| format!("no blank before a parameter of {id}"))?;
            let (key, after) = name(after).context("PARAM-NAME")?;
            let after = after
                .strip_prefix("=\"")
                .with_context(|| format!("no value of {key}"))?;
            let (value, after) = value(after).with_context(|| format!("value of {key}"))?;
            // Allowed by the RFC; a record of ours has no use for it.
            ensure!(!parameters.contains_key(&key), "{key} twice");
            parameters.insert(key, value);
            inner = after;
        }
        ensure!(!data.contains_key(&id), "SD-ID {id} twice");
        data.insert(id, parameters);
    }
    ensure!(!data.is_empty(), "no STRUCTURED-DATA");
    Ok((data, rest))
}

/// SD-NAME.
fn name(text: &str) -> Result<(String, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_graphic() || matches!(c, '=' | ']' | '"'))
        .unwrap_or(text.len());
    ensure!((1..=32).contains(&end), "{:?}", &text[..end]);
    Ok((text[..end].to_owned(), &text[end..]))
}

/// PARAM-VALUE, up to and without its quote.
fn value(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            ']' => bail!("`]` is not escaped"),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\' | ']'))) => value.push(escaped),
                other => bail!("`\\` before {other:?}"),
            },
            _ => value.push(c),
        }
    }
    bail!("no quote at its end")
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn a_whole_record() {
        let record = Record::parse(
            br#"<134>1 2026-01-02T03:04:05.678901Z mx1 smtp-lb 42 fw [a@1 x="1" y="q\"b\\c\]"][b] hi there"#,
        )
        .unwrap();
        assert_eq!((record.facility, record.severity), (16, 6));
        assert_eq!(record.app, "smtp-lb");
        assert_eq!(record.get("y"), Some(r#"q"b\c]"#));
        assert_eq!(record.data.len(), 2);
        assert_eq!(record.message, "hi there");
    }

    #[test]
    fn anything_else_is_a_fault() {
        for text in [
            "",
            "<192>1 - - - - - -",
            "<01>1 - - - - - -",
            "<1>2 - - - - - -",
            "<1>1 - - - - -",
            "<1>1 2026-01-02 - - - - -",
            "<1>1 2026-01-02T03:04:05.1234567Z - - - - -",
            "<1>1 2026-01-02T03:04:05 - - - - -",
            "<1>1 -  - - - - -",
            "<1>1 - - - - - -x",
            "<1>1 - - - - - [a x=\"1]\"]",
            "<1>1 - - - - - [a x=\"\\n\"]",
            "<1>1 - - - - - [a x=1]",
            "<1>1 - - - - - [a x=\"1\"",
            "<1>1 - - - - - [a][a]",
        ] {
            assert!(Record::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        Record::parse(b"<0>1 2026-01-02T03:04:05+01:00 - - - - -").unwrap();
    }
}
