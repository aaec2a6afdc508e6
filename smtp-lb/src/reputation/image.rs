//! Feeds → the image that the packet filter asks. Pure: the same feeds give the same image.

use std::net::IpAddr;

use smtp_lb_common::image::{Line, Target};
use smtp_lb_common::packet::{mapped, split};
use smtp_lb_common::reputation::{
    ENTRIES_PER_LINE, ENTRY_BITS, Header, ROOT_BITS_V6, ROOT_V4, ROOT_V6, ROOT_WORDS, Standing,
    after_roots, entry, root_index_v6, standing,
};
use thiserror::Error;

use super::merge::{Run, sweep};
use super::ranges::Tagged;
use super::sets::{Numbers, Sets, TooManySets};
use crate::firewall::{Interval, Lines};

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
    let networks = feeds
        .iter()
        .flat_map(|(_, entries)| entries.iter())
        .map(|(_, ranges)| ranges.v6.len())
        .sum();
    compile_rooted(feeds, categories, before, generation, bits_v6(networks))
}

/// Bits of an IPv6 root with about a word for each of so many networks.
pub(super) fn bits_v6(networks: usize) -> u32 {
    let bits = usize::BITS - networks.saturating_sub(1).leading_zeros();
    bits.clamp(*ROOT_BITS_V6.start(), *ROOT_BITS_V6.end())
}

/// The same with an IPv6 root of so many bits.
pub(super) fn compile_rooted(
    feeds: &[Feed<'_>],
    categories: &[String],
    before: &Sets,
    generation: u32,
    bits_v6: u32,
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
    let mut lines = Lines::blank(after_roots(bits_v6));
    let mut tree = TreeV4::new(&mut lines);
    sweep(0, &v4, &mut numbers, |start, set| tree.add(start, set))?;
    tree.finish();
    let mut tree = TreeV6::new(&mut lines, bits_v6);
    sweep(0, &v6, &mut numbers, |start, set| tree.add(start, set))?;
    tree.finish();

    let (sets, masks) = numbers.finish();
    let to_u32 = |number: usize| u32::try_from(number).map_err(|_| ImageError::TooLarge);
    let first = lines.append(&masks, 0);
    let header = Header {
        sets: first,
        count: to_u32(masks.len())?,
        names: 0,
        lines: to_u32(lines.lines.len())?,
        bits_v6,
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

/// The IPv4 root and its entries, filled in ascending order.
struct TreeV4<'a> {
    lines: &'a mut Lines,
    /// Root word that is being filled, and its entries.
    index: u32,
    entries: Vec<u32>,
    /// Set at the end of what is filled.
    set: u32,
    /// Entries of the last line that are taken; 16: it is full, or there is none.
    taken: u32,
}

impl<'a> TreeV4<'a> {
    fn new(lines: &'a mut Lines) -> Self {
        Self {
            lines,
            index: 0,
            entries: Vec::new(),
            set: 0,
            taken: ENTRIES_PER_LINE,
        }
    }

    fn add(&mut self, start: u32, set: u32) {
        let index = start >> ENTRY_BITS;
        if index != self.index {
            self.fill_until(index);
        }
        let low = start & ((1 << ENTRY_BITS) - 1);
        if low > 0 && self.entries.is_empty() {
            self.entries.push(entry(0, self.set));
        }
        self.entries.push(entry(low, set));
        self.set = set;
    }

    /// Ends the word that is being filled, and gives those up to `index` the set that holds.
    fn fill_until(&mut self, index: u32) {
        self.flush();
        for index in self.index + 1..index {
            self.root(index, Target::Class(self.set));
        }
        self.index = index;
    }

    fn flush(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        let target = match entries.len() {
            0 | 1 => Target::Class(self.set),
            _ => self.store(&entries),
        };
        self.root(self.index, target);
        self.entries = entries;
        self.entries.clear();
    }

    /// Entries of one line lie in one line; more of them begin a line, and fill up their last.
    fn store(&mut self, entries: &[u32]) -> Target {
        // A word has 4,096 addresses.
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if count > ENTRIES_PER_LINE - self.taken {
            self.lines.lines.push([0; 8]);
            self.taken = 0;
        }
        let first = (self.lines.next() - 1) * ENTRIES_PER_LINE + self.taken;
        for entry in entries {
            self.push(*entry);
        }
        if let Some(last) = entries.last()
            && count > ENTRIES_PER_LINE
        {
            while self.taken < ENTRIES_PER_LINE {
                self.push(*last);
            }
        }
        Target::Lines { first, count }
    }

    fn push(&mut self, entry: u32) {
        if self.taken == ENTRIES_PER_LINE {
            self.lines.lines.push([0; 8]);
            self.taken = 0;
        }
        if let Some(line) = self.lines.lines.last_mut() {
            line[(self.taken / 2) as usize] |= u64::from(entry) << (self.taken % 2 * 32);
        }
        self.taken += 1;
    }

    fn root(&mut self, index: u32, target: Target) {
        self.lines.root(ROOT_V4, index, target);
    }

    fn finish(mut self) {
        self.fill_until(ROOT_WORDS);
    }
}

/// The IPv6 root and its intervals, filled in ascending order.
struct TreeV6<'a> {
    lines: &'a mut Lines,
    /// Bits that index the root.
    bits: u32,
    /// First high half of the root word that is being filled.
    high: u64,
    chunk: Vec<Interval>,
    set: u32,
}

impl<'a> TreeV6<'a> {
    fn new(lines: &'a mut Lines, bits: u32) -> Self {
        Self {
            lines,
            bits,
            high: 0,
            chunk: Vec::new(),
            set: 0,
        }
    }

    fn add(&mut self, start: u128, set: u32) {
        let high = (start >> 64) as u64;
        let first = self.first_of_word(high);
        if first != self.high {
            self.fill_until(Some(first));
        }
        if self.chunk.is_empty() && start > u128::from(first) << 64 {
            self.chunk.push(Interval {
                start: u128::from(first) << 64,
                class: self.set,
            });
        }
        self.chunk.push(Interval { start, class: set });
        self.set = set;
    }

    /// Ends the word that is being filled, and gives those before that of `high` the set that
    /// holds. `None`: up to the end.
    fn fill_until(&mut self, high: Option<u64>) {
        let last = self.last_of_word(self.high);
        let target = match self.chunk.as_slice() {
            [] | [_] => Target::Class(self.set),
            chunk => self.lines.intervals_v6(chunk, last),
        };
        self.chunk.clear();
        self.root(self.high, target);
        let mut next = last.checked_add(1);
        while next != high {
            let Some(word) = next else { break };
            self.root(word, Target::Class(self.set));
            next = self.last_of_word(word).checked_add(1);
        }
        self.high = high.unwrap_or(0);
    }

    fn root(&mut self, high: u64, target: Target) {
        let index = root_index_v6(high, self.bits);
        self.lines.root(ROOT_V6, index, target);
    }

    fn finish(mut self) {
        self.fill_until(None);
    }

    /// Bits of the high half below what the root is indexed by.
    const fn free_bits(&self, high: u64) -> u32 {
        if high >> 61 == 1 { 61 - self.bits } else { 61 }
    }

    const fn first_of_word(&self, high: u64) -> u64 {
        high >> self.free_bits(high) << self.free_bits(high)
    }

    const fn last_of_word(&self, high: u64) -> u64 {
        high | ((1 << self.free_bits(high)) - 1)
    }
}
