//! Reputation: layout of the compiled feeds, and from a source to who lists it.
//!
//! An image of its own beside the policy's, one flat array of the same lines:
//!
//! ```text
//! line 0          header
//! sets            mask of each set's categories, 8 to a line
//! IPv4 root       words by the first bits of the source (see `tree`)
//! IPv6 root       words for 2000::/3, by some bits after those three, then 8 words by the first three
//!                 bits for the rest
//! leaves          entries of IPv4, 16 to a line; then those of IPv6, 8 to a line; between them branches
//! IPv6 intervals  as in the policy's image, 4 to a line
//! names           what the numbers stand for, for people
//! ```
//! Look-ups end in a *set*: one of the different combinations of feeds and categories that hold
//! an address. Set 0 is nobody's.

use crate::image::{Image, Line, Roots, halves, word};
use crate::tree::{MOST, find_v4, find_v6};

/// First word of the header.
pub const MAGIC: u64 = 0x4c42_5245_5055_0002;

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

/// First line of the sets' masks, of which there is room for all: they are asked after each look-up.
pub const FIRST_MASK: u32 = 1;
/// Masks in a line.
pub const MASKS_PER_LINE: u32 = 8;
/// First line of the IPv4 root.
pub const ROOT_V4: u32 = FIRST_MASK + SETS / MASKS_PER_LINE;

const _: () = assert!(SETS <= MOST + 1 && HITS == 65_536);

/// Line 0, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How many sets have a mask.
    pub count: u32,
    /// First line of the names: a word with their length in octets, then JSON.
    pub names: u32,
    /// Total lines.
    pub lines: u32,
    /// Where sources are looked up: from [`ROOT_V4`] on, by as many bits as [`crate::tree::ROOT_BITS`] has.
    pub roots: Roots,
    /// Counts compilations, for people.
    pub generation: u32,
}

impl Header {
    /// As line 0.
    #[must_use]
    pub const fn pack(&self) -> Line {
        [
            MAGIC,
            self.count as u64,
            word(self.names, self.lines),
            self.generation as u64,
            self.roots.pack(),
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
        let (_, count) = halves(line[1]);
        let (names, lines) = halves(line[2]);
        let (_, generation) = halves(line[3]);
        Some(Self {
            count,
            names,
            lines,
            roots: Roots::unpack(line[4]),
            generation,
        })
    }
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
    found(image, v6, source).unwrap_or(Standing::NONE)
}

#[inline(always)]
fn found<I: Image + ?Sized>(image: &I, v6: bool, source: [u64; 2]) -> Option<Standing> {
    let header = Header::unpack(image.line(0)?)?;
    let set = if v6 {
        find_v6(image, header.roots, source)?
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the IPv4 address is the low half"
        )]
        find_v4(image, header.roots, source[1] as u32)?
    };
    if set == 0 || set >= header.count {
        return None;
    }
    let line = image.line(FIRST_MASK.wrapping_add(set / MASKS_PER_LINE))?;
    Some(Standing {
        set,
        mask: line[(set % MASKS_PER_LINE) as usize],
    })
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
