//! Trees of many crowded and uneven steps, and how their words are made.

use std::collections::BTreeMap;

use proptest::prelude::*;
use smtp_lb_common::image::{Roots, Target};
use smtp_lb_common::packet::split;
use smtp_lb_common::tree::{LEAST_V4, MOST, ROOT_BITS, Word, find_v4, find_v6};

use crate::firewall::Lines;
use crate::reputation::rooted::{Addresses, Rooted};
use crate::reputation::tree::{Family, Part, Range, Step, Tree};

/// Where addresses begin, how near to it they are, and how far off each is.
type Cluster<N> = (N, u32, Vec<N>);

/// Each of them begins another number. They are dense somewhere and sparse elsewhere.
fn steps<N: Copy + Ord>(addresses: impl Iterator<Item = N>) -> BTreeMap<N, u32> {
    let numbers = (1..=MOST).cycle();
    let addresses: std::collections::BTreeSet<N> = addresses.collect();
    addresses.into_iter().zip(numbers).collect()
}

fn clusters<N: Arbitrary + Clone>(bits: u32) -> impl Strategy<Value = Vec<Cluster<N>>> {
    let cluster = (
        any::<N>(),
        0..bits,
        proptest::collection::vec(any::<N>(), 0..300),
    );
    proptest::collection::vec(cluster, 0..6)
}

/// Both of so many bits.
const fn roots(bits: u32) -> Roots {
    Roots {
        first: 1,
        bits_v4: bits,
        bits_v6: bits,
    }
}

fn held<N: Copy + Ord>(steps: &BTreeMap<N, u32>, address: N) -> u32 {
    steps
        .range(..=address)
        .next_back()
        .map_or(0, |(_, number)| *number)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_tree_of_ipv4_says_what_held_last(
        clusters in clusters::<u32>(32), bits in ROOT_BITS, strangers: [u32; 20],
    ) {
        let addresses = clusters.iter().flat_map(|(base, shift, offs)| {
            offs.iter().map(move |off| base.wrapping_add(off >> shift))
        });
        let steps = steps(addresses.chain([0, u32::MAX].into_iter().take(clusters.len() % 3)));
        let mut lines = Lines::blank(1 + roots(bits).lines());
        let mut tree = Rooted::new(&mut lines, Family::V4, roots(bits));
        for (start, number) in &steps {
            tree.add(u64::from(*start) << 32, Target::Class(*number));
        }
        tree.finish();
        let near = steps.keys().flat_map(|at| [at.wrapping_sub(1), *at, at.wrapping_add(1)]);
        for address in near.chain(strangers) {
            let found = find_v4(lines.lines.as_slice(), roots(bits), address);
            prop_assert_eq!(found, Some(held(&steps, address)), "{:x}", address);
        }
    }

    #[test]
    fn a_tree_of_ipv6_says_what_held_last(
        clusters in clusters::<u128>(128), bits in ROOT_BITS, strangers: [u128; 20],
    ) {
        let addresses = clusters.iter().enumerate().flat_map(|(n, (base, shift, offs))| {
            // Two of three in 2000::/3.
            let base = if n % 3 == 2 { *base } else { base >> 3 | 1 << 125 };
            offs.iter().map(move |off| base.wrapping_add(off >> shift))
        });
        let steps = steps(addresses.chain([0, u128::MAX].into_iter().take(clusters.len() % 3)));
        let mut lines = Lines::blank(1 + roots(bits).lines());
        let mut tree = Addresses::new(&mut lines, roots(bits));
        for (start, number) in &steps {
            tree.add(*start, *number);
        }
        tree.finish();
        let near = steps.keys().flat_map(|at| [at.wrapping_sub(1), *at, at.wrapping_add(1)]);
        for address in near.chain(strangers) {
            let halves = split(address.to_be_bytes());
            let found = find_v6(lines.lines.as_slice(), roots(bits), halves);
            prop_assert_eq!(found, Some(held(&steps, address)), "{:x}", address);
        }
    }
}

/// The first 13 bits of an IPv4 address, all 0.
const RANGE: Range = Range {
    first: 0,
    bits: LEAST_V4,
};

/// At each of these addresses another number begins.
fn at(addresses: impl IntoIterator<Item = u32>) -> Vec<Step> {
    let numbered = addresses.into_iter().zip(1..);
    numbered
        .map(|(address, number)| (u64::from(address) << 32, Target::Class(number)))
        .collect()
}

fn place(tree: &mut Tree<'_>, range: Range, before: u32, steps: &[Step]) -> Word {
    tree.place(Part {
        range,
        before: Target::Class(before),
        steps,
    })
}

#[test]
fn what_is_the_same_throughout_needs_no_line() {
    let mut lines = Lines::blank(0);
    let mut tree = Tree::new(&mut lines, Family::V4);
    assert_eq!(place(&mut tree, RANGE, 7, &[]), Word::Value(7));
    assert_eq!(place(&mut tree, RANGE, 7, &at([0])), Word::Value(1));
    assert!(lines.lines.is_empty());
}

#[test]
fn parts_that_hold_nothing_are_told() {
    let parts = |before, steps: &[(u32, u32)]| {
        let steps: Vec<Step> = steps
            .iter()
            .map(|(address, number)| (u64::from(*address) << 32, Target::Class(*number)))
            .collect();
        Part {
            range: RANGE,
            before: Target::Class(before),
            steps: &steps,
        }
        .held_parts()
    };
    // Each has 2^14 addresses.
    assert_eq!(parts(0, &[]), 0);
    assert_eq!(parts(7, &[]), u32::MAX);
    assert_eq!(parts(0, &[(1, 7), (2, 0)]), 1);
    assert_eq!(parts(0, &[(0x3fff, 7), (0x4001, 0)]), 0b11);
    assert_eq!(parts(0, &[(0x4000, 7), (0x8000, 0)]), 0b10);
    assert_eq!(parts(7, &[(0x4000, 0), (0x7_ffff, 7)]), 1 << 31 | 1);
    assert_eq!(parts(7, &[(0, 0), (0x7_c000, 8)]), 1 << 31);
}

#[test]
fn neighbours_have_one_line_while_it_has_room() {
    let mut lines = Lines::blank(0);
    let mut tree = Tree::new(&mut lines, Family::V4);
    // Parts of a range of 13 bits: entries hold the rest.
    let parts: Vec<Range> = (0..4)
        .map(|part| Range::around(part << 48, LEAST_V4 + 3))
        .collect();
    let mut found = Vec::new();
    let mut before = 0;
    for (range, count) in parts.iter().zip([5, 10, 1, 1]) {
        let first = u32::try_from(range.first >> 32).unwrap();
        let steps = at((1..=count).map(|off| first + off));
        found.push(place(&mut tree, *range, before, &steps));
        before = count;
    }
    let leaf = |first| Word::Leaf { first, split: 0 };
    // One for what held before, 5 and 10: full. The next two begin another one.
    assert_eq!(found, [leaf(0), leaf(0), leaf(1), leaf(1)]);
}

#[test]
fn a_line_is_not_shared_where_entries_could_be_mistaken() {
    let mut lines = Lines::blank(0);
    let mut tree = Tree::new(&mut lines, Family::V4);
    let beyond = Range::around(1 << 51, LEAST_V4);
    let first = u32::try_from(beyond.first >> 32).unwrap();
    let found = [
        place(&mut tree, RANGE, 0, &at([1])),
        place(&mut tree, beyond, 1, &at([first + 1])),
    ];
    assert_eq!(found, [0, 1].map(|first| Word::Leaf { first, split: 0 }));
}

#[test]
fn an_even_crowd_is_divided_by_bits_and_an_uneven_one_by_a_branch() {
    let mut lines = Lines::blank(0);
    let mut tree = Tree::new(&mut lines, Family::V4);
    // 32 of 2^19 addresses, as far from each other as can be; then side by side.
    let even = place(&mut tree, RANGE, 0, &at((0..32).map(|n| n << 14)));
    assert_eq!(even, Word::Leaf { first: 0, split: 1 });
    let uneven = place(&mut tree, RANGE, 0, &at(0..64));
    assert_eq!(uneven, Word::Branch(2));
}

/// Every second address of two /64s, and single ones of some thousands: what is deep is one line, or many.
#[test]
fn deep_entries_lead_to_a_line_or_to_many() {
    let dense = (0..2000u128).map(|n| 0x2001_0db8 << 96 | (n % 2) << 64 | n << 8);
    let sparse = (0..3000u128).map(|n| 0x2001_0db9 << 96 | n << 64 | 1);
    let steps = steps(dense.chain(sparse));
    for bits in [*ROOT_BITS.start(), *ROOT_BITS.end()] {
        let mut lines = Lines::blank(1 + roots(bits).lines());
        let mut tree = Addresses::new(&mut lines, roots(bits));
        for (start, number) in &steps {
            tree.add(*start, *number);
        }
        tree.finish();
        for address in steps.keys().flat_map(|at| [at - 1, *at, at + 1]) {
            let halves = split(address.to_be_bytes());
            let found = find_v6(lines.lines.as_slice(), roots(bits), halves);
            assert_eq!(found, Some(held(&steps, address)), "{address:x}");
        }
    }
}

/// The last /64 of a word is deep; what it ends with holds in the words behind it, too.
#[test]
fn what_a_deep_entry_ends_with_goes_on_in_the_next_words() {
    for bits in ROOT_BITS {
        let word = |number: u128| (1 << bits | number) << (125 - bits);
        let steps = BTreeMap::from([(word(6) - 5, 7), (word(9) + 1, 8)]);
        let mut lines = Lines::blank(1 + roots(bits).lines());
        let mut tree = Addresses::new(&mut lines, roots(bits));
        for (start, number) in &steps {
            tree.add(*start, *number);
        }
        tree.finish();
        for (at, number) in [(5, 0), (6, 7), (7, 7), (8, 7), (9, 7), (10, 8), (11, 8)] {
            let halves = split(word(at).to_be_bytes());
            let found = find_v6(lines.lines.as_slice(), roots(bits), halves);
            assert_eq!(found, Some(number), "{at}, {bits} bits");
        }
    }
}
