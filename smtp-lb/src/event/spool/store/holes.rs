//! Which records are lost, of those that the cursor has not passed; pure.

use std::collections::VecDeque;

/// Stretches, `start..end`, in order, none overlapping.
#[derive(Debug, Default)]
pub(super) struct Holes(VecDeque<(u64, u64)>);

impl Holes {
    /// Adds what of a stretch is not there yet; how much that was.
    pub(super) fn add(&mut self, start: u64, end: u64) -> u64 {
        let (mut at, mut added) = (start, 0);
        while at < end {
            if let Some(past) = self.end_at(at) {
                at = past;
                continue;
            }
            let next = self.0.partition_point(|hole| hole.0 <= at);
            let until = self.0.get(next).map_or(end, |hole| hole.0.min(end));
            added += until - at;
            self.insert(at, until);
            at = until;
        }
        added
    }

    /// Adds a stretch that overlaps none.
    fn insert(&mut self, start: u64, end: u64) {
        let place = self.0.partition_point(|hole| hole.0 < start);
        if let Some(before) = place.checked_sub(1).and_then(|at| self.0.get_mut(at))
            && before.1 == start
        {
            before.1 = end;
        } else {
            self.0.insert(place, (start, end));
        }
    }

    /// The end of the stretch that has `index`.
    pub(super) fn end_at(&self, index: u64) -> Option<u64> {
        let place = self.0.partition_point(|hole| hole.0 <= index);
        let (_, end) = self.0.get(place.checked_sub(1)?)?;
        (*end > index).then_some(*end)
    }

    /// Forgets all before `index`; how much that was.
    pub(super) fn pass(&mut self, index: u64) -> u64 {
        let mut passed = 0;
        while let Some(&(start, end)) = self.0.front() {
            if start >= index {
                break;
            }
            passed += end.min(index) - start;
            self.0.pop_front();
            if end > index {
                self.0.push_front((index, end));
                break;
            }
        }
        passed
    }

    /// How many there are.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_a_set_of_numbers_has_it(
            steps in prop::collection::vec((any::<bool>(), 0..60_u64, 0..20_u64), 1..40),
        ) {
            let (mut holes, mut set, mut done) = (Holes::default(), BTreeSet::new(), 0);
            for (add, start, length) in steps {
                if add {
                    let start = start.max(done);
                    let before = set.len();
                    set.extend(start..start + length);
                    prop_assert_eq!(holes.add(start, start + length), (set.len() - before) as u64);
                } else {
                    done = done.max(start);
                    let kept = set.split_off(&done);
                    prop_assert_eq!(holes.pass(done), set.len() as u64);
                    set = kept;
                }
                prop_assert_eq!(holes.total(), set.len() as u64);
                for index in done..100 {
                    match holes.end_at(index) {
                        None => prop_assert!(!set.contains(&index)),
                        Some(end) => prop_assert!(end > index && (index..end).all(|at| set.contains(&at))),
                    }
                }
            }
        }
    }
}
