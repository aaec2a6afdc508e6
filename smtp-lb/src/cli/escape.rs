//! Untrusted text made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line, with nothing in it that a terminal would obey.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |c| obeyed(c) || c == '\n')
}

/// `text` with its lines kept, and nothing else in it that a terminal would obey.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, obeyed)
}

/// JSON with the same care. Only strings can hold such characters, where the escape is legal.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn escape(text: &str, unsafe_char: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(unsafe_char) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unsafe_char(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Control characters of C0 and C1, and what turns the direction of text or hides in it.
fn obeyed(c: char) -> bool {
    c != '\n' && c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{json, line, lines};

    #[test]
    fn what_a_terminal_obeys_is_spelt_out() {
        let table = [
            ("plain text, größer", "plain text, größer"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\rb\tc\0", "a\\u{d}b\\u{9}c\\u{0}"),
            ("a\nb", "a\\u{a}b"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("\u{7f}", "\\u{7f}"),
        ];
        for (raw, safe) in table {
            assert_eq!(line(raw), safe, "{raw:?}");
        }
        assert_eq!(lines("a\nb\u{1b}c"), "a\nb\\u{1b}c");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"k": "\u{1b}[m \u{9b} \u{202e} \u{7f}\n ß"});
        for text in [serde_json::to_string(&value).unwrap(), format!("{value:#}")] {
            let safe = json(&text);
            assert!(!safe.contains(['\u{9b}', '\u{7f}', '\u{202e}']));
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
                value
            );
        }
    }
}
