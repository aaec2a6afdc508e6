//! The root of a tree, from all intervals of a family in ascending order.

use smtp_lb_common::image::{INTERVALS_PER_LINE, Target};
use smtp_lb_common::tree::{Word, root_index_v6};

use super::tree::{Family, Part, Range, Step, Tree};
use crate::firewall::Lines;

/// A root and what it leads to, filled in ascending order.
pub(super) struct Rooted<'a> {
    tree: Tree<'a>,
    /// First line of the root.
    root: u32,
    /// Bits that index it.
    bits: u32,
    /// Addresses of the word that is being filled, and what they hold.
    range: Range,
    before: Target,
    steps: Vec<Step>,
}

impl<'a> Rooted<'a> {
    pub(super) fn new(lines: &'a mut Lines, family: Family, root: u32, bits: u32) -> Self {
        let mut new = Self {
            tree: Tree::new(lines, family),
            root,
            bits,
            range: Range { first: 0, bits: 0 },
            before: Target::Class(0),
            steps: Vec::new(),
        };
        new.range = new.around(0);
        new
    }

    pub(super) fn add(&mut self, start: u64, target: Target) {
        self.go_to(start);
        self.steps.push((start, target));
    }

    /// Ends the words before that of an address.
    fn go_to(&mut self, address: u64) {
        if address > self.range.last() {
            self.fill_until(Some(self.around(address).first));
        }
    }

    /// Ends the word that is being filled, and gives those before `first` what holds; `None`: up to the end.
    fn fill_until(&mut self, first: Option<u64>) {
        let steps = std::mem::take(&mut self.steps);
        let part = Part {
            range: self.range,
            before: self.before,
            steps: &steps,
        };
        let (parts, word) = (part.held_parts(), self.tree.place(part));
        if let Some((_, target)) = steps.last() {
            self.before = *target;
        }
        self.steps = steps;
        self.steps.clear();
        self.tree.deep.lines.clear();
        self.word(parts, word);
        loop {
            let next = self.range.last().checked_add(1);
            let Some(start) = next else { break };
            self.range = self.around(start);
            if next == first {
                break;
            }
            if let Target::Class(value) = self.before {
                self.word(if value == 0 { 0 } else { u32::MAX }, Word::Value(value));
            }
        }
    }

    pub(super) fn finish(mut self) {
        self.fill_until(None);
    }

    fn word(&mut self, parts: u32, word: Word) {
        let first = self.range.first;
        let index = match self.tree.family {
            Family::V4 => u32::try_from(first >> (64 - self.bits)).unwrap_or(u32::MAX),
            Family::V6 => root_index_v6(first, self.bits),
        };
        self.tree.lines.root_word(self.root, index, parts, word);
    }

    /// The addresses of a word of the root.
    const fn around(&self, address: u64) -> Range {
        let bits = match self.tree.family {
            Family::V4 => self.bits,
            Family::V6 if address >> 61 == 1 => 3 + self.bits,
            Family::V6 => 3,
        };
        Range::around(address, bits)
    }
}

/// Whole addresses of IPv6: what divides a /64 goes into lines of its own.
pub(super) struct Addresses<'a> {
    rooted: Rooted<'a>,
    /// The /64 that is being filled, and what holds from where on in it.
    high: u64,
    lows: Vec<(u64, u64)>,
    /// What held before it.
    before: u32,
    /// What holds at the end.
    last: u32,
}

impl<'a> Addresses<'a> {
    pub(super) const fn new(rooted: Rooted<'a>) -> Self {
        Self {
            rooted,
            high: 0,
            lows: Vec::new(),
            before: 0,
            last: 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half")]
    pub(super) fn add(&mut self, start: u128, set: u32) {
        let (high, low) = ((start >> 64) as u64, start as u64);
        if high != self.high {
            self.flush(Some(high));
            self.high = high;
        }
        self.lows.push((low, Target::Class(set).pack()));
        self.last = set;
    }

    /// Ends a /64; the next that has steps of its own is `next`.
    fn flush(&mut self, next: Option<u64>) {
        let mut lows = std::mem::take(&mut self.lows);
        let leads = lows.first().is_some_and(|(start, _)| *start != 0);
        if lows.len() > 1 || leads {
            if leads {
                lows.insert(0, (0, Target::Class(self.before).pack()));
            }
            let count = lows.len().div_ceil(INTERVALS_PER_LINE as usize);
            // What is deep is that of the word that is being filled.
            self.rooted.go_to(self.high);
            let first = self.rooted.tree.deep.intervals(&lows);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.rooted.add(self.high, Target::Lines { first, count });
            // What held last goes on in the next /64.
            let after = self.high.checked_add(1);
            if let Some(after) = after.filter(|_| next != after) {
                self.rooted.add(after, Target::Class(self.last));
            }
        } else if !lows.is_empty() {
            self.rooted.add(self.high, Target::Class(self.last));
        }
        self.before = self.last;
        lows.clear();
        self.lows = lows;
    }

    pub(super) fn finish(mut self) {
        self.flush(None);
        self.rooted.finish();
    }
}
