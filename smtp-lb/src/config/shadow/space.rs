//! Sets of numbers, and boxes of them: what a rule matches, and what others leave of it.

/// What is told apart of a packet.
pub(crate) const DIMENSIONS: usize = 8;

/// Numbers as disjoint ranges, both ends within, in order, none touching the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set(Vec<(u128, u128)>);

impl Set {
    /// Every number.
    pub(crate) fn all() -> Self {
        Self(vec![(0, u128::MAX)])
    }

    /// The numbers of some ranges, in any order.
    pub(crate) fn of(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// One number.
    pub(crate) fn one(number: u128) -> Self {
        Self(vec![(number, number)])
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges.
    pub(crate) fn ranges(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// Do the two lie apart, as far as their ends tell?
    fn is_apart(&self, other: &Self) -> bool {
        match (
            self.0.first(),
            self.0.last(),
            other.0.first(),
            other.0.last(),
        ) {
            (Some(a), Some(z), Some(b), Some(y)) => z.1 < b.0 || y.1 < a.0,
            _ => true,
        }
    }

    fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push((first, last));
            }
            if a.1 < b.1 {
                left.next()
            } else {
                right.next()
            };
        }
        Self(both)
    }

    fn difference(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut at = 0;
        for &(first, last) in &self.0 {
            while other.0.get(at).is_some_and(|cut| cut.1 < first) {
                at += 1;
            }
            let mut from = Some(first);
            for &(begin, end) in other.0.get(at..).unwrap_or_default() {
                let Some(start) = from.filter(|start| *start <= last && begin <= last) else {
                    break;
                };
                if begin > start {
                    rest.push((start, begin - 1));
                }
                from = end.checked_add(1);
            }
            if let Some(start) = from.filter(|start| *start <= last) {
                rest.push((start, last));
            }
        }
        Self(rest)
    }
}

/// Packets whose every dimension is in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Space(pub(crate) [Set; DIMENSIONS]);

impl Space {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().any(Set::is_empty)
    }

    /// Is every packet in it?
    pub(crate) fn is_all(&self) -> bool {
        self.0.iter().all(|set| *set == Set::all())
    }

    /// Do the two lie apart, as far as that is seen at once?
    pub(crate) fn is_apart(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a.is_apart(b))
    }

    /// What is left of it without `other`, in pieces that do not overlap, or `None` if they lie apart.
    pub(crate) fn without(&self, other: &Self) -> Option<Vec<Self>> {
        let mut within = self.clone();
        let mut pieces = Vec::new();
        for dimension in 0..DIMENSIONS {
            let common = self.0[dimension].intersection(&other.0[dimension]);
            if common.is_empty() {
                return None;
            }
            let rest = self.0[dimension].difference(&common);
            if !rest.is_empty() {
                let mut piece = within.clone();
                piece.0[dimension] = rest;
                pieces.push(piece);
            }
            within.0[dimension] = common;
        }
        Some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(set: &Set) -> Vec<u128> {
        set.0
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect()
    }

    #[test]
    fn sets_are_sets_of_numbers() {
        // Every pair of sets of the numbers below 6.
        let set = |bits: u32| Set::of((0..6).filter(|n| bits >> n & 1 == 1).map(|n| (n, n)));
        for a in 0..64 {
            for b in 0..64 {
                let want = |bits: u32| numbers(&set(bits));
                assert_eq!(numbers(&set(a).intersection(&set(b))), want(a & b));
                assert_eq!(
                    numbers(&set(a).difference(&set(b))),
                    want(a & !b),
                    "{a:b} {b:b}"
                );
            }
        }
    }

    #[test]
    fn the_last_number_has_none_behind_it() {
        let upper = Set::of([(5, u128::MAX)]);
        assert_eq!(Set::all().difference(&upper), Set::of([(0, 4)]));
        assert_eq!(Set::all().difference(&Set::all()), Set::of([]));
        assert_eq!(
            upper.difference(&Set::one(u128::MAX)),
            Set::of([(5, u128::MAX - 1)])
        );
        assert_eq!(Set::of([(9, u128::MAX), (3, 8)]), Set::of([(3, u128::MAX)]));
    }
}
