//! What was sent and what arrived, comparable without keeping any message.

use serde::{Deserialize, Serialize};

/// A multiset of messages: equal tallies mean that the same messages went by, in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Messages.
    pub(crate) messages: u64,
    /// Their bytes on the wire, the final dot included.
    pub(crate) bytes: u64,
    /// Sum of the mixed checksums: a loss, a copy or a changed byte changes it.
    pub(crate) digest: u64,
}

impl Tally {
    /// Adds one message by its length in bytes and its CRC-32.
    pub(crate) fn add(&mut self, length: u64, crc: u32) {
        self.messages += 1;
        self.bytes += length;
        self.digest = self.digest.wrapping_add(mix(u64::from(crc) | length << 32));
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            digest: self.digest.wrapping_add(other.digest),
        }
    }
}

/// `SplitMix64`'s finalizer. Without it two errors could cancel out in the sum.
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(messages: &[&[u8]]) -> Tally {
        let mut tally = Tally::default();
        for message in messages {
            tally.add(message.len() as u64, crc32fast::hash(message));
        }
        tally
    }

    #[test]
    fn order_does_not_matter() {
        assert_eq!(tally(&[b"one", b"two"]), tally(&[b"two", b"one"]));
        assert_eq!(
            tally(&[b"one", b"two"]),
            tally(&[b"one"]).plus(tally(&[b"two"]))
        );
    }

    #[test]
    fn content_does() {
        let sent = tally(&[b"one", b"two"]);
        for arrived in [&[b"one", b"twO"], &[b"one", b"one"], &[b"onw", b"teo"]] {
            assert_ne!(sent, tally(&arrived.map(<[u8; 3]>::as_slice)));
        }
        assert_ne!(sent, tally(&[b"one"]));
    }
}
