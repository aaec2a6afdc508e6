//! The image against a naive look at every range of every feed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use smtp_lb_common::image::Roots;
use smtp_lb_common::reputation::{ALLOW, FIRST_FEED_SET, ROOT_V4};
use smtp_lb_common::tree::ROOT_BITS;

use crate::reputation::Tagged;
use crate::reputation::image::{Compiled, compile_rooted, look_up, root_bits};
use crate::reputation::sets::{Member, Sets};
use crate::reputation::tree::Family;

const ALLOW_TAG: u8 = 63;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Feed, tag, first, length.
type Entry = (usize, u8, IpAddr, u128);

fn categories() -> Vec<String> {
    vec!["spam".to_owned(), "bots".to_owned()]
}

/// Addresses cluster, so that ranges nest, touch and overlap.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        4 => (0u8..2, 0u8..40).prop_map(|(c, d)| Ipv4Addr::new(10, 0, c, d)),
        2 => (0u32..0x4000).prop_map(|low| Ipv4Addr::from(0x0a00_0000 + low)),
        1 => any::<u32>().prop_map(Ipv4Addr::from),
        1 => Just(Ipv4Addr::UNSPECIFIED),
        1 => Just(Ipv4Addr::BROADCAST),
    ];
    let v6 = prop_oneof![
        4 => (0u16..3, 0u16..3, 0u16..3).prop_map(|(d, e, h)| {
            Ipv6Addr::new(0x2001, 0xdb8, 0, d, e, 0, 0, h)
        }),
        1 => any::<u128>().prop_map(Ipv6Addr::from),
        1 => Just(Ipv6Addr::UNSPECIFIED),
        1 => Just(Ipv6Addr::from(u128::MAX)),
    ];
    prop_oneof![v4.prop_map(IpAddr::V4), v6.prop_map(IpAddr::V6)]
}

fn entry() -> impl Strategy<Value = Entry> {
    let tag = prop_oneof![4 => Just(0u8), 4 => Just(1), 1 => Just(ALLOW_TAG)];
    let length = prop_oneof![3 => 0u128..3, 2 => 0u128..5000, 1 => any::<u128>()];
    (0..NAMES.len(), tag, address(), length)
}

fn last((_, _, first, length): Entry) -> IpAddr {
    match first {
        IpAddr::V4(ip) => {
            let length = u32::try_from(length & 0xffff_ffff).unwrap();
            Ipv4Addr::from(u32::from(ip).saturating_add(length)).into()
        }
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).saturating_add(length)).into(),
    }
}

fn build(entries: &[Entry], before: &Sets) -> Compiled {
    let bits = [Family::V4, Family::V6].map(|family| root_bits(family, entries.len()));
    rooted(entries, before, bits)
}

/// With roots of so many bits.
fn rooted(entries: &[Entry], before: &Sets, [bits_v4, bits_v6]: [u32; 2]) -> Compiled {
    let roots = Roots {
        first: ROOT_V4,
        bits_v4,
        bits_v6,
    };
    let mut feeds: Vec<Tagged> = NAMES.iter().map(|_| Tagged::default()).collect();
    for entry in entries {
        feeds[entry.0].of(entry.1).add(entry.2, last(*entry));
    }
    feeds.iter_mut().for_each(Tagged::merge);
    let feeds: Vec<_> = NAMES.into_iter().zip(&feeds).collect();
    compile_rooted(&feeds, &categories(), before, 1, roots).unwrap()
}

fn naive(entries: &[Entry], address: IpAddr) -> (u64, Vec<Member>) {
    let mut holding: Vec<(usize, u8)> = entries
        .iter()
        .filter(|entry| entry.2.is_ipv4() == address.is_ipv4())
        .filter(|entry| entry.2 <= address && address <= last(**entry))
        .map(|entry| (entry.0, entry.1))
        .collect();
    holding.sort_unstable();
    holding.dedup();
    if holding.iter().any(|(_, tag)| *tag == ALLOW_TAG) {
        holding.retain(|(_, tag)| *tag == ALLOW_TAG);
    }
    let mask = holding.iter().fold(0, |mask, (_, tag)| mask | 1 << tag);
    let member = |(feed, tag): (usize, u8)| Member {
        feed: NAMES[feed].to_owned(),
        category: categories()
            .get(usize::from(tag))
            .cloned()
            .unwrap_or_default(),
    };
    (mask, holding.into_iter().map(member).collect())
}

fn nudge(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip).wrapping_add_signed(step.into())).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).wrapping_add_signed(step.into())).into(),
    }
}

fn check(compiled: &Compiled, entries: &[Entry], address: IpAddr) {
    let found = look_up(&compiled.lines, address);
    let (mask, members) = naive(entries, address);
    assert_eq!(found.mask, mask, "{address}");
    let known = compiled.sets.get(found.set).unwrap_or_default();
    assert_eq!(known, members, "{address}");
    assert!(found.set == 0 || found.set >= FIRST_FEED_SET);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_image_says_what_the_feeds_say(
        entries in proptest::collection::vec(entry(), 0..60),
        more in proptest::collection::vec(entry(), 0..20),
        strangers in proptest::collection::vec(address(), 20),
        bits in [[ROOT_BITS, ROOT_BITS], [ROOT_BITS, ROOT_BITS]],
    ) {
        let first = rooted(&entries, &Sets::default(), bits[0]);
        let all = [entries.clone(), more].concat();
        let second = rooted(&all, &first.sets, bits[1]);
        for (compiled, entries) in [(&first, &entries), (&second, &all)] {
            let edges = entries.iter().flat_map(|entry| [entry.2, last(*entry)]);
            let near = edges.flat_map(|edge| [-1, 0, 1].map(|step| nudge(edge, step)));
            for address in near.chain(strangers.iter().copied()) {
                check(compiled, entries, address);
            }
        }
        for (number, members) in second.sets.iter() {
            let before = first.sets.get(number);
            prop_assert!(before.is_none_or(|before| before == members), "a number changed hands");
        }
    }
}

/// Every second address of a few neighbouring root words: their entries take many lines.
#[test]
fn crowded_words_are_searched_line_by_line() {
    let entries: Vec<Entry> = (0..0x3000_u32)
        .map(|n| (0, 0, IpAddr::from(Ipv4Addr::from(0xc633_6000 + n * 2)), 0))
        .collect();
    let compiled = build(&entries, &Sets::default());
    for low in 0..0x7000_u32 {
        let found = look_up(&compiled.lines, Ipv4Addr::from(0xc633_5800 + low).into());
        let inside = (0x800..0x6800).contains(&low) && low.is_multiple_of(2);
        assert_eq!(found.mask, u64::from(inside), "{low:x}");
    }
}

#[test]
fn all_of_a_family_is_no_special_case() {
    let all = [
        (0, 0, IpAddr::from(Ipv4Addr::UNSPECIFIED), u128::MAX),
        (0, ALLOW_TAG, IpAddr::from(Ipv4Addr::LOCALHOST), 0),
        (1, 1, IpAddr::from(Ipv6Addr::UNSPECIFIED), u128::MAX),
    ];
    let compiled = build(&all, &Sets::default());
    for (address, mask) in [
        ("0.0.0.0", 1),
        ("255.255.255.255", 1),
        ("127.0.0.1", ALLOW),
        ("::", 2),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2),
        ("2001:db8::1", 2),
    ] {
        assert_eq!(
            look_up(&compiled.lines, address.parse().unwrap()).mask,
            mask,
            "{address}"
        );
    }
}

#[test]
fn a_root_has_a_word_for_as_many_networks_as_a_line_or_two_hold() {
    for (networks, v4, v6) in [
        (0, 13, 13),
        (1 << 15, 13, 13),
        ((1 << 15) + 1, 13, 14),
        ((1 << 16) + 1, 13, 15),
        (100_000, 13, 15),
        (1_000_000, 16, 18),
        (10_000_000, 20, 20),
        (usize::MAX, 20, 20),
    ] {
        let bits = [Family::V4, Family::V6].map(|family| root_bits(family, networks));
        assert_eq!(bits, [v4, v6], "{networks}");
    }
}
