//! Slow ramp: a member that comes up counts for a part of its weight, which grows on a line.

use std::time::Duration;

use super::hash::{mix, score};
use super::{Candidate, Question, eligible};
use crate::config::plan::Balance;

/// A full share.
pub(crate) const WHOLE: u32 = 1 << 16;

/// The share of a member that came up so long ago, on a line from nothing to [`WHOLE`].
pub(crate) fn share(elapsed: Duration, ramp: Duration) -> u32 {
    if elapsed >= ramp {
        return WHOLE;
    }
    let whole = elapsed.as_nanos() * u128::from(WHOLE);
    let share = whole.checked_div(ramp.as_nanos());
    share.map_or(WHOLE, |share| u32::try_from(share).unwrap_or(WHOLE))
}

/// Takes members that come up out of this choice, as often as it takes for their share. The member
/// with the greatest share counts as one with all of it: if all come up at once, nobody waits.
pub(super) fn narrow(candidates: &mut [Candidate], question: &Question) {
    let greatest = eligible(candidates).map(|(_, it)| it.share).max();
    let Some(greatest) = greatest.filter(|share| *share > 0) else {
        return;
    };
    if eligible(candidates).all(|(_, it)| it.share == greatest) {
        return;
    }
    let weighs = question.method == Balance::WeightedLeastConnections;
    let ratio = |it: &Candidate| {
        if weighs {
            u64::from(it.ratio.max(1))
        } else {
            1
        }
    };
    // What a member of a full share would have with one session more, at weight 1.
    let level = eligible(candidates)
        .filter(|(_, it)| it.share == greatest)
        .map(|(_, it)| (it.active + 1, ratio(it)))
        .min_by(|a, b| {
            (u128::from(a.0) * u128::from(b.1)).cmp(&(u128::from(b.0) * u128::from(a.1)))
        });
    let (level, level_ratio) = level.unwrap_or((1, 1));
    for candidate in candidates.iter_mut().filter(|it| it.eligible) {
        let whole = u128::from(WHOLE);
        let share = u128::from(candidate.share) * whole / u128::from(greatest);
        candidate.eligible = match question.method {
            // Who goes by sessions lets it have its share of sessions, and a part of a session by
            // chance: otherwise it would have none until it may have a whole one.
            Balance::LeastConnections | Balance::WeightedLeastConnections | Balance::PowerOfTwo => {
                let has = u128::from(candidate.active) * whole + part(question.chance, candidate);
                let may_have = share * u128::from(level) * u128::from(ratio(candidate));
                share == whole || has * u128::from(level_ratio) < may_have
            }
            // The chance is the client's own, so that it moves to the member once.
            Balance::SourceHash => part(!question.client, candidate) < share,
            Balance::RoundRobin | Balance::Fastest => part(question.chance, candidate) < share,
            // It weighs by shares itself.
            Balance::Ratio => true,
        };
    }
}

/// Chance for this candidate, from 0 to below [`WHOLE`].
fn part(chance: u64, candidate: &Candidate) -> u128 {
    u128::from(mix(score(candidate.key, chance)) >> 48)
}
