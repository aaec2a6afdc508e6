//! Shortest time to greet.

use super::hash::mix;
use super::{Candidate, distance, draw, eligible};

/// One choice in so many is left to chance, so that a member that was slow is measured again.
const TRIALS: usize = 32;

/// The eligible candidate with the least smoothed greeting time for each session it will have: the
/// time alone would send all to one until it is slow, too. One that was never measured comes first.
pub(super) fn next(candidates: &[Candidate], start: usize, chance: u64) -> Option<usize> {
    let trial = mix(chance);
    if draw(trial, TRIALS) == 0 {
        let place = draw(mix(trial), eligible(candidates).count());
        return eligible(candidates).nth(place).map(|(index, _)| index);
    }
    let count = candidates.len();
    eligible(candidates)
        .min_by_key(|(index, candidate)| {
            let nanos = candidate.greeting.map(|time| time.as_nanos().max(1));
            let cost = nanos.map(|nanos| nanos.saturating_mul(u128::from(candidate.active) + 1));
            (
                cost.unwrap_or_default(),
                candidate.active,
                distance(*index, start, count),
            )
        })
        .map(|(index, _)| index)
}
