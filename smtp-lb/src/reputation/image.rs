//! Feeds → the image that the packet filter asks. Pure: the same feeds give the same image.

use std::net::IpAddr;

use smtp_lb_common::image::{Line, Roots, Target};
use smtp_lb_common::packet::{mapped, split};
use smtp_lb_common::reputation::{FIRST_MASK, Header, MASKS_PER_LINE, ROOT_V4, Standing, standing};
use smtp_lb_common::tree::{MOST_LINES, ROOT_BITS};
use thiserror::Error;

use super::merge::{Run, sweep};
use super::ranges::{Ranges, Tagged};
use super::rooted::{Addresses, Rooted};
use super::sets::{Numbers, Sets, TooManySets};
use super::tree::Family;
use crate::firewall::Lines;

/// Why feeds cannot become an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImageError {
    /// See [`TooManySets`].
    #[error(transparent)]
    TooManySets(#[from] TooManySets),
    /// More lines than an index can name.
    #[error("the compiled feeds are larger than an image can be")]
    TooLarge,
}

/// Compiled feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The image, without names.
    pub lines: Vec<Line>,
    /// Its sets.
    pub sets: Sets,
}

/// A feed's name with what it says.
pub type Feed<'a> = (&'a str, &'a Tagged);

/// Compiles feeds. Tags are positions in `categories`; sets go on with the numbers of `before`.
pub fn compile(
    feeds: &[Feed<'_>],
    categories: &[String],
    before: &Sets,
    generation: u32,
) -> Result<Compiled, ImageError> {
    let networks = |of: fn(&Ranges) -> usize| {
        let ranges = feeds.iter().flat_map(|(_, entries)| entries.iter());
        ranges.map(|(_, ranges)| of(ranges)).sum()
    };
    let roots = Roots {
        first: ROOT_V4,
        bits_v4: root_bits(Family::V4, networks(|ranges| ranges.v4.len())),
        bits_v6: root_bits(Family::V6, networks(|ranges| ranges.v6.len())),
    };
    compile_rooted(feeds, categories, before, generation, roots)
}

/// Bits of a root for so many networks, of which each is an entry where it begins and one where it ends: as
/// many as make words of about a line each of IPv6, and two of IPv4, whose lines hold more.
pub(super) fn root_bits(family: Family, networks: usize) -> u32 {
    let words = match family {
        Family::V4 => networks.div_ceil(16),
        Family::V6 => networks.div_ceil(4),
    };
    let bits = usize::BITS - words.saturating_sub(1).leading_zeros();
    bits.clamp(*ROOT_BITS.start(), *ROOT_BITS.end())
}

/// The same with such roots.
pub(super) fn compile_rooted(
    feeds: &[Feed<'_>],
    categories: &[String],
    before: &Sets,
    generation: u32,
    roots: Roots,
) -> Result<Compiled, ImageError> {
    let names: Vec<&str> = feeds.iter().map(|(name, _)| *name).collect();
    let mut numbers = Numbers::new(&names, categories, before);
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (feed, (_, entries)) in feeds.iter().enumerate() {
        for (tag, ranges) in entries.iter() {
            let pair = (feed, tag);
            v4.push(Run {
                pair,
                ranges: &ranges.v4,
            });
            v6.push(Run {
                pair,
                ranges: &ranges.v6,
            });
        }
    }
    let mut lines = Lines::blank(roots.first + roots.lines());
    let mut tree = Rooted::new(&mut lines, Family::V4, roots);
    sweep(0, &v4, &mut numbers, |start: u32, set| {
        tree.add(u64::from(start) << 32, Target::Class(set));
    })?;
    tree.finish();
    let mut tree = Addresses::new(&mut lines, roots);
    sweep(0, &v6, &mut numbers, |start, set| tree.add(start, set))?;
    tree.finish();
    if lines.next() >= MOST_LINES {
        return Err(ImageError::TooLarge);
    }

    let (sets, masks) = numbers.finish();
    let to_u32 = |number: usize| u32::try_from(number).map_err(|_| ImageError::TooLarge);
    // Sets have numbers below the bound of them.
    let at = FIRST_MASK as usize;
    for (line, masks) in lines.lines[at..]
        .iter_mut()
        .zip(masks.chunks(MASKS_PER_LINE as usize))
    {
        line[..masks.len()].copy_from_slice(masks);
    }
    let header = Header {
        count: to_u32(masks.len())?,
        names: 0,
        lines: to_u32(lines.lines.len())?,
        roots,
        generation,
    };
    lines.lines[0] = header.pack();
    Ok(Compiled {
        lines: lines.lines,
        sets,
    })
}

impl Compiled {
    /// Appends what the numbers stand for.
    pub fn name(&mut self, json: &[u8]) {
        let Some(mut header) = self.lines.first().and_then(Header::unpack) else {
            return;
        };
        let mut words = vec![json.len() as u64];
        words.extend(json.chunks(8).map(|chunk| {
            let mut octets = [0; 8];
            octets[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(octets)
        }));
        let mut lines = Lines {
            lines: std::mem::take(&mut self.lines),
        };
        header.names = lines.append(&words, 0);
        header.lines = lines.next();
        lines.lines[0] = header.pack();
        self.lines = lines.lines;
    }
}

/// What [`Compiled::name`] has appended, as far as it can be read.
#[must_use]
pub fn read_names(lines: &[Line]) -> Vec<u8> {
    let found = || -> Option<Vec<u8>> {
        let header = Header::unpack(lines.first()?)?;
        let words = lines.get(header.names as usize..)?.as_flattened();
        let (length, rest) = words.split_first()?;
        let mut octets: Vec<u8> = rest.iter().flat_map(|word| word.to_le_bytes()).collect();
        octets.truncate(usize::try_from(*length).ok()?);
        Some(octets)
    };
    found().unwrap_or_default()
}

/// Who lists an address, by an image.
#[must_use]
pub fn look_up(lines: &[Line], address: IpAddr) -> Standing {
    match address {
        IpAddr::V4(ip) => standing(lines, false, mapped(ip.into())),
        IpAddr::V6(ip) => standing(lines, true, split(ip.octets())),
    }
}
