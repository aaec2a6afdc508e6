//! Reputation: layout of the compiled feeds, and from a source to who lists it.
//!
//! An image of its own beside the policy's, one flat array of the same lines:
//!
//! ```text
//! line 0          header
//! IPv4 root       1,048,576 words, by the first 20 bits of the source
//! IPv6 root       words for 2000::/3, by some bits after those three, then 8 words by the first three
//!                 bits for the rest
//! IPv4 entries    for each root word that needs them: the last 12 bits from which a set holds,
//!                 and the set; 16 to a line
//! IPv6 intervals  as in the policy's image, 4 to a line
//! sets            mask of each set's categories, 8 to a line
//! names           what the numbers stand for, for people
//! ```
//! Look-ups end in a *set*: one of the different combinations of feeds and categories that hold
//! an address. Set 0 is nobody's.

use crate::image::{Image, Line, Target, halves, word};
use crate::lookup::search;

/// First word of the header.
pub const MAGIC: u64 = 0x4c42_5245_5055_0001;

/// Bound of set numbers.
pub const SETS: u32 = 8192;
/// Bound of different combinations of reputation policies: what [`Profile`]s there can be.
pub const PROFILES: u32 = 8;
/// Counters: one for each set and profile.
pub const HITS: u32 = SETS * PROFILES;
/// Bound of categories: bits of a mask below [`ALLOW`], and sets below [`FIRST_FEED_SET`].
pub const CATEGORIES: u32 = 62;
/// Bit of a mask: an allow entry holds the address, and nothing else matters.
pub const ALLOW: u64 = 1 << 63;
/// Sets below it are those of added entries: 1 more than the category's number.
pub const FIRST_FEED_SET: u32 = 64;

/// Bits of an IPv4 address that index the root.
pub const ROOT_BITS: u32 = 20;
/// Bits of an IPv6 address that index its root, at the least and at the most: as many as make words of
/// about one entry each. Of a root that is wider than that, a look-up touches memory that no other has
/// touched lately.
pub const ROOT_BITS_V6: core::ops::RangeInclusive<u32> = 8..=20;
/// Words of the IPv4 root.
pub const ROOT_WORDS: u32 = 1 << ROOT_BITS;
/// First line of the IPv4 root.
pub const ROOT_V4: u32 = 1;
/// First line of the IPv6 root.
pub const ROOT_V6: u32 = ROOT_V4 + ROOT_WORDS / 8;
/// First line after the roots, that of IPv6 being of so many bits.
#[must_use]
pub const fn after_roots(bits_v6: u32) -> u32 {
    ROOT_V6 + (1 << bits_v6) / 8 + 1
}
/// IPv4 entries in a line.
pub const ENTRIES_PER_LINE: u32 = 16;
/// Bits of an IPv4 address that an entry tells apart.
pub const ENTRY_BITS: u32 = 32 - ROOT_BITS;
/// Bits of a set's number in an entry.
const SET_BITS: u32 = 20;
/// Halvings that find the line of one entry among all that a root word can have.
const MAX_HALVINGS: u32 = 8;

const _: () = assert!(SETS <= 1 << SET_BITS && HITS == 65_536);

/// Line 0, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First line of the sets' masks.
    pub sets: u32,
    /// How many sets have a mask.
    pub count: u32,
    /// First line of the names: a word with their length in octets, then JSON.
    pub names: u32,
    /// Total lines.
    pub lines: u32,
    /// Bits that index the IPv6 root: one of [`ROOT_BITS_V6`].
    pub bits_v6: u32,
    /// Counts compilations, for people.
    pub generation: u32,
}

impl Header {
    /// As line 0.
    #[must_use]
    pub const fn pack(&self) -> Line {
        [
            MAGIC,
            word(self.sets, self.count),
            word(self.names, self.lines),
            word(self.bits_v6, self.generation),
            0,
            0,
            0,
            0,
        ]
    }

    /// From line 0; `None` if it is not a header of this layout.
    #[must_use]
    #[inline(always)]
    pub fn unpack(line: &Line) -> Option<Self> {
        if line[0] != MAGIC {
            return None;
        }
        let (sets, count) = halves(line[1]);
        let (names, lines) = halves(line[2]);
        let (bits_v6, generation) = halves(line[3]);
        Some(Self {
            sets,
            count,
            names,
            lines,
            bits_v6,
            generation,
        })
    }
}

/// An IPv4 entry: from which of the last 12 bits on a set holds.
#[must_use]
#[inline(always)]
pub const fn entry(start: u32, set: u32) -> u32 {
    (start << SET_BITS) | set
}

/// Who lists a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its set; 0: nobody.
    pub set: u32,
    /// Categories, one bit to each, and [`ALLOW`].
    pub mask: u64,
}

impl Standing {
    /// Nobody does.
    pub const NONE: Self = Self { set: 0, mask: 0 };

    /// By an added entry of a category below [`CATEGORIES`].
    #[must_use]
    #[inline(always)]
    pub const fn added(category: u32) -> Self {
        if category >= CATEGORIES {
            return Self::NONE;
        }
        Self {
            set: category + 1,
            mask: 1 << category,
        }
    }
}

/// Who lists a source, given as two words, IPv4 in the low half of the second. A damaged image
/// lists nobody.
#[inline(always)]
pub fn standing<I: Image + ?Sized>(image: &I, v6: bool, source: [u64; 2]) -> Standing {
    let set = if v6 {
        set_v6(image, source[0], source[1])
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the IPv4 address is the low half"
        )]
        set_v4(image, source[1] as u32)
    };
    match set {
        Some(set) if set != 0 => match mask(image, set) {
            Some(mask) => Standing { set, mask },
            None => Standing::NONE,
        },
        _ => Standing::NONE,
    }
}

/// Set of an IPv4 source. `None`: the image is damaged.
#[inline(always)]
pub fn set_v4<I: Image + ?Sized>(image: &I, source: u32) -> Option<u32> {
    let index = source >> ENTRY_BITS;
    let root = image.line(ROOT_V4 + index / 8)?;
    let (count, first) = halves(root[(index % 8) as usize]);
    if count == 0 {
        return Some(first);
    }
    // The greatest entry that starts here or before.
    let bound = entry(source & ((1 << ENTRY_BITS) - 1), (1 << SET_BITS) - 1);
    let mut at = first / ENTRIES_PER_LINE;
    let mut line = image.line(at)?;
    let (mut slot, mut left) = (first % ENTRIES_PER_LINE, count);
    if count > ENTRIES_PER_LINE {
        let mut lines = count.div_ceil(ENTRIES_PER_LINE);
        for _ in 0..MAX_HALVINGS {
            if lines <= 1 {
                break;
            }
            let half = lines / 2;
            let middle = image.line(at.wrapping_add(half))?;
            if read(middle, 0) <= bound {
                line = middle;
                at = at.wrapping_add(half);
                lines -= half;
            } else {
                lines = half;
            }
        }
        // The last line is filled up with its last entry.
        (slot, left) = (0, ENTRIES_PER_LINE);
    }
    // 16 entries are halved four times.
    for _ in 0..4 {
        if left <= 1 {
            break;
        }
        let half = left / 2;
        let middle = slot.wrapping_add(half);
        if read(line, middle) <= bound {
            slot = middle;
            left -= half;
        } else {
            left = half;
        }
    }
    Some(read(line, slot) & ((1 << SET_BITS) - 1))
}

/// Set of an IPv6 source, given as its high and low half. `None`: the image is damaged.
#[inline(always)]
pub fn set_v6<I: Image + ?Sized>(image: &I, high: u64, low: u64) -> Option<u32> {
    let bits = Header::unpack(image.line(0)?)?.bits_v6;
    let index = root_index_v6(high, bits);
    let line = image.line(ROOT_V6.wrapping_add(index / 8))?;
    let (first, count) = match Target::unpack(line[(index % 8) as usize]) {
        Target::Class(set) => return Some(set),
        Target::Lines { first, count } => (first, count),
    };
    let (first, count) = match search(image, first, count, high)? {
        Target::Class(set) => return Some(set),
        Target::Lines { first, count } => (first, count),
    };
    match search(image, first, count, low)? {
        Target::Class(set) => Some(set),
        Target::Lines { .. } => None,
    }
}

/// Word of an IPv6 root of so many bits for an address, by its high half.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "23 bits at the most")]
pub const fn root_index_v6(high: u64, bits: u32) -> u32 {
    match high >> 61 {
        1 => (high << 3).wrapping_shr(64u32.wrapping_sub(bits)) as u32,
        other => 1u32.wrapping_shl(bits).wrapping_add(other as u32),
    }
}

#[inline(always)]
fn mask<I: Image + ?Sized>(image: &I, set: u32) -> Option<u64> {
    let header = Header::unpack(image.line(0)?)?;
    if set >= header.count {
        return None;
    }
    let line = image.line(header.sets.wrapping_add(set / 8))?;
    Some(line[(set % 8) as usize])
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "half of a word")]
const fn read(line: &Line, slot: u32) -> u32 {
    let word = line[(slot / 2 % 8) as usize];
    if slot.is_multiple_of(2) {
        word as u32
    } else {
        (word >> 32) as u32
    }
}

/// What a context does with each category, as the policy's image holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Categories whose sources are dropped.
    pub drop: u64,
    /// Categories whose sources are rejected, if they are not dropped.
    pub reject: u64,
    /// Categories of which events are asked for.
    pub log: u64,
    /// Who counts: below [`PROFILES`], or [`NO_PROFILE`].
    pub number: u32,
}

/// [`Profile::number`] of a context that asks for no reputation.
pub const NO_PROFILE: u32 = u32::MAX;
/// Lines of a profile: one for itself, the rest for the counter slots of its categories.
pub const PROFILE_LINES: u32 = 5;
/// Slots in a line.
pub const SLOTS_PER_LINE: u32 = 16;

impl Profile {
    /// As a line.
    #[must_use]
    pub const fn pack(&self) -> Line {
        [
            self.drop,
            self.reject,
            self.log,
            self.number as u64,
            0,
            0,
            0,
            0,
        ]
    }

    /// From a line.
    #[must_use]
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a field of the packed line"
    )]
    pub const fn unpack(line: &Line) -> Self {
        Self {
            drop: line[0],
            reject: line[1],
            log: line[2],
            number: line[3] as u32,
        }
    }
}

/// Number of the lowest bit of a mask that has one.
#[must_use]
#[inline(always)]
pub const fn lowest(mask: u64) -> u32 {
    // The BPF target has no instruction for it.
    let bit = mask & mask.wrapping_neg();
    let mut at = 0;
    if bit >> 32 != 0 {
        at += 32;
    }
    if bit & 0x0000_ffff_0000_ffff == 0 {
        at += 16;
    }
    if bit & 0x00ff_00ff_00ff_00ff == 0 {
        at += 8;
    }
    if bit & 0x0f0f_0f0f_0f0f_0f0f == 0 {
        at += 4;
    }
    if bit & 0x3333_3333_3333_3333 == 0 {
        at += 2;
    }
    if bit & 0x5555_5555_5555_5555 == 0 {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{Profile, lowest};

    #[test]
    fn the_lowest_bit_is_found() {
        for bit in 0..64 {
            assert_eq!(lowest(1 << bit), bit);
            assert_eq!(lowest(u64::MAX << bit), bit);
        }
    }

    #[test]
    fn a_profile_is_read_back() {
        let profile = Profile {
            drop: 1 << 61,
            reject: 2,
            log: 3,
            number: 7,
        };
        assert_eq!(Profile::unpack(&profile.pack()), profile);
    }
}
