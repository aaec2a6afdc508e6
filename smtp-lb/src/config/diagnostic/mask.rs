//! Secrets that stand in a file by mistake: shown as asterisks, so that no message repeats them.
//!
//! Works on the bare text, for it must hold for what is no TOML too. It rather hides too much.

use std::ops::Range;

use crate::config::{suggest, value};

/// Keys whose values may be secrets.
const KEYS: [&str; 3] = ["key", "passphrase", "password"];

/// Longest word that may be meant as one of them.
const MAX_WORD: usize = 16;

/// The text with secrets overwritten. Octets and lines stay where they are.
pub(crate) fn mask(text: &str) -> String {
    let mut spans = pems(text);
    spans.extend(values(text));
    spans.sort_unstable_by_key(|span| span.start);

    let mut masked = String::with_capacity(text.len());
    for span in spans {
        // One may lie within another.
        let start = span.start.max(masked.len());
        if start >= span.end {
            continue;
        }
        masked.push_str(&text[masked.len()..start]);
        for c in text[start..span.end].chars() {
            match c {
                '\n' | '\r' => masked.push(c),
                _ => masked.extend(std::iter::repeat_n('*', c.len_utf8())),
            }
        }
    }
    masked.push_str(&text[masked.len()..]);
    masked
}

/// PEM blocks (RFC 7468): from each `-----BEGIN` to the end of the line with `-----END`.
fn pems(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = find(text, from, "-----BEGIN") {
        let end = find(text, start, "-----END").map_or(text.len(), |at| line_end(text, at));
        spans.push(start..end);
        from = end;
    }
    spans
}

/// Values of keys that hold secrets, or are spelt nearly like them; references are no secrets.
fn values(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices('=').filter_map(|(at, _)| {
        let word = word_before(&text[..at]);
        let near = (2..=MAX_WORD).contains(&word.len())
            && suggest::nearest(word, KEYS.into_iter()).is_some();
        near.then(|| value_after(text, at + 1))?
    })
}

/// The last part of the key that ends here.
fn word_before(text: &str) -> &str {
    let text = text
        .trim_end_matches([' ', '\t'])
        .trim_end_matches(['"', '\'']);
    let letter = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
    let letters = text.bytes().rev().take(MAX_WORD + 1).take_while(letter);
    &text[text.len() - letters.count()..]
}

/// The value that begins here, without its quotes; none if it is a reference.
fn value_after(text: &str, from: usize) -> Option<Range<usize>> {
    let start = text.len() - text[from..].trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    for quotes in ["\"\"\"", "'''"] {
        if rest.starts_with(quotes) {
            let start = start + quotes.len();
            return Some(start..find(text, start, quotes).unwrap_or(text.len()));
        }
    }
    for (open, close) in [('[', "]"), ('{', "}")] {
        if rest.starts_with(open) {
            return Some(start..find(text, start, close).unwrap_or(text.len()));
        }
    }
    let Some(quote) = rest.chars().next().filter(|c| *c == '"' || *c == '\'') else {
        return Some(start..line_end(text, start));
    };
    let start = start + 1;
    let end = closing(text, start, quote);
    let written = &text[start..end];
    let reference = written.starts_with("file:") || value::secret::parse(written, "").is_ok();
    (!reference).then_some(start..end)
}

/// Where a string of one line ends.
fn closing(text: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[start..line_end(text, start)].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return start + at,
            _ => {}
        }
    }
    line_end(text, start)
}

fn line_end(text: &str, from: usize) -> usize {
    find(text, from, "\n").unwrap_or(text.len())
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (text, masked) in [
            ("key = \"hunter2\" # x", "key = \"*******\" # x"),
            ("key='/etc/k'", "key='******'"),
            ("\"key\" = \"a\\\"b\"\nx = 1", "\"key\" = \"****\"\nx = 1"),
            ("passphrase = hunter2\nx", "passphrase = *******\nx"),
            ("passphrse = \"s\"", "passphrse = \"*\""),
            ("a.key = \"é\"", "a.key = \"**\""),
            ("key = \"\"\"\nab\n\"\"\"\nx", "key = \"\"\"\n**\n\"\"\"\nx"),
            ("key = '''ab", "key = '''**"),
            ("key = [\n\"ab\"\n]", "key = *\n****\n]"),
            (
                "{ key = \"ab\", name = \"x\" }",
                "{ key = \"**\", name = \"x\" }",
            ),
            ("key = \"abc", "key = \"***"),
            ("key = \"env:not a name\"", "key = \"**************\""),
            ("key =", "key ="),
            (
                "ca = \"-----BEGIN X\nab\n-----END X\"\nx",
                "ca = \"************\n**\n***********\nx",
            ),
            ("x = '-----BEGIN\nab", "x = '**********\n**"),
        ] {
            assert_eq!(mask(text), masked);
        }
        for text in [
            "key = \"file:/etc/k\"",
            "key = 'env:NAME'",
            "passphrase = \"file:relative\"",
            "name = \"key\"",
            "= = =",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_moves(text in "([ =\"'\\[{}\\]\n#é]|key|passphrase|-----BEGIN|-----END|[a-z]){0,40}") {
            let masked = mask(&text);
            prop_assert_eq!(masked.len(), text.len());
            for (at, c) in text.char_indices() {
                prop_assert!(masked.is_char_boundary(at));
                prop_assert_eq!(c == '\n', masked[at..].starts_with('\n'));
            }
        }
    }
}
