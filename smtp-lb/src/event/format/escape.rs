//! Text from outside, written so that it stays in its place.

use std::fmt;

use super::is_unsafe;
use super::text::Text;

/// What a format's own rules ask for in place of a character. Rules are about `"`, `\`, `]`, `|`, `=` and
/// control characters alone.
pub(super) type Rule = fn(char) -> Option<&'static str>;

/// Octets that are written as they are, by every rule.
const AS_IT_IS: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0x20;
    while octet < 0x7f {
        table[octet as usize] = !matches!(octet, b'"' | b'\\' | b']' | b'|' | b'=');
        octet += 1;
    }
    table
};

/// Writes no more than it may, by the rule of a format, and what a terminal may obey as `#` and
/// its octets in octal, as RFC 5424 (6.4, 8.2) suggests and rsyslog does. The only error is a text
/// that was cut, at a character.
pub(super) struct Escaped<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
    rule: Rule,
}

impl<'a> Escaped<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, most: usize, rule: Rule) -> Self {
        Self {
            out,
            left: most,
            rule,
        }
    }

    /// All of it or nothing.
    fn put(&mut self, octets: &[u8]) -> fmt::Result {
        self.left = self.left.checked_sub(octets.len()).ok_or(fmt::Error)?;
        self.out.extend_from_slice(octets);
        Ok(())
    }

    fn character(&mut self, character: char) -> fmt::Result {
        let mut utf8 = [0; 4];
        let octets = character.encode_utf8(&mut utf8).as_bytes();
        if let Some(escaped) = (self.rule)(character) {
            self.put(escaped.as_bytes())
        } else if is_unsafe(character) {
            let mut escaped = [0; 16];
            let used = octets.len() * 4;
            for (octet, place) in octets.iter().zip(escaped.chunks_exact_mut(4)) {
                let digits = [octet >> 6, octet >> 3 & 7, octet & 7].map(|digit| b'0' + digit);
                place[0] = b'#';
                place[1..].copy_from_slice(&digits);
            }
            self.put(&escaped[..used])
        } else {
            self.put(octets)
        }
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        loop {
            let plain = rest.bytes().position(|octet| !AS_IT_IS[usize::from(octet)]);
            // What came before is ASCII: a character's beginning.
            let (plain, other) = rest.split_at(plain.unwrap_or(rest.len()));
            self.clean(plain.as_bytes())?;
            let mut characters = other.chars();
            let Some(character) = characters.next() else {
                return Ok(());
            };
            self.character(character)?;
            rest = characters.as_str();
        }
    }
}

impl Text for Escaped<'_> {
    /// As much of it as there is room for.
    fn clean(&mut self, ascii: &[u8]) -> fmt::Result {
        let room = ascii.len().min(self.left);
        self.left -= room;
        self.out
            .extend_from_slice(ascii.get(..room).unwrap_or_default());
        if room < ascii.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// No rule of its own.
pub(super) fn plain(_: char) -> Option<&'static str> {
    None
}

/// Within quotes, with a backslash before what would end them.
pub(super) fn quoted(character: char) -> Option<&'static str> {
    match character {
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    proptest! {
        /// Runs of plain octets are written at once: with the same outcome as one by one.
        #[test]
        fn a_run_is_what_its_characters_are(
            text in "([a-z \\]\"\\\\|=]|[\\PC\u{0}-\u{20}]){0,40}", most in 0..60_usize,
        ) {
            for rule in [plain, quoted] {
                let (mut whole, mut single) = (Vec::new(), Vec::new());
                let at_once = Escaped::new(&mut whole, most, rule).write_str(&text);
                let mut escaped = Escaped::new(&mut single, most, rule);
                let one_by_one = text.chars().try_for_each(|character| escaped.character(character));
                prop_assert_eq!(&whole, &single);
                prop_assert_eq!(at_once, one_by_one);
            }
        }
    }
}
