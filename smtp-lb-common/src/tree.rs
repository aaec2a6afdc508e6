//! From an address to a number, touching as few cache lines as can be.
//!
//! Memory is what a look-up waits for. So the first bits of an address index a root that is small enough to
//! stay in a core's cache. For each word it has 32 bits that say in which parts of its addresses there is any
//! number but 0: most addresses are nobody's, and need no more than that. The word itself leads to one line
//! where the number is. It says
//!
//! - the number itself,
//! - a *leaf*: 2ᵏ lines, of which the next k bits choose one. A line is searched without a jump that could be
//!   guessed wrong: of its sorted entries, as many as start at or below the address are counted.
//! - a *branch*, where part of the word's addresses are more crowded than the rest: a line of 16 words, of
//!   which the next four bits choose one.
//!
//! IPv6 does so with its first 64 bits. Where longer networks divide a /64, its entry is *deep*: it leads to a
//! line of intervals of the last 64, or to one that says where more such lines are.

use crate::image::{Image, Line, Roots, Target, WORDS_PER_LINE, halves, word};
use crate::lookup::{last_at_or_below, search};

/// Bits that choose one of a word's parts.
pub const PART_BITS: u32 = 5;
/// Bits that choose a word of a branch.
pub const BRANCH_BITS: u32 = 4;
/// Entries in a line of a leaf.
pub const ENTRIES_V4: u32 = 16;
/// The same of IPv6.
pub const ENTRIES_V6: u32 = 8;
/// Bits that must lead to a leaf, as an entry does not hold them.
pub const LEAST_V4: u32 = 32 - START_BITS_V4;
/// The same of IPv6.
pub const LEAST_V6: u32 = 64 - START_BITS_V6;
/// Bits that a root may be indexed by.
pub const ROOT_BITS: core::ops::RangeInclusive<u32> = LEAST_V4..=20;
/// Greatest number that a tree can hold.
pub const MOST: u32 = (1 << VALUE_BITS) - 1;
/// The most that a leaf's lines are divided by: k, above. A deep entry counts its line from the leaf's first, and
/// there may be as many such lines as there are entries.
pub const MOST_SPLIT: u32 = 9;
/// The most lines of an image with trees.
pub const MOST_LINES: u32 = 1 << KIND;

const START_BITS_V4: u32 = 19;
const START_BITS_V6: u32 = 48;
const VALUE_BITS: u32 = 13;
/// In an entry of IPv6: the last 64 bits settle it.
const DEEP: u64 = 1 << VALUE_BITS;
/// First word of a line of [`deeper`]; intervals begin with 0.
const DEEPER: u64 = u64::MAX;
/// Of a packed word: what is above.
const KIND: u32 = 28;
const BRANCH: u32 = 14;
const VALUE: u32 = 15;
/// Branches that divide 64 bits, but for the three that the rest of IPv6's root is indexed by.
const MOST_BRANCHES: u32 = 16;

// Entries of IPv6 are below 2^62, see `is_below`; kinds and splits do not meet; a branch ends where a leaf
// has an entry for each address.
const _: () = assert!(
    START_BITS_V4 + VALUE_BITS == 32
        && START_BITS_V6 + VALUE_BITS + 1 == 62
        && MOST_SPLIT < BRANCH
        && (ENTRIES_V6 + 1) << MOST_SPLIT <= MOST
        && 3 + MOST_BRANCHES * BRANCH_BITS >= 64 - 3
);

/// A word of a root or a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The number.
    Value(u32),
    /// Lines of entries.
    Leaf {
        /// The first of them, below [`MOST_LINES`].
        first: u32,
        /// Bits that choose one: at most [`MOST_SPLIT`].
        split: u32,
    },
    /// A line of words, below [`MOST_LINES`].
    Branch(u32),
}

impl Word {
    /// As a number.
    #[must_use]
    pub const fn pack(self) -> u32 {
        match self {
            Self::Value(value) => VALUE << KIND | value,
            Self::Leaf { first, split } => split << KIND | first,
            Self::Branch(line) => BRANCH << KIND | line,
        }
    }
}

/// A root's word: which of its parts hold any number but 0, and the word.
#[must_use]
pub const fn root_word(parts: u32, found: Word) -> u64 {
    word(parts, found.pack())
}

/// An entry of IPv4: from which address on a number holds.
#[must_use]
#[inline(always)]
pub const fn entry_v4(address: u32, value: u32) -> u32 {
    address << VALUE_BITS | value
}

/// An entry of IPv6: from which high half on.
#[must_use]
#[inline(always)]
pub const fn entry_v6(high: u64, value: u32) -> u64 {
    (high & ((1 << START_BITS_V6) - 1)) << (VALUE_BITS + 1) | value as u64
}

/// An entry of IPv6 that the last 64 bits settle: at how many lines behind the leaf's first.
#[must_use]
pub const fn deep_v6(high: u64, line: u32) -> u64 {
    entry_v6(high, line) | DEEP
}

/// A line that says where the intervals of a deep entry are, if one line does not hold them.
#[must_use]
pub const fn deeper(lines: Target) -> Line {
    [DEEPER, lines.pack(), 0, 0, 0, 0, 0, 0]
}

/// Word of an IPv6 root of so many bits for an address, by its high half: those bits after the first three
/// in `2000::/3`, where all global addresses are; behind them a word for each value of the first three.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "21 bits at the most")]
pub const fn root_index_v6(high: u64, bits: u32) -> u32 {
    match high >> 61 {
        1 => (high << 3).wrapping_shr(64u32.wrapping_sub(bits)) as u32,
        other => 1u32.wrapping_shl(bits).wrapping_add(other as u32),
    }
}

/// Number of an IPv4 address. `None`: the image is damaged.
#[inline(always)]
pub fn find_v4<I: Image + ?Sized>(image: &I, roots: Roots, address: u32) -> Option<u32> {
    let index = address.wrapping_shr(32u32.wrapping_sub(roots.bits_v4));
    let rest = (u64::from(address) << 32).wrapping_shl(roots.bits_v4);
    let Place { line, .. } = match descend(image, roots.first, index, rest)? {
        Ok(place) => place,
        Err(value) => return Some(value),
    };
    let line = image.line(line)?;
    let bound = u64::from(entry_v4(address, MOST)) + 1;
    let mut count = 0;
    for word in line {
        count += is_below(word & 0xffff_ffff, bound) + is_below(word >> 32, bound);
    }
    Some(half(line, last_of(count)) & MOST)
}

/// Number of an IPv6 address, given as its high and low half. `None`: the image is damaged.
#[inline(always)]
pub fn find_v6<I: Image + ?Sized>(image: &I, roots: Roots, [high, low]: [u64; 2]) -> Option<u32> {
    let index = root_index_v6(high, roots.bits_v6);
    let rest = match high >> 61 {
        1 => (high << 3).wrapping_shl(roots.bits_v6),
        _ => high << 3,
    };
    let place = match descend(image, roots.v6(), index, rest)? {
        Ok(place) => place,
        Err(value) => return Some(value),
    };
    let line = image.line(place.line)?;
    let bound = (entry_v6(high, MOST) | DEEP) + 1;
    let mut count = 0;
    for entry in line {
        count += is_below(*entry, bound);
    }
    let entry = line[(last_of(count) % ENTRIES_V6) as usize];
    #[expect(clippy::cast_possible_truncation, reason = "13 bits")]
    let value = entry as u32 & MOST;
    if entry & DEEP == 0 {
        return Some(value);
    }
    let line = image.line(place.first.wrapping_add(value))?;
    let found = if line[0] == DEEPER {
        match Target::unpack(line[1]) {
            Target::Class(_) => return None,
            Target::Lines { first, count } => search(image, first, count, low)?,
        }
    } else {
        Target::unpack(last_at_or_below(line, low))
    };
    match found {
        Target::Class(value) => Some(value),
        Target::Lines { .. } => None,
    }
}

/// A line of a leaf, and the leaf's first.
struct Place {
    line: u32,
    first: u32,
}

/// Goes down to a leaf or a value (`Err`), by the bits of an address that follow those of the root.
#[inline(always)]
fn descend<I: Image + ?Sized>(
    image: &I,
    root: u32,
    index: u32,
    rest: u64,
) -> Option<Result<Place, u32>> {
    let line = image.line(root.wrapping_add(index / WORDS_PER_LINE))?;
    let (parts, mut word) = halves(line[(index % WORDS_PER_LINE) as usize]);
    if parts.wrapping_shr((rest >> (64 - PART_BITS)) as u32) & 1 == 0 {
        return Some(Err(0));
    }
    let mut rest = rest;
    for _ in 0..MOST_BRANCHES {
        if word >> KIND != BRANCH {
            break;
        }
        let line = image.line(word & (MOST_LINES - 1))?;
        word = half(line, (rest >> (64 - BRANCH_BITS)) as u32);
        rest <<= BRANCH_BITS;
    }
    let (kind, at) = (word >> KIND, word & (MOST_LINES - 1));
    match kind {
        VALUE => Some(Err(at)),
        BRANCH => None,
        split => Some(Ok(Place {
            // Of no bits, 0: a shift by all of a word's is none.
            #[expect(clippy::cast_possible_truncation, reason = "13 bits at the most")]
            line: at.wrapping_add((rest >> 1).wrapping_shr(63u32.wrapping_sub(split)) as u32),
            first: at,
        })),
    }
}

/// A line's 32-bit word.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "half of a word")]
const fn half(line: &Line, at: u32) -> u32 {
    let pair = line[(at / 2 % 8) as usize];
    pair.wrapping_shr(at % 2 * 32) as u32
}

/// 1 if `value` is below `bound`, both below 2^62; else 0. Of a comparison the compiler would make a jump.
#[inline(always)]
const fn is_below(value: u64, bound: u64) -> u64 {
    value.wrapping_sub(bound) >> 62 & 1
}

/// Place of the last of so many entries. There is one at least: a line's first holds for all that is led there.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "16 at the most")]
const fn last_of(count: u64) -> u32 {
    count.wrapping_sub(1) as u32 % ENTRIES_V4
}
