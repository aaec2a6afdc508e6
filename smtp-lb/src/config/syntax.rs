//! Text to TOML tree, every syntax error told.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Report, Reported, mask, quote};

/// Longest line, in bytes: beyond it no terminal could show what is wrong.
const MAX_LINE: usize = 64 * 1024;

/// Parses the document, or reports every syntax error in it.
pub(crate) fn parse<'t>(
    text: &'t str,
    report: &mut Report,
) -> Result<Spanned<DeTable<'t>>, Reported> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.len() > MAX_LINE {
            return Err(report.error(Diagnostic::new(
                start..start,
                "this line is longer than 64 KiB",
                "put each element of a long array on a line of its own",
            )));
        }
        start += line.len();
    }

    let (tree, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(tree);
    }
    // What was meant as a value may be a secret without quotes.
    let text = mask(text);
    let mut failed = None;
    let mut last_line = None;
    for error in errors {
        let span = widen(&text, &error.span().unwrap_or_default());
        // What follows on the same line is nearly always caused by the first.
        let line = text.get(..span.start).and_then(|before| before.rfind('\n'));
        if last_line == Some(line) {
            continue;
        }
        last_line = Some(line);
        let help = help(error.message(), &text, &span);
        failed = Some(report.error(Diagnostic::new(span, error.message(), help)));
    }
    match failed {
        Some(reported) => Err(reported),
        None => Ok(tree),
    }
}

/// An empty span shows nothing: take the next character of the line, or else the last one.
fn widen(text: &str, span: &Range<usize>) -> Range<usize> {
    if !span.is_empty() {
        return span.clone();
    }
    let (before, after) = text.split_at_checked(span.start).unwrap_or((text, ""));
    match (after.chars().next(), before.chars().next_back()) {
        (Some(c), _) if c != '\n' && c != '\r' => span.start..span.start + c.len_utf8(),
        (_, Some(c)) if c != '\n' => span.start - c.len_utf8()..span.start,
        _ => span.clone(),
    }
}

fn help(message: &str, text: &str, span: &Range<usize>) -> String {
    let at_fault = text.get(span.clone()).unwrap_or_default().trim();
    if message.starts_with("string values must be quoted") {
        if at_fault.is_empty() || at_fault == "=" {
            "write a value after `=`".to_owned()
        } else {
            format!("write {}", quote(&format!("\"{at_fault}\"")))
        }
    } else if message.starts_with("invalid float") || message.starts_with("invalid integer") {
        "write text, as an address or a duration, in quotes".to_owned()
    } else if message.starts_with("duplicate key") {
        "keep one of them; of what can be many, write each as `[[table]]`".to_owned()
    } else if message.starts_with("key with no value") {
        "write `key = value`".to_owned()
    } else if message.starts_with("invalid unquoted key") {
        "write keys with letters, digits, `-` and `_` only".to_owned()
    } else if message.starts_with("unclosed array") {
        "close the array with `]`".to_owned()
    } else if message.starts_with("unclosed table") {
        "close the name of the table with `]`, or with `]]` if opened so".to_owned()
    } else if message.starts_with("unclosed inline table") {
        "close the table with `}`".to_owned()
    } else if message.starts_with("invalid basic string") {
        "close the string with `\"` on the same line".to_owned()
    } else if message.starts_with("invalid literal string") {
        "close the string with `'` on the same line".to_owned()
    } else if message.starts_with("unexpected leading zero") {
        "leave out leading zeros; write a file mode in quotes, as `\"0600\"`".to_owned()
    } else {
        "see https://toml.io/en/v1.1.0 for how TOML is written".to_owned()
    }
}
