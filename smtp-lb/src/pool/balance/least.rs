//! Fewest sessions.

use std::cmp::Ordering;

use super::hash::mix;
use super::{Candidate, distance, draw, eligible};

/// The eligible candidate with the fewest sessions; among equals the first one at or after
/// `start`, going round.
pub(super) fn connections(candidates: &[Candidate], start: usize) -> Option<usize> {
    let count = candidates.len();
    eligible(candidates)
        .min_by_key(|(index, candidate)| (candidate.active, distance(*index, start, count)))
        .map(|(index, _)| index)
}

/// The eligible candidate that will have the fewest sessions for its weight.
pub(super) fn weighted(candidates: &[Candidate], start: usize) -> Option<usize> {
    let count = candidates.len();
    eligible(candidates)
        .min_by(|(a_index, a), (b_index, b)| {
            by_weight(a, b).then_with(|| {
                let far = |index: &usize| distance(*index, start, count);
                far(a_index).cmp(&far(b_index))
            })
        })
        .map(|(index, _)| index)
}

/// Compares what both would have with one session more, for their weights.
fn by_weight(a: &Candidate, b: &Candidate) -> Ordering {
    let crossed = |of: &Candidate, other: &Candidate| {
        (u128::from(of.active) + 1) * u128::from(other.ratio.max(1))
    };
    crossed(a, b).cmp(&crossed(b, a))
}

/// Draws two of the eligible candidates, and takes the one with fewer sessions.
pub(super) fn of_two(candidates: &[Candidate], chance: u64) -> Option<usize> {
    let count = eligible(candidates).count();
    let nth = |n: usize| eligible(candidates).nth(n);
    let first = draw(chance, count);
    // Among the others, so that the two differ.
    let second = draw(mix(chance), count.saturating_sub(1));
    let second = second + usize::from(second >= first);
    let (one, other) = (nth(first)?, nth(second));
    let chosen = match other {
        Some(other) if other.1.active < one.1.active => other,
        _ => one,
    };
    Some(chosen.0)
}
