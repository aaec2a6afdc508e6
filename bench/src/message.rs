//! Messages: all alike in size, each with content of its own.

use std::io::IoSlice;

use crc32fast::Hasher;

/// Ends every message (RFC 5321, section 4.1.1.4).
pub(crate) const END_OF_DATA: &[u8] = b"\r\n.\r\n";

/// A numbered header, then one body that all messages share, so that sending copies nothing.
pub(crate) struct Template {
    body: Vec<u8>,
    checksum: Hasher,
}

/// The part of a message that is its own. Its length is the same for all.
pub(crate) struct Header(Vec<u8>);

impl Template {
    /// Messages of `size` bytes on the wire, from the header to the final dot. Never fewer
    /// bytes than those two need.
    pub(crate) fn new(size: usize) -> Self {
        let text = size.saturating_sub(Header::new(0).0.len() + END_OF_DATA.len());
        let mut body = text_lines(text);
        body.extend_from_slice(END_OF_DATA);
        let mut checksum = Hasher::new();
        checksum.update(&body);
        Self { body, checksum }
    }

    /// Length of every message, in bytes.
    pub(crate) fn length(&self, header: &Header) -> usize {
        header.0.len() + self.body.len()
    }

    /// CRC-32 of the message with this header.
    pub(crate) fn checksum(&self, header: &Header) -> u32 {
        let mut checksum = Hasher::new();
        checksum.update(&header.0);
        checksum.combine(&self.checksum);
        checksum.finalize()
    }

    /// What is left of the message after its first `sent` bytes.
    pub(crate) fn rest<'a>(&'a self, header: &'a Header, sent: usize) -> [IoSlice<'a>; 2] {
        let of_header = sent.min(header.0.len());
        let of_body = (sent - of_header).min(self.body.len());
        [
            IoSlice::new(&header.0[of_header..]),
            IoSlice::new(&self.body[of_body..]),
        ]
    }
}

impl Header {
    /// The header of one message.
    pub(crate) fn new(number: u64) -> Self {
        Self(format!("Subject: {number:020}\r\n\r\n").into_bytes())
    }
}

/// Letters in lines of 78 characters (RFC 5322, section 2.1.1), which never repeat, so that a
/// piece lost or swapped changes the checksum. No line starts with a dot.
fn text_lines(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|position| match position % 80 {
            78 => b'\r',
            79 => b'\n',
            _ => {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                b'a' + (state % 26) as u8
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(template: &Template, header: &Header, sent: usize) -> Vec<u8> {
        template
            .rest(header, sent)
            .iter()
            .flat_map(|part| part.iter().copied())
            .collect()
    }

    #[test]
    fn size_and_checksum_are_those_of_the_wire() {
        for size in [64, 79, 4096, 10_000] {
            let (template, header) = (Template::new(size), Header::new(7));
            let whole = wire(&template, &header, 0);
            assert_eq!(whole.len(), size);
            assert_eq!(template.length(&header), size);
            assert_eq!(template.checksum(&header), crc32fast::hash(&whole));
        }
    }

    #[test]
    fn the_end_comes_once_and_last() {
        let whole = wire(&Template::new(10_000), &Header::new(0), 0);
        let found = whole
            .windows(END_OF_DATA.len())
            .position(|part| part == END_OF_DATA);
        assert_eq!(found, Some(whole.len() - END_OF_DATA.len()));
    }

    #[test]
    fn the_rest_goes_on_where_sending_stopped() {
        let (template, header) = (Template::new(300), Header::new(3));
        let whole = wire(&template, &header, 0);
        for sent in 0..=whole.len() {
            assert_eq!(wire(&template, &header, sent), whole[sent..]);
        }
    }
}
