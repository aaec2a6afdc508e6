//! One after the other.

use super::{Candidate, distance, eligible};

/// The first eligible candidate at or after `start`, going round.
pub(super) fn next(candidates: &[Candidate], start: usize) -> Option<usize> {
    let count = candidates.len();
    eligible(candidates)
        .map(|(index, _)| index)
        .min_by_key(|index| distance(*index, start, count))
}
