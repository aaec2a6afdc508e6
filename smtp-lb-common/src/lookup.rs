//! From an address to its class, in a bounded number of steps.
//!
//! The first bits index a table; where that does not settle it, the intervals under it are
//! halved by line. IPv6 does this for its first 64 bits, and where networks longer than /64
//! need it, once more for the last 64.

use crate::image::{Image, Line, MAX_HALVINGS, ROOT_LINES, ROOT_V4, ROOT_V6, ROOT_WORDS, Target};

/// Class of an address as [`crate::packet::Packet`] has it, by the roots that begin at a line.
/// `None`: the image is damaged.
#[inline(always)]
pub fn class_of<I: Image + ?Sized>(
    image: &I,
    roots: u32,
    v6: bool,
    address: [u64; 2],
) -> Option<u32> {
    if v6 {
        return by_root_v6(image, roots.wrapping_add(ROOT_LINES), address);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the IPv4 address is the low half"
    )]
    by_root_v4(image, roots, address[1] as u32)
}

/// Class of an IPv4 source. `None`: the image is damaged.
#[inline(always)]
pub fn class_v4<I: Image + ?Sized>(image: &I, source: u32) -> Option<u32> {
    by_root_v4(image, ROOT_V4, source)
}

#[inline(always)]
fn by_root_v4<I: Image + ?Sized>(image: &I, at: u32, address: u32) -> Option<u32> {
    match root(image, at, address >> 16)? {
        Target::Class(class) => Some(class),
        Target::Lines { first, count } => match search(image, first, count, u64::from(address))? {
            Target::Class(class) => Some(class),
            Target::Lines { .. } => None,
        },
    }
}

/// Class of an IPv6 source, given as its high and low half. `None`: the image is damaged.
#[inline(always)]
pub fn class_v6<I: Image + ?Sized>(image: &I, high: u64, low: u64) -> Option<u32> {
    by_root_v6(image, ROOT_V6, [high, low])
}

#[inline(always)]
fn by_root_v6<I: Image + ?Sized>(image: &I, at: u32, [high, low]: [u64; 2]) -> Option<u32> {
    let (first, count) = match root(image, at, root_index_v6(high))? {
        Target::Class(class) => return Some(class),
        Target::Lines { first, count } => (first, count),
    };
    let (first, count) = match search(image, first, count, high)? {
        Target::Class(class) => return Some(class),
        Target::Lines { first, count } => (first, count),
    };
    match search(image, first, count, low)? {
        Target::Class(class) => Some(class),
        Target::Lines { .. } => None,
    }
}

/// Word of the IPv6 root for an address, by its high half.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "19 bits at the most")]
pub const fn root_index_v6(high: u64) -> u32 {
    match high >> 61 {
        1 => (high >> 45) as u32 & (ROOT_WORDS - 1),
        other => ROOT_WORDS + other as u32,
    }
}

#[inline(always)]
fn root<I: Image + ?Sized>(image: &I, first: u32, index: u32) -> Option<Target> {
    let line = image.line(first.wrapping_add(index / 8))?;
    Some(Target::unpack(line[(index % 8) as usize]))
}

#[inline(always)]
pub(crate) fn search<I: Image + ?Sized>(
    image: &I,
    first: u32,
    count: u32,
    key: u64,
) -> Option<Target> {
    search_word(image, first, count, key).map(Target::unpack)
}

/// Value of the last interval that starts at or below `key`, among `count` lines.
#[inline(always)]
pub(crate) fn search_word<I: Image + ?Sized>(
    image: &I,
    first: u32,
    count: u32,
    key: u64,
) -> Option<u64> {
    let (mut first, mut count) = (first, count);
    let mut line = image.line(first)?;
    for _ in 0..MAX_HALVINGS {
        if count <= 1 {
            break;
        }
        let half = count / 2;
        let middle = image.line(first.wrapping_add(half))?;
        if middle[0] <= key {
            line = middle;
            first = first.wrapping_add(half);
            count -= half;
        } else {
            count = half;
        }
    }
    Some(last_at_or_below(line, key))
}

/// The first interval of a line starts at or below every key that is led there.
#[inline(always)]
const fn last_at_or_below(line: &Line, key: u64) -> u64 {
    let mut value = line[1];
    if line[2] <= key {
        value = line[3];
    }
    if line[4] <= key {
        value = line[5];
    }
    if line[6] <= key {
        value = line[7];
    }
    value
}
