//! The root of a tree, from all intervals of a family in ascending order.

use smtp_lb_common::image::{Roots, Target};
use smtp_lb_common::tree::{Word, root_index_v6};

use super::tree::{Family, Part, Range, Step, Tree};
use crate::firewall::{Interval, Lines};

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
    /// What holds at the end of them.
    after: Target,
}

impl<'a> Rooted<'a> {
    pub(super) fn new(lines: &'a mut Lines, family: Family, roots: Roots) -> Self {
        let (root, bits) = match family {
            Family::V4 => (roots.first, roots.bits_v4),
            Family::V6 => (roots.v6(), roots.bits_v6),
        };
        let mut new = Self {
            tree: Tree::new(lines, family),
            root,
            bits,
            range: Range { first: 0, bits: 0 },
            before: Target::Class(0),
            steps: Vec::new(),
            after: Target::Class(0),
        };
        new.range = new.around(0);
        new
    }

    pub(super) fn add(&mut self, start: u64, target: Target) {
        self.go_to(start);
        self.steps.push((start, target));
        self.after = target;
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
        self.before = self.after;
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
    /// Of the word that is being filled.
    intervals: Vec<Interval>,
    /// What holds at the end of what is filled.
    class: u32,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(lines: &'a mut Lines, roots: Roots) -> Self {
        Self {
            rooted: Rooted::new(lines, Family::V6, roots),
            intervals: Vec::new(),
            class: 0,
        }
    }

    pub(super) fn add(&mut self, start: u128, class: u32) {
        let high = (start >> 64) as u64;
        if high > self.rooted.range.last() {
            self.flush();
            self.rooted.go_to(high);
        }
        let first = u128::from(self.rooted.range.first) << 64;
        if self.intervals.is_empty() && start > first {
            self.intervals.push(Interval {
                start: first,
                class: self.class,
            });
        }
        self.intervals.push(Interval { start, class });
        self.class = class;
    }

    fn flush(&mut self) {
        let last = self.rooted.range.last();
        let deep = &mut self.rooted.tree.deep;
        self.rooted.steps = deep.steps_v6(&self.intervals, last);
        self.rooted.after = Target::Class(self.class);
        self.intervals.clear();
    }

    pub(super) fn finish(mut self) {
        self.flush();
        self.rooted.finish();
    }
}
