//! Every verdict path beside feeds of every size.
//!
//! A case is a [`Way`] of a family beside a feed: to add a path, add a way.

pub(crate) mod way;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use smtp_lb::firewall::{Compiled, ExplainRequest, frame};
use smtp_lb_common::added::{Entry, Key, REASON, pack_lengths};

use super::feed::{Family, Feed, count};
use super::ground::{Ground, Whose};
use super::measured::{Cell, Results};
use super::rig::{Pick, Rig, Set, words};
use crate::interrupt;
use way::Way;

/// Networks of each family; the largest of IPv4 are single addresses.
const SIZES: [u32; 5] = [0, 1_000, 100_000, 1_000_000, 10_000_000];
/// Of which the IPv4 ones are single addresses.
const HOSTS: u32 = 10_000_000;
/// The row of what stands beside.
pub(crate) const BASES: [(&str, &str); 3] = [
    ("empty program", "bench_empty"),
    ("taking a random source", "bench_pick"),
    ("making the frame anew", "bench_rebuild"),
];
/// Their column.
pub(crate) const BASE: &str = "alone";

/// One measured path.
struct Case {
    way: Way,
    frame: Vec<u8>,
    set: Set,
    cell: Cell,
}

/// A feed in force, with all that is measured beside it.
struct Place {
    rig: Rig,
    size: u32,
    cases: Vec<Case>,
    lengths: u64,
}

/// Images of the policy by way, and whether reputation is asked.
type Images = BTreeMap<(Way, bool), Compiled>;

/// Measures all.
pub(crate) fn measure(object: &[u8], rounds: usize, packets: u32, most: u32) -> Result<Results> {
    let mut images = Images::new();
    let mut places = Vec::new();
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        eprintln!("loading: {} networks", count(size));
        places.push(Place::new(object, size, &mut images)?);
    }
    let mut bases: Vec<Cell> = BASES
        .iter()
        .map(|(name, _)| Cell::new(*name, BASE))
        .collect();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for place in &mut places {
            place.turn(&images, packets)?;
        }
        let place = places.first_mut().context("no sizes")?;
        for (cell, (_, program)) in bases.iter_mut().zip(BASES) {
            cell.values.push(place.base(program, packets)?);
        }
    }
    let cells = places
        .into_iter()
        .flat_map(|place| place.cases)
        .map(|case| case.cell);
    Ok(Results {
        cells: bases.into_iter().chain(cells).collect(),
        loads: Vec::new(),
    })
}

impl Place {
    fn new(object: &[u8], size: u32, images: &mut Images) -> Result<Self> {
        let feed = Feed::of(size, size >= HOSTS);
        let mut rig = Rig::load(object, "bench_filter_v4")?;
        if size > 0 {
            rig.stand.reputation(&feed.compiled()?.lines)?;
        }
        let mut cases = Vec::new();
        for family in Family::ALL {
            let mut ground = Ground::new(family, feed)?;
            add_entries(&mut rig, &ground, family)?;
            let mut sets = Vec::new();
            for whose in Whose::ALL {
                if ground.has(whose) {
                    sets.push((whose, rig.tables.add(|| ground.draw(whose))?));
                }
            }
            for way in Way::ALL {
                let Some((_, set)) = sets.iter().find(|(whose, _)| *whose == way.whose()) else {
                    continue;
                };
                let key = (way, asks(way, size));
                if let std::collections::btree_map::Entry::Vacant(entry) = images.entry(key) {
                    entry.insert(way.image(key.1)?);
                }
                cases.push(Case {
                    way,
                    frame: packet(family, way)?,
                    set: *set,
                    cell: Cell::new(format!("{family}, {way}"), count(size)),
                });
            }
        }
        // Both families of a way have one image.
        cases.sort_by_key(|case| case.way);
        let (v4, v6) = (
            pack_lengths([32].into_iter()),
            pack_lengths([128].into_iter()),
        );
        let mut place = Self {
            rig,
            size,
            cases,
            lengths: u64::from(v6) << 32 | u64::from(v4),
        };
        place.turn_with(images, |rig, case| {
            rig.check(&case.cell.row, &case.frame, case.way.action())
        })?;
        Ok(place)
    }

    /// Every case once.
    fn turn(&mut self, images: &Images, packets: u32) -> Result<()> {
        self.turn_with(images, |rig, case| {
            interrupt::check()?;
            let time = rig.time(&case.frame, packets, case.way.tells())?;
            case.cell.values.push(time);
            Ok(())
        })
    }

    fn turn_with(
        &mut self,
        images: &Images,
        mut with: impl FnMut(&mut Rig, &mut Case) -> Result<()>,
    ) -> Result<()> {
        let mut in_force = None;
        for case in &mut self.cases {
            let key = (case.way, asks(case.way, self.size));
            if in_force != Some(key) {
                self.rig.stand.image(&images[&key])?;
                in_force = Some(key);
            }
            let lengths = if case.way == Way::Added {
                self.lengths
            } else {
                0
            };
            self.rig.stand.add(&[], lengths)?;
            let v6 = case.frame.get(12) == Some(&0x86);
            self.rig.stand.choose(case.way.program(v6))?;
            self.rig
                .tables
                .prepare(&case.frame, case.set, case.way.pick())?;
            with(&mut self.rig, case)?;
        }
        Ok(())
    }

    /// A program that filters nothing.
    fn base(&mut self, program: &str, packets: u32) -> Result<f64> {
        let case = self.cases.first().context("no cases")?;
        self.rig.stand.choose(program)?;
        self.rig
            .tables
            .prepare(&case.frame, case.set, Pick::Random)?;
        self.rig.time(&case.frame, packets, false)
    }
}

/// Whether reputation is asked for: without a feed, only where the path is one of reputation.
fn asks(way: Way, size: u32) -> bool {
    size > 0 || way == Way::Added
}

fn add_entries(rig: &mut Rig, ground: &Ground, family: Family) -> Result<()> {
    let (length, number) = match family {
        Family::V4 => (32, 4),
        Family::V6 => (128, 6),
    };
    let entry = Entry {
        expires: u64::MAX,
        since: 0,
        category: 0,
        origin: 0,
        reason: [0; REASON],
    };
    let entries: Vec<(Key, Entry)> = ground
        .added()
        .iter()
        .map(|address| {
            let key = Key {
                address: words(*address),
                length,
                family: number,
            };
            (key, entry)
        })
        .collect();
    Ok(rig.stand.add(&entries, 0)?)
}

/// A packet to the virtual server; its source is written over.
pub(crate) fn to_server(family: Family, protocol: u8, dport: u16) -> Result<Vec<u8>> {
    let (src, dst) = match family {
        Family::V4 => ("192.0.2.200", "192.0.2.1"),
        Family::V6 => ("2001:db8::c8", "2001:db8::1"),
    };
    Ok(frame(&ExplainRequest {
        src: src.parse()?,
        dst: dst.parse()?,
        protocol,
        sport: 1025,
        dport,
        tcp_flags: 2,
        interface: None,
        vlan: None,
        icmp: None,
    })?)
}

fn packet(family: Family, way: Way) -> Result<Vec<u8>> {
    to_server(family, way.protocol(), 25)
}
