//! Text from outside, written so that it stays in its place.

use std::fmt;

use super::is_unsafe;

/// What a format's own rules ask for in place of a character.
pub(super) type Rule = fn(char) -> Option<&'static str>;

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

    fn put(&mut self, octets: &[u8]) -> fmt::Result {
        self.left = self.left.checked_sub(octets.len()).ok_or(fmt::Error)?;
        self.out.extend_from_slice(octets);
        Ok(())
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let mut utf8 = [0; 4];
            let octets = character.encode_utf8(&mut utf8).as_bytes();
            if let Some(escaped) = (self.rule)(character) {
                self.put(escaped.as_bytes())?;
            } else if is_unsafe(character) {
                let mut escaped = [0; 16];
                let used = octets.len() * 4;
                for (octet, place) in octets.iter().zip(escaped.chunks_exact_mut(4)) {
                    let digits = [octet >> 6, octet >> 3 & 7, octet & 7].map(|digit| b'0' + digit);
                    place[0] = b'#';
                    place[1..].copy_from_slice(&digits);
                }
                self.put(&escaped[..used])?;
            } else {
                self.put(octets)?;
            }
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
