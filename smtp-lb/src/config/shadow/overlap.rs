//! Which rules have something in common, found without a look at each pair.

use std::collections::{BTreeSet, HashSet};

use super::space::Space;

/// Pairs that are kept; past them no more are looked for.
const MAX_PAIRS: usize = 4_000_000;
/// Pairs that are looked at.
const MAX_LOOKS: usize = 200_000_000;

/// For each rule those that overlap it, in order.
pub(crate) struct Neighbors {
    by_rule: Vec<Vec<usize>>,
    /// There are more than were looked for.
    pub(crate) is_partial: bool,
}

impl Neighbors {
    /// Of the rules that `is_on` names.
    pub(crate) fn of(spaces: &[Space], is_on: impl Fn(usize) -> bool) -> Self {
        let mut neighbors = Self {
            by_rule: vec![Vec::new(); spaces.len()],
            is_partial: false,
        };
        // By source: a range that begins overlaps those that have not ended. At the same
        // address ends, which are those of the range itself, come last.
        let mut edges = Vec::new();
        for (number, space) in spaces
            .iter()
            .enumerate()
            .filter(|(number, _)| is_on(*number))
        {
            for &(first, last) in space.0[0].ranges() {
                edges.push((first, false, number));
                edges.push((last, true, number));
            }
        }
        edges.sort_unstable();
        let mut open = BTreeSet::new();
        let mut pairs = HashSet::new();
        let mut looks = 0;
        for (_, ends, number) in edges {
            if ends {
                open.remove(&number);
                continue;
            }
            looks += open.len();
            if looks > MAX_LOOKS || pairs.len() > MAX_PAIRS {
                neighbors.is_partial = true;
                break;
            }
            for &other in &open {
                let pair = (number.min(other), number.max(other));
                if !spaces[number].is_apart(&spaces[other]) && pairs.insert(pair) {
                    neighbors.by_rule[number].push(other);
                    neighbors.by_rule[other].push(number);
                }
            }
            open.insert(number);
        }
        for others in &mut neighbors.by_rule {
            others.sort_unstable();
        }
        neighbors
    }

    /// Those of a rule.
    pub(crate) fn of_rule(&self, number: usize) -> &[usize] {
        self.by_rule.get(number).map_or(&[], Vec::as_slice)
    }
}
