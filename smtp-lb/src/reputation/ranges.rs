//! Ranges of addresses, sorted and merged.

use std::net::IpAddr;

/// An address as a number: IPv4 in 33 bits' worth of a `u64`, IPv6 in a `u128`.
pub(crate) trait Number: Copy + Ord {
    /// The next address, if there is one.
    fn next(self) -> Option<Self>;
}

impl Number for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Number for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Ranges of both families, first and last address each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    /// IPv4.
    pub v4: Vec<(u32, u32)>,
    /// IPv6.
    pub v6: Vec<(u128, u128)>,
}

impl Ranges {
    /// Adds a range; the families must agree, else nothing is added.
    pub fn add(&mut self, first: IpAddr, last: IpAddr) {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => self.v4.push((first.into(), last.into())),
            (IpAddr::V6(first), IpAddr::V6(last)) => self.v6.push((first.into(), last.into())),
            _ => {}
        }
    }

    /// Sorts, and makes one of those that overlap or touch.
    pub fn merge(&mut self) {
        merge(&mut self.v4);
        merge(&mut self.v6);
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is the address in one of them? They must be merged.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(ip) => holds(&self.v4, u32::from(ip)),
            IpAddr::V6(ip) => holds(&self.v6, u128::from(ip)),
        }
    }

    /// Does one of them overlap the range? They must be merged.
    #[must_use]
    pub fn overlaps(&self, first: IpAddr, last: IpAddr) -> bool {
        match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => overlaps(&self.v4, u32::from(a), u32::from(b)),
            (IpAddr::V6(a), IpAddr::V6(b)) => overlaps(&self.v6, u128::from(a), u128::from(b)),
            _ => false,
        }
    }
}

fn merge<N: Number>(ranges: &mut Vec<(N, N)>) {
    // Stable sorting takes runs that are sorted already as they are, as most feeds come.
    ranges.sort();
    let mut kept = 0;
    for at in 0..ranges.len() {
        let (first, last) = ranges[at];
        if kept > 0 {
            let open = &mut ranges[kept - 1];
            if open.1.next().is_none_or(|next| first <= next) {
                open.1 = open.1.max(last);
                continue;
            }
        }
        ranges[kept] = (first, last);
        kept += 1;
    }
    ranges.truncate(kept);
    ranges.shrink_to_fit();
}

fn holds<N: Number>(ranges: &[(N, N)], address: N) -> bool {
    overlaps(ranges, address, address)
}

fn overlaps<N: Number>(ranges: &[(N, N)], first: N, last: N) -> bool {
    let at = ranges.partition_point(|range| range.1 < first);
    ranges.get(at).is_some_and(|range| range.0 <= last)
}

/// What a feed says, by what it says it of: a category's number, or [`ALLOW_TAG`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tagged {
    tags: Vec<(u8, Ranges)>,
}

/// Tag of allow entries.
pub(crate) const ALLOW_TAG: u8 = 63;

impl Tagged {
    /// The ranges of a tag, to be added to.
    pub fn of(&mut self, tag: u8) -> &mut Ranges {
        let found = self.tags.iter().position(|(own, _)| *own == tag);
        let at = found.unwrap_or_else(|| {
            self.tags.push((tag, Ranges::default()));
            self.tags.len() - 1
        });
        &mut self.tags[at].1
    }

    /// Merges the ranges of every tag; tags are in order then.
    pub fn merge(&mut self) {
        self.tags.iter_mut().for_each(|(_, ranges)| ranges.merge());
        self.tags.retain(|(_, ranges)| !ranges.is_empty());
        self.tags.sort_by_key(|(tag, _)| *tag);
    }

    /// Every tag with its ranges.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Ranges)> {
        self.tags.iter().map(|(tag, ranges)| (*tag, ranges))
    }

    /// Ranges over all tags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags.iter().map(|(_, ranges)| ranges.len()).sum()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_are_one() {
        let mut ranges = Ranges {
            v4: vec![(10, 20), (5, 9), (15, 30), (32, 40), (u32::MAX, u32::MAX)],
            v6: vec![(1, u128::MAX), (5, 6)],
        };
        ranges.merge();
        assert_eq!(ranges.v4, [(5, 30), (32, 40), (u32::MAX, u32::MAX)]);
        assert_eq!(ranges.v6, [(1, u128::MAX)]);
        for (address, held) in [(4, false), (5, true), (30, true), (31, false), (40, true)] {
            assert_eq!(
                ranges.holds(IpAddr::from(std::net::Ipv4Addr::from(address))),
                held
            );
        }
    }
}
