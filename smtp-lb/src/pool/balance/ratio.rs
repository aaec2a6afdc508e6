//! By weight, smoothly: a member of weight 3 among members of weight 1 gets every second session of
//! four, not three at once.

use super::{Candidate, eligible};

/// Gives each eligible candidate its weight as credit, takes the one with the most, and lets it pay
/// for all. In every round of as many choices as the weights sum up to, each is chosen as often as
/// its weight says.
pub(super) fn next(candidates: &[Candidate], credits: &mut Vec<i64>) -> Option<usize> {
    if credits.len() != candidates.len() {
        credits.clear();
        credits.resize(candidates.len(), 0);
    }
    let mut total = 0;
    let mut best: Option<(usize, i64)> = None;
    for (index, candidate) in eligible(candidates) {
        // Less than 2^32. Who has hardly begun to ramp weighs hardly anything.
        let weight = i64::from(candidate.ratio) * i64::from(candidate.share.max(1));
        let Some(credit) = credits.get_mut(index) else {
            continue;
        };
        *credit += weight;
        total += weight;
        if best.is_none_or(|(_, most)| *credit > most) {
            best = Some((index, *credit));
        }
    }
    let (chosen, _) = best?;
    if let Some(credit) = credits.get_mut(chosen) {
        *credit -= total;
    }
    Some(chosen)
}
