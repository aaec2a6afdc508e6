//! What entries and counts are found by.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};

/// Octets of a key, at most.
const LONGEST: usize = 240;
/// Octets of what is too long that stay readable.
const READABLE: usize = 200;

/// A key: text, at most 240 octets. Of what is longer the head stays, and a digest of it all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// The key of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.len() <= LONGEST {
            return Self(text.into());
        }
        let mut key = String::with_capacity(LONGEST);
        key.extend(text.chars().scan(0, |length, c| {
            *length += c.len_utf8();
            (*length <= READABLE).then_some(c)
        }));
        key.push('#');
        for octet in digest(&SHA256, text.as_bytes()).as_ref().iter().take(16) {
            // Writing to a String cannot fail.
            let _ = write!(key, "{octet:02x}");
        }
        Self(key.into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_still_differ() {
        let [a, b] = ["a", "b"].map(|end| Key::new(&format!("{}{end}", "ü".repeat(400))));
        assert_ne!(a, b);
        assert!(a.as_str().len() <= LONGEST && a.as_str().starts_with("üü"));
        assert_eq!(Key::new("short").as_str(), "short");
        assert_eq!(Key::new(&"x".repeat(240)).as_str().len(), 240);
    }
}
