//! Writes the tree that [`smtp_lb_common::tree`] describes, word by word of its root.

use smtp_lb_common::image::{Line, Target};
use smtp_lb_common::tree::{
    BRANCH_BITS, ENTRIES_V4, ENTRIES_V6, LEAST_V4, LEAST_V6, MOST_SPLIT, WORDS_PER_LINE, Word,
    deep_v6, entry_v4, entry_v6,
};

use crate::firewall::Lines;

/// From where on what holds. The address is at the left of its word: IPv4 in the upper half, of IPv6 the
/// first 64 bits.
pub(super) type Step = (u64, Target);

/// Addresses that begin alike: how, and by how many bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) bits: u32,
}

impl Range {
    /// That of an address's first bits.
    pub(super) const fn around(address: u64, bits: u32) -> Self {
        Self {
            first: address & !Self { first: 0, bits }.last(),
            bits,
        }
    }

    /// Its last address.
    pub(super) const fn last(self) -> u64 {
        match u64::MAX.checked_shr(self.bits) {
            Some(rest) => self.first | rest,
            None => self.first,
        }
    }

    /// The same in equal parts, by so many bits more.
    fn parts(self, split: u32) -> impl Iterator<Item = Self> {
        let bits = self.bits + split;
        (0..1u64 << split).map(move |part| Self {
            first: self.first | part.checked_shl(64 - bits).unwrap_or(0),
            bits,
        })
    }
}

/// What a range of addresses holds: what held before it, and what changes within it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'s> {
    pub(super) range: Range,
    pub(super) before: Target,
    pub(super) steps: &'s [Step],
}

impl<'s> Part<'s> {
    /// All steps, the first of them at the beginning.
    fn whole(self) -> impl Iterator<Item = Step> + use<'s> {
        let first = self.leads().then_some((self.range.first, self.before));
        first.into_iter().chain(self.steps.iter().copied())
    }

    /// What held before goes on at the beginning.
    fn leads(self) -> bool {
        self.steps
            .first()
            .is_none_or(|(start, _)| *start != self.range.first)
    }

    fn len(self) -> usize {
        self.steps.len() + usize::from(self.leads())
    }

    /// Of all of it, if it is the same.
    fn only(self) -> Option<u32> {
        match self.steps {
            [] => value(self.before),
            [(_, only)] if !self.leads() => value(*only),
            _ => None,
        }
    }

    fn is_deep(self) -> bool {
        self.steps
            .iter()
            .any(|(_, target)| value(*target).is_none())
    }

    fn cut(self, split: u32) -> impl Iterator<Item = Self> {
        let (mut before, mut rest) = (self.before, self.steps);
        self.range.parts(split).map(move |range| {
            let (steps, others) =
                rest.split_at(rest.partition_point(|step| step.0 <= range.last()));
            let part = Part {
                range,
                before,
                steps,
            };
            before = steps.last().map_or(before, |(_, target)| *target);
            rest = others;
            part
        })
    }
}

const fn value(target: Target) -> Option<u32> {
    match target {
        Target::Class(value) => Some(value),
        Target::Lines { .. } => None,
    }
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// Entries in a line.
    pub(super) const fn capacity(self) -> usize {
        match self {
            Self::V4 => ENTRIES_V4 as usize,
            Self::V6 => ENTRIES_V6 as usize,
        }
    }

    const fn least(self) -> u32 {
        match self {
            Self::V4 => LEAST_V4,
            Self::V6 => LEAST_V6,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "IPv4 is in the upper half")]
    fn put(self, line: &mut Line, at: usize, (start, target): Step) {
        match self {
            Self::V4 => {
                let entry = u64::from(entry_v4((start >> 32) as u32, value(target).unwrap_or(0)));
                let (word, shift) = (&mut line[at / 2], at % 2 * 32);
                *word = *word & !(0xffff_ffff << shift) | entry << shift;
            }
            Self::V6 => {
                line[at] = value(target).map_or(deep_v6(start), |value| entry_v6(start, value));
            }
        }
    }
}

/// A tree under construction.
pub(super) struct Tree<'a> {
    pub(super) lines: &'a mut Lines,
    pub(super) family: Family,
    open: Option<Open>,
}

/// A leaf's line that has room for what follows it.
struct Open {
    line: usize,
    taken: usize,
    last: Target,
    /// What entries do not hold of their addresses.
    range: Range,
}

impl<'a> Tree<'a> {
    pub(super) const fn new(lines: &'a mut Lines, family: Family) -> Self {
        Self {
            lines,
            family,
            open: None,
        }
    }

    /// Writes what a part holds, and returns the word that leads there. Parts come in ascending order.
    pub(super) fn place(&mut self, part: Part<'_>) -> Word {
        if let Some(only) = part.only() {
            return Word::Value(only);
        }
        if part.range.bits >= self.family.least() {
            if let Some(word) = self.share(part) {
                return word;
            }
            if let Some(split) = self.split(part) {
                return self.leaf(part, split);
            }
        }
        self.branch(part)
    }

    /// Into the line that has room.
    fn share(&mut self, part: Part<'_>) -> Option<Word> {
        let open = self.open.as_mut()?;
        if part.is_deep() || part.range.first > open.range.last() {
            return None;
        }
        // What the line ends with may hold at the beginning of this part, too.
        let leads = part.leads() && part.before != open.last;
        let lead = leads.then_some((part.range.first, part.before));
        let count = part.steps.len() + usize::from(leads);
        if open.taken + count > self.family.capacity() {
            return None;
        }
        let steps = lead.into_iter().chain(part.steps.iter().copied());
        let line = &mut self.lines.lines[open.line];
        open.last = fill(self.family, line, open.taken, steps).unwrap_or(open.last);
        open.taken += count;
        Some(Word::Leaf {
            first: number(open.line),
            split: 0,
        })
    }

    /// The fewest bits that divide a part so that each has a line, if that leaves not too much of them empty.
    fn split(&self, part: Part<'_>) -> Option<u32> {
        let capacity = self.family.capacity();
        let most = 4 * part.len().div_ceil(capacity);
        (0..=MOST_SPLIT)
            .take_while(|split| *split == 0 || 1 << split <= most)
            .find(|split| part.cut(*split).all(|part| part.len() <= capacity))
    }

    fn leaf(&mut self, part: Part<'_>, split: u32) -> Word {
        let first = self.lines.lines.len();
        let (count, deep) = (1usize << split, part.is_deep());
        let all = if deep { 2 * count } else { count };
        self.lines.lines.resize(first + all, [0; 8]);
        for (at, part) in (first..).zip(part.cut(split)) {
            fill(self.family, &mut self.lines.lines[at], 0, part.whole());
            if deep {
                let places = part.whole().map(|(_, target)| target.pack());
                let line = &mut self.lines.lines[at + count];
                let last = line.iter_mut().zip(places).fold(0, |_, (place, target)| {
                    *place = target;
                    target
                });
                line[part.len().min(8)..].fill(last);
            }
        }
        self.open = (all == 1).then(|| Open {
            line: first,
            taken: part.len(),
            last: part.steps.last().map_or(part.before, |(_, target)| *target),
            range: Range::around(part.range.first, self.family.least()),
        });
        Word::Leaf {
            first: number(first),
            split,
        }
    }

    fn branch(&mut self, part: Part<'_>) -> Word {
        let at = self.lines.lines.len();
        self.lines.lines.push([0; 8]);
        for (index, part) in (0..).zip(part.cut(BRANCH_BITS)) {
            let word = self.place(part);
            self.lines.word(number(at), index, word);
        }
        Word::Branch(number(at))
    }
}

/// Writes entries from a place of a line on; the last of them takes what is left of it. Returns what that says.
fn fill(
    family: Family,
    line: &mut Line,
    from: usize,
    steps: impl Iterator<Item = Step>,
) -> Option<Target> {
    let (mut at, mut last) = (from, None);
    for step in steps {
        family.put(line, at, step);
        (at, last) = (at + 1, Some(step));
    }
    let last = last?;
    for at in at..family.capacity() {
        family.put(line, at, last);
    }
    Some(last.1)
}

/// Images of more lines than a number can name are refused when they are whole.
fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

impl Lines {
    /// Writes a word of a root or a branch.
    pub(super) fn word(&mut self, first: u32, index: u32, word: Word) {
        let line = &mut self.lines[(first + index / WORDS_PER_LINE) as usize];
        let (pair, shift) = ((index % WORDS_PER_LINE / 2) as usize, index % 2 * 32);
        line[pair] = line[pair] & !(0xffff_ffff << shift) | u64::from(word.pack()) << shift;
    }
}
