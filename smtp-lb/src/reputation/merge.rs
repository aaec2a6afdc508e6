//! All feeds to one ordered set of disjoint intervals, each with its set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::collections::binary_heap::PeekMut;

use super::ranges::Number;
use super::sets::{Numbers, Pair, TooManySets};

/// Entries of one feed and tag: disjoint, ascending, not touching.
pub(super) struct Run<'a, N> {
    pub(super) pair: Pair,
    pub(super) ranges: &'a [(N, N)],
}

impl<N: Number> Run<'_, N> {
    /// The place of a border: even ones begin a range, odd ones end it. `None`: there are no
    /// more, or the range ends with the family.
    fn border(&self, at: usize) -> Option<N> {
        let (first, last) = self.ranges.get(at / 2)?;
        if at.is_multiple_of(2) {
            Some(*first)
        } else {
            last.next()
        }
    }
}

/// Calls `emit` with the start of every interval and its set, from `zero` on in ascending order.
/// Neighbours differ in their sets.
pub(super) fn sweep<N: Number>(
    zero: N,
    runs: &[Run<'_, N>],
    numbers: &mut Numbers<'_>,
    mut emit: impl FnMut(N, u32),
) -> Result<(), TooManySets> {
    let mut heap: BinaryHeap<Reverse<(N, usize, usize)>> = runs
        .iter()
        .enumerate()
        .filter_map(|(run, it)| Some(Reverse((it.border(0)?, run, 0))))
        .collect();
    let mut states = States::new(numbers);
    let mut state = 0;
    let (mut start, mut told) = (zero, None);
    while let Some(mut top) = heap.peek_mut() {
        let Reverse((place, run, at)) = *top;
        if place > start {
            let set = states.set(state);
            if told != Some(set) {
                emit(start, set);
                told = Some(set);
            }
            start = place;
        }
        state = states.toggle(state, runs[run].pair)?;
        match runs[run].border(at + 1) {
            Some(place) => *top = Reverse((place, run, at + 1)),
            None => {
                PeekMut::pop(top);
            }
        }
    }
    let set = states.set(state);
    if told != Some(set) {
        emit(start, set);
    }
    Ok(())
}

/// What holds at a place, and what holds after one border more.
struct States<'a, 'b> {
    numbers: &'a mut Numbers<'b>,
    /// Pairs in order, and the set's number.
    all: Vec<(Vec<Pair>, u32)>,
    known: HashMap<Vec<Pair>, usize>,
    /// State and pair to state.
    ways: HashMap<(usize, Pair), usize>,
}

impl<'a, 'b> States<'a, 'b> {
    fn new(numbers: &'a mut Numbers<'b>) -> Self {
        Self {
            numbers,
            all: vec![(Vec::new(), 0)],
            known: HashMap::from([(Vec::new(), 0)]),
            ways: HashMap::new(),
        }
    }

    fn set(&self, state: usize) -> u32 {
        self.all[state].1
    }

    fn toggle(&mut self, state: usize, pair: Pair) -> Result<usize, TooManySets> {
        if let Some(next) = self.ways.get(&(state, pair)) {
            return Ok(*next);
        }
        let mut pairs = self.all[state].0.clone();
        match pairs.binary_search(&pair) {
            Ok(at) => {
                pairs.remove(at);
            }
            Err(at) => pairs.insert(at, pair),
        }
        let next = if let Some(next) = self.known.get(&pairs) {
            *next
        } else {
            let set = self.numbers.number(&pairs)?;
            self.all.push((pairs.clone(), set));
            self.known.insert(pairs, self.all.len() - 1);
            self.all.len() - 1
        };
        self.ways.insert((state, pair), next);
        Ok(next)
    }
}
