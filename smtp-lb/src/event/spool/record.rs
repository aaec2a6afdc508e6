//! A record in a segment, and a segment's head; pure.
//!
//! All numbers are little-endian.
//!
//! | of a record | octets |
//! |---|---|
//! | length of its text | 4 |
//! | CRC-32C of index, time, sequence number, length and text | 4 |
//! | time, nanoseconds since the Unix epoch | 8 |
//! | sequence number in the destination | 8 |
//! | text | length |
//!
//! The index is not written: it is that of the one before it and one. A record that stands where it
//! does not belong has another sum.

use crc::{CRC_32_ISCSI, Crc, Table};

/// Octets before a record's text.
pub(super) const HEAD: usize = 24;
/// Octets of a text at most: far above what any format gives.
pub(super) const MOST: usize = 1 << 20;
/// Octets before a segment's first record.
pub(super) const SEGMENT_HEAD: usize = 24;

const MAGIC: &[u8; 8] = b"smtp-lbQ";
const VERSION: u32 = 1;
static SUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// A record as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) time: u64,
    pub(super) sequence: u64,
    pub(super) text: &'a [u8],
}

/// Appends a record. `text` is at most [`MOST`] octets.
pub(super) fn append(index: u64, record: Record<'_>, out: &mut Vec<u8>) {
    let length = u32::try_from(record.text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sum(index, record, length).to_le_bytes());
    out.extend_from_slice(&record.time.to_le_bytes());
    out.extend_from_slice(&record.sequence.to_le_bytes());
    out.extend_from_slice(record.text);
}

/// The record that `octets` begin with. `None`: they do not begin with the whole record `index`.
pub(super) fn read(index: u64, octets: &[u8]) -> Option<Record<'_>> {
    let length = u32::from_le_bytes(*octets.first_chunk()?);
    let written = u32::from_le_bytes(*octets.get(4..)?.first_chunk()?);
    let time = u64::from_le_bytes(*octets.get(8..)?.first_chunk()?);
    let sequence = u64::from_le_bytes(*octets.get(16..)?.first_chunk()?);
    let size = usize::try_from(length).ok().filter(|&size| size <= MOST)?;
    let text = octets.get(HEAD..HEAD + size)?;
    let record = Record {
        time,
        sequence,
        text,
    };
    (sum(index, record, length) == written).then_some(record)
}

/// The length that a head tells, if it may be one.
pub(super) fn length(octets: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*octets.first_chunk()?);
    usize::try_from(length).ok().filter(|&size| size <= MOST)
}

fn sum(index: u64, record: Record<'_>, length: u32) -> u32 {
    let mut digest = SUM.digest();
    digest.update(&index.to_le_bytes());
    digest.update(&record.time.to_le_bytes());
    digest.update(&record.sequence.to_le_bytes());
    digest.update(&length.to_le_bytes());
    digest.update(record.text);
    digest.finalize()
}

/// The head of the segment whose first record is `first`.
pub(super) fn segment_head(first: u64) -> [u8; SEGMENT_HEAD] {
    let mut head = [0; SEGMENT_HEAD];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&first.to_le_bytes());
    let check = checksum(&head[..20]);
    head[20..].copy_from_slice(&check.to_le_bytes());
    head
}

/// CRC-32C of some octets.
pub(super) fn checksum(octets: &[u8]) -> u32 {
    SUM.checksum(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sum_is_crc32c() {
        // RFC 3720, B.4.
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(
            index in any::<u64>(), time in any::<u64>(), sequence in any::<u64>(),
            text in prop::collection::vec(any::<u8>(), 0..60),
            place in any::<prop::sample::Index>(), flip in 1..=255_u8,
        ) {
            let record = Record { time, sequence, text: &text };
            let mut octets = Vec::new();
            append(index, record, &mut octets);
            prop_assert_eq!(octets.len(), HEAD + text.len());
            prop_assert_eq!(read(index, &octets), Some(record));
            prop_assert_eq!(read(index.wrapping_add(1), &octets), None, "of another place");
            for cut in 0..octets.len() {
                prop_assert_eq!(read(index, &octets[..cut]), None, "cut at {}", cut);
            }
            let place = place.index(octets.len());
            octets[place] ^= flip;
            prop_assert_eq!(read(index, &octets), None, "changed at {}", place);
        }
    }
}
