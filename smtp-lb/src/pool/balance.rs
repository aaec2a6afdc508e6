//! Which member comes next, as a pure choice.
//!
//! First the members are narrowed to those that may be chosen: by priority, then by slow ramp. Then
//! the method chooses among them. Chance comes as an argument, time has become shares and averages
//! before it comes here.

mod fastest;
mod hash;
mod least;
mod priority;
mod ramp;
mod ratio;
mod turn;

use std::time::Duration;

use crate::config::plan::Balance;

pub(crate) use hash::{client_key, name_key};
pub(crate) use ramp::{WHOLE, share};

/// A member as the choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Up, and with room for this session.
    pub open: bool,
    /// May be chosen: open, and not tried in vain.
    pub eligible: bool,
    /// Sessions it has now.
    pub active: u64,
    /// Its weight, at least 1.
    pub ratio: u32,
    /// Its priority group; greater ones are preferred.
    pub priority: u32,
    /// What slow ramp lets it have: 0 to [`WHOLE`], which is its full share.
    pub share: u32,
    /// How long it took to greet, smoothed. None: not known.
    pub greeting: Option<Duration>,
    /// What the source hash knows it by.
    pub key: u64,
}

impl Candidate {
    /// A weight of 1, in the one priority group, with its full share.
    #[must_use]
    pub const fn new(open: bool, active: u64) -> Self {
        Self {
            open,
            eligible: open,
            active,
            ratio: 1,
            priority: 0,
            share: WHOLE,
            greeting: None,
            key: 0,
        }
    }
}

/// What a choice depends on besides the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// How to choose.
    pub method: Balance,
    /// Open members below which the next priority group is asked, too.
    pub min_active: usize,
    /// The client, for the source hash.
    pub client: u64,
    /// Any number, each as likely as the others.
    pub chance: u64,
}

/// What one choice leaves to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// One past the last choice, so that equals take turns.
    start: usize,
    /// What each member is owed, for [`Balance::Ratio`].
    credits: Vec<i64>,
}

/// Chooses one of the candidates that are eligible; none if none is. Which candidates are eligible
/// is narrowed on the way.
#[must_use]
pub fn choose(question: &Question, candidates: &mut [Candidate], turn: &mut Turn) -> Option<usize> {
    priority::narrow(candidates, question.min_active);
    ramp::narrow(candidates, question);
    let start = turn.start;
    let chosen = match question.method {
        Balance::LeastConnections => least::connections(candidates, start),
        Balance::WeightedLeastConnections => least::weighted(candidates, start),
        Balance::RoundRobin => turn::next(candidates, start),
        Balance::Ratio => ratio::next(candidates, &mut turn.credits),
        Balance::Fastest => fastest::next(candidates, start, question.chance),
        Balance::PowerOfTwo => least::of_two(candidates, question.chance),
        Balance::SourceHash => hash::next(candidates, question.client),
    }?;
    turn.start = chosen + 1;
    Some(chosen)
}

/// Members that one session has already tried in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried(Vec<usize>);

impl Tried {
    /// Takes the member at `index` out of further choices.
    pub fn insert(&mut self, index: usize) {
        if !self.contains(index) {
            self.0.push(index);
        }
    }

    /// Whether the member at `index` was tried.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.0.contains(&index)
    }

    /// Whether none was tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The eligible candidates and their places.
fn eligible(candidates: &[Candidate]) -> impl Iterator<Item = (usize, &Candidate)> {
    let all = candidates.iter().enumerate();
    all.filter(|(_, candidate)| candidate.eligible)
}

/// How far `index` is from `start` in a round of `count` places. Nothing is far in none.
fn distance(index: usize, start: usize, count: usize) -> usize {
    let start = start.checked_rem(count).unwrap_or_default();
    (index + count - start)
        .checked_rem(count)
        .unwrap_or_default()
}

/// The place of `chance` among `count` equally likely ones; 0 if there is none.
fn draw(chance: u64, count: usize) -> usize {
    let wide = u128::from(chance) * (count as u128);
    // Less than `count`, so it fits.
    usize::try_from(wide >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
