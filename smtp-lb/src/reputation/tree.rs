//! Writes the tree that [`smtp_lb_common::tree`] describes, word by word of its root.

use smtp_lb_common::image::{Line, Target, WORDS_PER_LINE};
use smtp_lb_common::tree::{
    BRANCH_BITS, ENTRIES_V4, ENTRIES_V6, LEAST_V4, LEAST_V6, MOST, MOST_SPLIT, PART_BITS, Word,
    deep_v6, deeper, entry_v4, entry_v6, root_word,
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

    /// Which 32nds of the range hold any number but 0, a bit to each.
    pub(super) fn held_parts(self) -> u32 {
        let part =
            |address: u64| (address - self.range.first) << self.range.bits >> (64 - PART_BITS);
        let mut parts = 0;
        let mut hold = |first: u64, last: u64, target: Target| {
            if value(target) != Some(0) {
                let (first, last) = (part(first), part(last));
                parts |= u32::MAX << first & u32::MAX >> (31 - last);
            }
        };
        let (mut start, mut target) = (self.range.first, self.before);
        for (next, held) in self.steps {
            if *next > start {
                hold(start, next - 1, target);
            }
            (start, target) = (*next, *held);
        }
        hold(start, self.range.last(), target);
        parts
    }

    /// What holds at the end.
    fn last(self) -> Target {
        self.steps.last().map_or(self.before, |(_, target)| *target)
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

    fn put(self, line: &mut Line, at: usize, (start, held): Entry) {
        match self {
            Self::V4 => {
                let entry = u64::from(entry_v4((start >> 32) as u32, held.number()));
                let (word, shift) = (&mut line[at / 2], at % 2 * 32);
                *word = *word & !(0xffff_ffff << shift) | entry << shift;
            }
            Self::V6 => {
                line[at] = match held {
                    Held::Value(value) => entry_v6(start, value),
                    Held::Deep(line) => deep_v6(start, line),
                };
            }
        }
    }
}

/// From where on a leaf's line says what.
type Entry = (u64, Held);

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Value(u32),
    /// So many lines behind the leaf's first.
    Deep(u32),
}

impl Held {
    const fn number(self) -> u32 {
        match self {
            Self::Value(number) | Self::Deep(number) => number,
        }
    }
}

/// A tree under construction.
pub(super) struct Tree<'a> {
    pub(super) lines: &'a mut Lines,
    pub(super) family: Family,
    /// Lines that the steps of the next parts lead to; a leaf takes a copy of its own.
    pub(super) deep: Lines,
    /// Deep entries of more than one line: where it is to be said where those are, and which of `deep` they are.
    deeper: Vec<(usize, std::ops::Range<usize>)>,
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
    pub(super) fn new(lines: &'a mut Lines, family: Family) -> Self {
        Self {
            lines,
            family,
            deep: Lines::blank(0),
            deeper: Vec::new(),
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
        let open = self.open.take()?;
        // What the line ends with may hold at the beginning of this part, too.
        let leads = part.leads() && part.before != open.last;
        let count = part.steps.len() + usize::from(leads);
        let farthest = self.lines.lines.len() + count - open.line;
        if part.range.first > open.range.last()
            || open.taken + count > self.family.capacity()
            || farthest > MOST as usize
        {
            return None;
        }
        let lead = leads.then_some((part.range.first, part.before));
        let steps = lead.into_iter().chain(part.steps.iter().copied());
        self.fill(open.line, open.line, open.taken, steps);
        self.go_deeper();
        self.open = Some(Open {
            taken: open.taken + count,
            last: part.last(),
            ..open
        });
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
        self.lines.lines.resize(first + (1 << split), [0; 8]);
        for (at, part) in (first..).zip(part.cut(split)) {
            self.fill(first, at, 0, part.whole());
        }
        self.go_deeper();
        self.open = (split == 0).then(|| Open {
            line: first,
            taken: part.len(),
            last: part.last(),
            range: Range::around(part.range.first, self.family.least()),
        });
        Word::Leaf {
            first: number(first),
            split,
        }
    }

    /// Writes entries from a place of a leaf's line on; the last of them takes what is left of it.
    fn fill(&mut self, first: usize, at: usize, from: usize, steps: impl Iterator<Item = Step>) {
        let (mut next, mut last) = (from, None);
        for (start, target) in steps {
            let held = match target {
                Target::Class(value) => Held::Value(value),
                Target::Lines { first: deep, count } => {
                    Held::Deep(number(self.dive(deep, count) - first))
                }
            };
            self.family
                .put(&mut self.lines.lines[at], next, (start, held));
            (next, last) = (next + 1, Some((start, held)));
        }
        if let Some(last) = last {
            for next in next..self.family.capacity() {
                self.family.put(&mut self.lines.lines[at], next, last);
            }
        }
    }

    /// Appends the line that a deep entry leads to.
    fn dive(&mut self, first: u32, count: u32) -> usize {
        let (at, first) = (self.lines.lines.len(), first as usize);
        self.lines.lines.push(self.deep.lines[first]);
        if count > 1 {
            self.deeper.push((at, first..first + count as usize));
        }
        at
    }

    /// Appends the lines of entries that have more than one: behind all that are counted from a leaf.
    fn go_deeper(&mut self) {
        for (at, deep) in std::mem::take(&mut self.deeper) {
            self.lines.lines[at] = deeper(Target::Lines {
                first: self.lines.next(),
                count: number(deep.len()),
            });
            self.lines.lines.extend(&self.deep.lines[deep]);
        }
    }

    fn branch(&mut self, part: Part<'_>) -> Word {
        let at = self.lines.lines.len();
        self.lines.lines.push([0; 8]);
        for (index, part) in (0..).zip(part.cut(BRANCH_BITS)) {
            let word = self.place(part);
            self.lines.word(at, index, word);
        }
        Word::Branch(number(at))
    }
}

/// Images of more lines than a number can name are refused when they are whole.
fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

impl Lines {
    /// Writes a word of a root, with the parts of it that hold any number but 0.
    pub(super) fn root_word(&mut self, root: u32, index: u32, parts: u32, word: Word) {
        let line = &mut self.lines[(root + index / WORDS_PER_LINE) as usize];
        line[(index % WORDS_PER_LINE) as usize] = root_word(parts, word);
    }

    /// Writes a word of a branch.
    fn word(&mut self, branch: usize, index: usize, word: Word) {
        let (pair, shift) = (&mut self.lines[branch][index / 2], index % 2 * 32);
        *pair = *pair & !(0xffff_ffff << shift) | u64::from(word.pack()) << shift;
    }
}
