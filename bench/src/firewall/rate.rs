//! Packets that a receiver takes, in namespaces, beside what users would pick instead.
//!
//! Each filter has a cable of its own, from a generator's namespace to a receiver's. On one CPU frames
//! are offered as fast as they go (`BPF_F_TEST_XDP_LIVE_FRAMES`), on the other the receiver's NAPI
//! thread takes them, and nothing else. What a packet costs is that thread's time on its CPU.

mod cable;
mod filter;
mod offer;

use anyhow::{Result, ensure};
use ipnet::IpNet;

use super::feed::{Family, Feed, count};
use super::ground::{Ground, Whose};
use super::lookups::name;
use super::measured::{Cell, Results};
use super::rig::Set;
use crate::interrupt;
use crate::lab;
use cable::Cable;
use filter::{Filter, Kind};
use offer::Offer;

/// Addresses or prefixes that are blocked, and by whom.
struct Group {
    feed: Feed,
    kinds: &'static [Kind],
}

const HASHED: &[Kind] = &[
    Kind::Native,
    Kind::Generic,
    Kind::Trie,
    Kind::NftIngressHash,
    Kind::NftInputHash,
];
const RANGED: &[Kind] = &[
    Kind::Native,
    Kind::Generic,
    Kind::Trie,
    Kind::NftIngressInterval,
    Kind::NftInputInterval,
];

/// All; `small`: of a hundredth of the size.
fn groups(small: bool) -> Vec<Group> {
    let of = |size: u32, hosts| Feed {
        v4: if small { size / 100 } else { size },
        hosts,
        v6: 0,
    };
    let mut groups = vec![Group {
        // As many as xdp-filter has room for.
        feed: of(10_000, true),
        kinds: &[Kind::Floor, Kind::Native, Kind::XdpFilter],
    }];
    for size in [100_000, 1_000_000] {
        for (hosts, kinds) in [(true, HASHED), (false, RANGED)] {
            groups.push(Group {
                feed: of(size, hosts),
                kinds,
            });
        }
    }
    groups
}

/// The column of a feed's sources.
pub(crate) fn column(feed: Feed, whose: Whose) -> String {
    let what = if feed.hosts { "addresses" } else { "prefixes" };
    format!("{} {what}, {}", count(feed.v4), name(whose))
}

/// One filter on its cable.
struct Subject {
    // Dropped before the cable that it is on.
    filter: Filter,
    cable: Cable,
    sets: [(Whose, Set, Cell); 2],
}

/// Measures all.
pub(crate) fn measure(object: &[u8], trie: &[u8], rounds: usize, small: bool) -> Result<Results> {
    lab::sweep();
    let mut offer = Offer::new(object)?;
    let mut subjects = Vec::new();
    for group in groups(small) {
        load(object, trie, &group, &mut offer, &mut subjects)?;
    }
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for subject in &mut subjects {
            subject.turn(&mut offer)?;
        }
    }
    let cells = subjects.into_iter().flat_map(|subject| subject.sets);
    Ok(Results {
        cells: cells.map(|(.., cell)| cell).collect(),
        loads: Vec::new(),
    })
}

fn load(
    object: &[u8],
    trie: &[u8],
    group: &Group,
    offer: &mut Offer,
    subjects: &mut Vec<Subject>,
) -> Result<()> {
    let feed = group.feed;
    let networks: Vec<IpNet> = super::prefixes::of_feed(feed).collect();
    let mut ground = Ground::among(Family::V4, networks.clone())?;
    let mut sets = Vec::new();
    for whose in [Whose::Listed, Whose::Stranger] {
        sets.push((whose, offer.tables.add(|| ground.draw(whose))?));
    }
    let lines = feed.compiled()?.lines;
    for kind in group.kinds {
        interrupt::check()?;
        eprintln!("loading: {kind}, {feed}");
        let cable = Cable::new(subjects.len())?;
        offer.join(&cable)?;
        let filter = Filter::load(*kind, object, trie, &lines, &networks, &cable)?;
        let sets = [sets[0], sets[1]]
            .map(|(whose, set)| (whose, set, Cell::new(kind.to_string(), column(feed, whose))));
        subjects.push(Subject {
            filter,
            cable,
            sets,
        });
    }
    Ok(())
}

impl Subject {
    fn turn(&mut self, offer: &mut Offer) -> Result<()> {
        let all = self.filter.drops_all();
        for (whose, set, cell) in &mut self.sets {
            interrupt::check()?;
            let taken = offer.turn(&self.cable, *set)?;
            let passes = *whose == Whose::Stranger && !all;
            ensure!(
                if passes {
                    taken.delivered > 0.98
                } else {
                    taken.delivered < 0.01
                },
                "{}, {}: the host saw {:.3} of the packets",
                cell.row,
                cell.column,
                taken.delivered
            );
            cell.values.push(taken.nanoseconds);
            cell.beside.push(taken.rate / 1e6);
        }
        Ok(())
    }
}
