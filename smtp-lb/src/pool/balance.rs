//! Which member comes next, as a pure choice.

/// A member as the choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// May get sessions.
    pub usable: bool,
    /// Sessions it has now.
    pub active: usize,
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
}

/// The usable, untried candidate with the fewest sessions; among equals the first one at or after
/// `start`, going round. With `start` one past the last choice, equals take turns.
#[must_use]
pub fn least_connections(
    candidates: impl ExactSizeIterator<Item = Candidate>,
    tried: &Tried,
    start: usize,
) -> Option<usize> {
    let count = candidates.len();
    let distance = |index: usize| (index + count - start % count) % count;
    candidates
        .enumerate()
        .filter(|(index, candidate)| candidate.usable && !tried.contains(*index))
        .min_by_key(|(index, candidate)| (candidate.active, distance(*index)))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(candidates: &[(bool, usize)], tried: &[usize], start: usize) -> Option<usize> {
        let mut set = Tried::default();
        for index in tried {
            set.insert(*index);
        }
        let candidates = candidates
            .iter()
            .map(|&(usable, active)| Candidate { usable, active });
        least_connections(candidates, &set, start)
    }

    #[test]
    fn table() {
        let up = true;
        let down = false;
        for (candidates, tried, start, want) in [
            (&[][..], &[][..], 0, None),
            (&[(down, 0)], &[], 0, None),
            (&[(up, 9)], &[], 0, Some(0)),
            (&[(up, 9)], &[0], 0, None),
            (&[(up, 2), (up, 1)], &[], 0, Some(1)),
            (&[(up, 2), (down, 1)], &[], 0, Some(0)),
            (&[(up, 2), (up, 1)], &[1], 0, Some(0)),
            (&[(up, 1), (up, 1), (up, 1)], &[], 0, Some(0)),
            (&[(up, 1), (up, 1), (up, 1)], &[], 1, Some(1)),
            (&[(up, 1), (up, 1), (up, 1)], &[], 3, Some(0)),
            (&[(up, 1), (up, 1), (up, 1)], &[], 5, Some(2)),
            (&[(up, 1), (up, 1), (up, 1)], &[1], 1, Some(2)),
            (&[(up, 1), (up, 1), (up, 0)], &[], 0, Some(2)),
            (&[(up, 0)], &[], usize::MAX, Some(0)),
        ] {
            let got = choose(candidates, tried, start);
            assert_eq!(got, want, "{candidates:?} tried {tried:?} from {start}");
        }
    }

    proptest! {
        #[test]
        fn nothing_better_is_passed_over(
            candidates in prop::collection::vec((any::<bool>(), 0usize..4), 0..12),
            tried in prop::collection::vec(0usize..12, 0..6),
            start in 0usize..40,
        ) {
            let eligible = |index: usize| candidates[index].0 && !tried.contains(&index);
            match choose(&candidates, &tried, start) {
                None => prop_assert!(!(0..candidates.len()).any(eligible)),
                Some(chosen) => {
                    prop_assert!(eligible(chosen));
                    let least = (0..candidates.len())
                        .filter(|index| eligible(*index))
                        .map(|index| candidates[index].1)
                        .min();
                    prop_assert_eq!(Some(candidates[chosen].1), least);
                }
            }
        }

        #[test]
        fn equals_take_turns(
            usable in prop::collection::vec(any::<bool>(), 1..12),
            rounds in 1usize..5,
        ) {
            let candidates: Vec<_> = usable.iter().map(|usable| (*usable, 0)).collect();
            let ups = usable.iter().filter(|usable| **usable).count();
            let mut hits = vec![0usize; usable.len()];
            let mut start = 0;
            for _ in 0..rounds * ups {
                let Some(chosen) = choose(&candidates, &[], start) else { break };
                hits[chosen] += 1;
                start = chosen + 1;
            }
            for (usable, hits) in usable.iter().zip(hits) {
                prop_assert_eq!(hits, if *usable { rounds } else { 0 });
            }
        }

        #[test]
        fn sessions_spread_evenly(
            members in 1usize..8,
            sessions in 0usize..64,
        ) {
            let mut candidates = vec![(true, 0); members];
            let mut start = 0;
            for _ in 0..sessions {
                let chosen = choose(&candidates, &[], start).expect("all are up");
                candidates[chosen].1 += 1;
                start = chosen + 1;
            }
            let most = candidates.iter().map(|c| c.1).max();
            let least = candidates.iter().map(|c| c.1 + 1).min();
            prop_assert!(most <= least);
        }
    }
}
