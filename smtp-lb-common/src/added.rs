//! Entries that were added for a time: by an operator, or by the proxy that was ill used.
//!
//! They lie in a hash map by network, and each says until when it holds. Lengths of networks in
//! use are few and known, so that a look-up probes those only, and none at all where there are
//! no entries.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::reputation::Standing;

/// Entries at once.
pub const ADDED: u32 = 65_536;
/// Different lengths of networks at once, of each family.
pub const LENGTHS: u32 = 4;
/// Octets of a reason.
pub const REASON: usize = 96;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Key {
    /// First address; IPv4 as `::ffff:a.b.c.d`.
    pub address: [u64; 2],
    /// Length of the prefix: of 32 or of 128.
    pub length: u32,
    /// 4 or 6.
    pub family: u32,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// Nanoseconds of the monotonic clock at which it ends.
    pub expires: u64,
    /// When it was added, in seconds since the Unix epoch.
    pub since: u64,
    /// Number of its category.
    pub category: u32,
    /// Who added it: 0 an operator, 1 the proxy.
    pub origin: u32,
    /// Why, in UTF-8, filled up with zeros.
    pub reason: [u8; REASON],
}

const _: () = assert!(size_of::<Key>() == 24 && size_of::<Entry>() == 120);

/// Access to the entries.
pub trait Entries {
    /// End and category of the entry of exactly this network.
    fn get(&self, key: &Key) -> Option<(u64, u32)>;
}

/// The network of `length` that an address, given as two words, is in.
#[must_use]
#[inline(always)]
pub const fn key(v6: bool, source: [u64; 2], length: u32) -> Key {
    if v6 {
        return Key {
            address: [
                source[0] & first_bits(length),
                source[1] & first_bits(length.saturating_sub(64)),
            ],
            length,
            family: 6,
        };
    }
    Key {
        address: [0, source[1] & first_bits(length + 32)],
        length,
        family: 4,
    }
}

/// The first `count` of 64 bits, or all of them.
#[inline(always)]
const fn first_bits(count: u32) -> u64 {
    if count == 0 {
        0
    } else if count >= 64 {
        u64::MAX
    } else {
        !(u64::MAX >> count)
    }
}

/// Lengths in use as a word: an octet each, 1 more than the length, 0 for none.
#[must_use]
pub fn pack_lengths(lengths: impl Iterator<Item = u32>) -> u32 {
    let mut word = 0;
    for length in lengths.take(LENGTHS as usize) {
        word = word << 8 | (length + 1) & 0xff;
    }
    word
}

/// By which entry a source is listed at `now`, if by any; `lengths` are those of its family.
#[inline(always)]
pub fn added<E: Entries + ?Sized>(
    entries: &E,
    lengths: u32,
    v6: bool,
    source: [u64; 2],
    now: u64,
) -> Standing {
    let mut left = lengths;
    for _ in 0..LENGTHS {
        if left == 0 {
            break;
        }
        let length = (left & 0xff).wrapping_sub(1) & 0xff;
        left >>= 8;
        if let Some((expires, category)) = entries.get(&key(v6, source, length))
            && now < expires
        {
            return Standing::added(category);
        }
    }
    Standing::NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(Key, u64);

    impl Entries for One {
        fn get(&self, key: &Key) -> Option<(u64, u32)> {
            (*key == self.0).then_some((self.1, 7))
        }
    }

    #[test]
    fn networks_of_lengths_in_use_are_found_until_they_end() {
        let v6 = [0x2001_0db8_0001_0000, 9];
        let v4 = [0, 0xffff_c000_0209];
        for (is_v6, source, length, other) in [
            (true, v6, 128, [0x2001_0db8_0001_0000, 8]),
            (true, v6, 64, [0x2001_0db8_0001_0001, 9]),
            (true, v6, 48, [0x2001_0db8_0002_0000, 9]),
            (false, v4, 32, [0, 0xffff_c000_0208]),
            (false, v4, 24, [0, 0xffff_c000_0309]),
        ] {
            let one = One(key(is_v6, source, length), 100);
            let lengths = pack_lengths([128, 64, length].into_iter());
            let find = |source, now| added(&one, lengths, is_v6, source, now);
            assert_eq!(find(source, 99), Standing::added(7), "/{length}");
            assert_eq!(find(source, 100), Standing::NONE, "/{length}: it has ended");
            assert_eq!(find(other, 99), Standing::NONE, "/{length}");
            assert_eq!(added(&one, 0, is_v6, source, 0), Standing::NONE);
        }
    }
}
