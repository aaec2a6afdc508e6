//! From an address to its class, in a bounded number of steps.
//!
//! The first bits index a table; where that does not settle it, the intervals under it are
//! halved by line. IPv6 does this for its first 64 bits, and where networks longer than /64
//! need it, once more for the last 64.

use crate::image::{Image, Line, MAX_HALVINGS, Roots, Target, WORDS_PER_LINE};
use crate::tree::root_index_v6;

/// Class of an address as [`crate::packet::Packet`] has it. `None`: the image is damaged.
#[inline(always)]
pub fn class_of<I: Image + ?Sized>(
    image: &I,
    roots: Roots,
    v6: bool,
    address: [u64; 2],
) -> Option<u32> {
    if v6 {
        return class_v6(image, roots, address);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the IPv4 address is the low half"
    )]
    class_v4(image, roots, address[1] as u32)
}

#[inline(always)]
fn class_v4<I: Image + ?Sized>(image: &I, roots: Roots, address: u32) -> Option<u32> {
    let index = address.wrapping_shr(32u32.wrapping_sub(roots.bits_v4));
    let (first, count) = match root(image, roots.first, index)? {
        Target::Class(class) => return Some(class),
        Target::Lines { first, count } => (first, count),
    };
    match search(image, first, count, u64::from(address))? {
        Target::Class(class) => Some(class),
        Target::Lines { .. } => None,
    }
}

#[inline(always)]
fn class_v6<I: Image + ?Sized>(image: &I, roots: Roots, [high, low]: [u64; 2]) -> Option<u32> {
    let index = root_index_v6(high, roots.bits_v6);
    let (first, count) = match root(image, roots.v6(), index)? {
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

#[inline(always)]
fn root<I: Image + ?Sized>(image: &I, first: u32, index: u32) -> Option<Target> {
    let line = image.line(first.wrapping_add(index / WORDS_PER_LINE))?;
    Some(Target::unpack(line[(index % WORDS_PER_LINE) as usize]))
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
pub(crate) const fn last_at_or_below(line: &Line, key: u64) -> u64 {
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
