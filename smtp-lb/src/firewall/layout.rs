//! From intervals to the lines of the image that the look-up walks.

use std::iter::once;

use smtp_lb_common::image::{
    AFTER_HEADER, INTERVALS_PER_LINE, Line, ROOT_BITS, Roots, Target, WORDS_PER_LINE,
};
use smtp_lb_common::tree::root_index_v6;

use super::intervals::Interval;

/// Lines of an image under construction: the header first, then what is appended.
pub(crate) struct Lines {
    pub(crate) lines: Vec<Line>,
}

/// A start within a chunk and what holds from there.
pub(crate) type Step = (u64, Target);

impl Lines {
    pub(crate) fn new() -> Self {
        Self {
            lines: vec![[0; 8]; AFTER_HEADER as usize],
        }
    }

    /// With `count` empty lines, for an image of another kind.
    pub(crate) fn blank(count: u32) -> Self {
        Self {
            lines: vec![[0; 8]; count as usize],
        }
    }

    /// Appends empty roots for so many intervals of each family.
    pub(crate) fn roots(&mut self, v4: usize, v6: usize) -> Roots {
        let roots = Roots {
            first: self.next(),
            bits_v4: root_bits(v4),
            bits_v6: root_bits(v6),
        };
        let count = roots.lines() as usize;
        self.lines.resize(self.lines.len() + count, [0; 8]);
        roots
    }

    /// Number of the next line. An image of 2³² lines (256 GiB) cannot be loaded anyway.
    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Appends words, filled up to whole lines with `filler`; returns their first line.
    pub(crate) fn append(&mut self, words: &[u64], filler: u64) -> u32 {
        let first = self.next();
        for chunk in words.chunks(8) {
            let mut line = [filler; 8];
            line[..chunk.len()].copy_from_slice(chunk);
            self.lines.push(line);
        }
        first
    }

    fn root(&mut self, first: u32, index: u32, target: Target) {
        let line = &mut self.lines[(first + index / WORDS_PER_LINE) as usize];
        line[(index % WORDS_PER_LINE) as usize] = target.pack();
    }

    /// Steps to lines.
    fn steps(&mut self, steps: &[Step]) -> Target {
        let words: Vec<(u64, u64)> = steps.iter().map(|(at, to)| (*at, to.pack())).collect();
        let first = self.intervals(&words);
        Target::Lines {
            first,
            count: self.next() - first,
        }
    }

    /// Starts and what holds from there to lines; returns their first. The last one fills its line up,
    /// so that every line is whole.
    pub(crate) fn intervals(&mut self, words: &[(u64, u64)]) -> u32 {
        let first = self.next();
        for chunk in words.chunks(INTERVALS_PER_LINE as usize) {
            let last = chunk[chunk.len() - 1].1;
            let mut line = [0; 8];
            for at in 0..INTERVALS_PER_LINE as usize {
                let (start, value) = chunk.get(at).copied().unwrap_or((u64::MAX, last));
                line[at * 2] = start;
                line[at * 2 + 1] = value;
            }
            self.lines.push(line);
        }
        first
    }

    fn target(&mut self, steps: &[Step]) -> Target {
        match steps {
            [(_, only)] => *only,
            _ => self.steps(steps),
        }
    }

    /// Fills an IPv4 root and its chunks.
    pub(crate) fn tree_v4(&mut self, roots: Roots, intervals: &[Interval]) {
        let shift = 32 - roots.bits_v4;
        let ranges =
            (0..1 << roots.bits_v4).map(|index| (index, u128::from(index) << shift, 1 << shift));
        for (index, _, chunk) in chunks(intervals, ranges) {
            let steps: Vec<Step> = chunk
                .iter()
                .map(|i| (low_half(i.start), Target::Class(i.class)))
                .collect();
            let target = self.target(&steps);
            self.root(roots.first, index, target);
        }
    }

    /// Fills an IPv6 root, its chunks by the first 64 bits, and theirs by the last.
    pub(crate) fn tree_v6(&mut self, roots: Roots, intervals: &[Interval]) {
        for (index, last, chunk) in chunks(intervals, ranges_v6(roots.bits_v6)) {
            let steps = self.steps_v6(&chunk, high_half(last));
            let target = self.target(&steps);
            self.root(roots.v6(), index, target);
        }
    }

    /// Steps of the intervals of one word of an IPv6 root, up to the high half `last`; what divides a /64 is
    /// appended.
    pub(crate) fn steps_v6(&mut self, chunk: &[Interval], last: u64) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut at = 0;
        while at < chunk.len() {
            let high = high_half(chunk[at].start);
            let within = chunk[at..]
                .iter()
                .take_while(|i| high_half(i.start) == high)
                .count();
            let group = &chunk[at..at + within];
            // What held before the first start inside this /64 holds from its beginning.
            let before = (low_half(group[0].start) != 0).then(|| Interval {
                start: u128::from(high) << 64,
                class: chunk[at.saturating_sub(1)].class,
            });
            let lows: Vec<Step> = before
                .iter()
                .chain(group)
                .map(|i| (low_half(i.start), Target::Class(i.class)))
                .collect();
            let target = self.target(&lows);
            steps.push((high, target));
            at += within;
            // The last class goes on in the next /64, unless something begins right there.
            let next = chunk.get(at).map(|i| high_half(i.start));
            if lows.len() > 1 && high < last && next.is_none_or(|next| next > high + 1) {
                steps.push((high + 1, Target::Class(group[within - 1].class)));
            }
        }
        steps
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the half is what is wanted"
)]
const fn low_half(address: u128) -> u64 {
    address as u64
}

const fn high_half(address: u128) -> u64 {
    (address >> 64) as u64
}

/// Bits of a root for so many intervals: about two to a word, so that most words need one line.
fn root_bits(intervals: usize) -> u32 {
    let words = intervals.div_ceil(2);
    let bits = usize::BITS - words.saturating_sub(1).leading_zeros();
    bits.clamp(*ROOT_BITS.start(), *ROOT_BITS.end())
}

/// A word of a root: its index, its first address, and how many addresses it is for.
type Range = (u32, u128, u128);

/// The IPv6 root's words in the order of their addresses.
fn ranges_v6(bits: u32) -> impl Iterator<Item = Range> {
    (0..8u64).flat_map(move |top| {
        let high = top << 61;
        let (words, shift) = if top == 1 {
            (1 << bits, 61 - bits)
        } else {
            (1, 61)
        };
        (0..words).map(move |word| {
            let high = high | word << shift;
            (
                root_index_v6(high, bits),
                u128::from(high) << 64,
                1 << (shift + 64),
            )
        })
    })
}

/// The intervals cut at each range's borders: index, last address and what lies between, the
/// first of which starts where the range does.
fn chunks(
    intervals: &[Interval],
    ranges: impl Iterator<Item = Range>,
) -> impl Iterator<Item = (u32, u128, Vec<Interval>)> {
    let mut at = 0;
    ranges.map(move |(index, start, size)| {
        while intervals
            .get(at + 1)
            .is_some_and(|next| next.start <= start)
        {
            at += 1;
        }
        let first = Interval {
            start,
            class: intervals[at].class,
        };
        let last = start + (size - 1);
        let rest = intervals[at + 1..]
            .iter()
            .take_while(|i| i.start <= last)
            .copied();
        (index, last, once(first).chain(rest).collect())
    })
}
