//! From networks to sorted, disjoint intervals of addresses, each with its class.
//!
//! A class is which of the sets of networks that rules ask for hold an address. Addresses of one class
//! need no further look.

use std::collections::{BTreeSet, HashMap};

use ipnet::IpNet;

/// Sets of networks by number, in order.
pub(crate) type Members = Vec<u32>;

/// Classes, shared by both families.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    numbers: HashMap<Members, u32>,
    members: Vec<Members>,
}

impl Classes {
    fn number(&mut self, members: &BTreeSet<u32>) -> u32 {
        let members: Members = members.iter().copied().collect();
        if let Some(number) = self.numbers.get(&members) {
            return *number;
        }
        // More than u32::MAX sets would not fit into memory first.
        let number = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.members.push(members.clone());
        self.numbers.insert(members, number);
        number
    }

    /// The sets of each class, by class number.
    pub(crate) fn members(&self) -> &[Members] {
        &self.members
    }

    /// The classes of each set, ascending, by set number.
    pub(crate) fn inverted(&self) -> Vec<Vec<u32>> {
        let mut classes = Vec::new();
        for (class, sets) in (0..).zip(&self.members) {
            for set in sets {
                let set = *set as usize;
                if classes.len() <= set {
                    classes.resize(set + 1, Vec::new());
                }
                classes[set].push(class);
            }
        }
        classes
    }
}

/// Start of an interval and its class; it ends where the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// First address, as a number.
    pub(crate) start: u128,
    /// Its class.
    pub(crate) class: u32,
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    fn range(self, network: &IpNet) -> Option<(u128, u128)> {
        match (self, network) {
            (Self::V4, IpNet::V4(net)) => Some((
                u128::from(u32::from(net.network())),
                u128::from(u32::from(net.broadcast())),
            )),
            (Self::V6, IpNet::V6(net)) => {
                Some((u128::from(net.network()), u128::from(net.broadcast())))
            }
            _ => None,
        }
    }
}

/// Intervals that cover the whole family, neighbours of different class.
pub(crate) fn sweep(
    family: Family,
    sources: &[(u32, &[IpNet])],
    classes: &mut Classes,
) -> Vec<Interval> {
    // (address, begins, rule): ends come before beginnings at the same address.
    let mut edges = Vec::new();
    for (rule, networks) in sources {
        for (first, last) in merge(family, networks) {
            edges.push((first, true, *rule));
            if last < family.last() {
                edges.push((last + 1, false, *rule));
            }
        }
    }
    edges.sort_unstable();
    let mut active = BTreeSet::new();
    let mut intervals: Vec<Interval> = Vec::new();
    let mut start = 0;
    let mut close = |start: u128, active: &BTreeSet<u32>| {
        let class = classes.number(active);
        if intervals.last().is_none_or(|last| last.class != class) {
            intervals.push(Interval { start, class });
        }
    };
    for (address, begins, rule) in edges {
        if address > start {
            close(start, &active);
            start = address;
        }
        if begins {
            active.insert(rule);
        } else {
            active.remove(&rule);
        }
    }
    close(start, &active);
    intervals
}

/// Disjoint, ascending ranges of the networks of one family.
fn merge(family: Family, networks: &[IpNet]) -> Vec<(u128, u128)> {
    let mut ranges: Vec<_> = networks.iter().filter_map(|n| family.range(n)).collect();
    ranges.sort_unstable();
    let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(text: &[&str]) -> Vec<IpNet> {
        text.iter().map(|n| n.parse().expect("a network")).collect()
    }

    #[test]
    fn nested_networks_give_three_classes() {
        let (outer, inner) = (nets(&["10.0.0.0/8"]), nets(&["10.1.0.0/16"]));
        let mut classes = Classes::default();
        let found = sweep(Family::V4, &[(0, &outer), (1, &inner)], &mut classes);
        let shown: Vec<_> = found
            .iter()
            .map(|i| (i.start, classes.members()[i.class as usize].clone()))
            .collect();
        assert_eq!(
            shown,
            [
                (0, vec![]),
                (0x0a00_0000, vec![0]),
                (0x0a01_0000, vec![0, 1]),
                (0x0a02_0000, vec![0]),
                (0x0b00_0000, vec![]),
            ]
        );
    }

    #[test]
    fn neighbours_and_repeats_are_one_interval() {
        let list = nets(&["10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/9"]);
        let found = sweep(Family::V4, &[(0, &list)], &mut Classes::default());
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn the_last_address_ends_the_family() {
        let all = nets(&["255.255.255.255/32", "ffff::/16"]);
        let mut classes = Classes::default();
        assert_eq!(sweep(Family::V4, &[(0, &all)], &mut classes).len(), 2);
        assert_eq!(sweep(Family::V6, &[(0, &all)], &mut classes).len(), 2);
    }
}
