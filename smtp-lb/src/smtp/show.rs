//! Foreign text made fit for logs and terminals.

/// Shows octets as printable ASCII, the rest as `\xNN`, at most `most` characters and then `...`.
#[must_use]
pub fn show(octets: &[u8], most: usize) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(octets.len().min(most));
    for &octet in octets {
        let before = text.len();
        match octet {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(octet)),
            // Writing to a String cannot fail.
            _ => _ = write!(text, "\\x{octet:02x}"),
        }
        if text.len() > most {
            text.truncate(before);
            text.push_str("...");
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn only_printable_ascii_and_bounded() {
        let table: [(&[u8], usize, &str); 6] = [
            (b"plain text", 99, "plain text"),
            (b"a\\b\x1b[31m\r\n\0", 99, "a\\\\b\\x1b[31m\\x0d\\x0a\\x00"),
            ("ü".as_bytes(), 99, "\\xc3\\xbc"),
            (b"12345", 5, "12345"),
            (b"123456", 5, "12345..."),
            (b"1234\x00", 5, "1234..."),
        ];
        for (octets, most, expected) in table {
            assert_eq!(show(octets, most), expected);
        }
    }
}
