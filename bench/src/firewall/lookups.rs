//! Look-ups alone, and the whole filter, beside an `LPM_TRIE` of the same prefixes.
//!
//! Sources are random, but taken from their table in turn: else each packet would wait for that memory
//! first, and what does so is not the look-up.

use anyhow::Result;
use ipnet::IpNet;
use smtp_lb::config::parse;
use smtp_lb::firewall::{Compiled, Now, Slots, compile};

use super::feed::{Family, Feed, count};
use super::ground::{Ground, Whose};
use super::measured::{Cell, Results};
use super::paths::way::{Nobody, SERVER, Way};
use super::paths::{BASE, to_server};
use super::prefixes::{Random, SEED, of_feed};
use super::rig::{Pick, Rig, Set};
use crate::interrupt;

/// Networks of the policy.
const RULED: u32 = 100_000;
/// Taking a random source and nothing else.
pub(crate) const PICK: &str = "taking a random source";
/// Columns.
pub(crate) const IMAGE: &str = "image";
pub(crate) const TRIE: &str = "LPM_TRIE";

/// Times that the trie must take: of the policy's look-up, of reputation's.
pub(crate) const TARGET: f64 = 4.0;
pub(crate) const TARGET_LISTED: f64 = 5.0;

/// A program on the sources of a set.
struct Case {
    rig: usize,
    program: &'static str,
    action: u32,
    set: Set,
    frame: Vec<u8>,
    cell: Cell,
}

/// Prefixes in force, and what looks for sources in them.
#[derive(Default)]
struct Place {
    rigs: Vec<Rig>,
    cases: Vec<Case>,
}

/// Measures all. `trie`: the object with tries in place of the filter's own look-up.
pub(crate) fn measure(
    object: &[u8],
    trie: &[u8],
    rounds: usize,
    packets: u32,
    quick: bool,
) -> Result<Results> {
    eprintln!("loading: {} prefixes of a rule", count(RULED));
    let mut places = vec![Place::ruled(object)?];
    let (large, equal) = if quick {
        (
            Feed {
                v4: 100_000,
                v6: 10_000,
                ..Feed::LARGE
            },
            Feed::of(20_000, false),
        )
    } else {
        (Feed::LARGE, Feed::of(1_000_000, false))
    };
    eprintln!("loading: {large}");
    places.push(Place::listed(object, Some(trie), large)?);
    eprintln!("loading: {equal}");
    places.push(Place::listed(object, None, equal)?);
    let mut pick = Cell::new(PICK, BASE);
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for place in &mut places {
            place.turn(packets)?;
        }
        pick.values.push(places[0].pick(packets)?);
    }
    let cells = places.into_iter().flat_map(|place| place.cases);
    Ok(Results {
        cells: std::iter::once(pick)
            .chain(cells.map(|case| case.cell))
            .collect(),
        loads: Vec::new(),
    })
}

impl Place {
    /// Prefixes of one rule of a policy.
    fn ruled(object: &[u8]) -> Result<Self> {
        let mut rig = Rig::load(object, "bench_image_v4")?;
        let all = Family::ALL.map(|family| {
            let networks = super::prefixes::networks(family, RULED, &mut Random(SEED));
            (family, networks)
        });
        let flat: Vec<IpNet> = all.iter().flat_map(|(_, nets)| nets).copied().collect();
        rig.stand.image(&policy(&flat)?)?;
        let mut place = Self::default();
        for (family, networks) in all {
            rig.fill_trie(family, &networks)?;
            let mut ground = Ground::among(family, networks)?;
            for whose in [Whose::Listed, Whose::Stranger] {
                let set = rig.tables.add(|| ground.draw(whose))?;
                let (image, trie) = match family {
                    Family::V4 => ("bench_image_v4", "bench_trie_v4"),
                    Family::V6 => ("bench_image_v6", "bench_trie_v6"),
                };
                let row = format!(
                    "policy, {family}, {} prefixes, {}",
                    count(RULED),
                    name(whose)
                );
                for (program, column) in [(image, IMAGE), (trie, TRIE)] {
                    place.add(0, program, whose, set, family, Cell::new(&row, column))?;
                }
            }
        }
        place.rigs.push(rig);
        place.check()?;
        Ok(place)
    }

    /// A feed; with an object that has tries in its place, the whole filter too.
    fn listed(object: &[u8], by_trie: Option<&[u8]>, feed: Feed) -> Result<Self> {
        let mut rigs = vec![Rig::load(object, "bench_listed_v4")?];
        if let Some(by_trie) = by_trie {
            rigs.push(Rig::load(by_trie, "bench_filter_v4")?);
        }
        let lines = feed.compiled()?.lines;
        for rig in &mut rigs {
            rig.stand.reputation(&lines)?;
            rig.stand.image(&Way::Listed.image(true)?)?;
        }
        drop(lines);
        let mut place = Self::default();
        for family in Family::ALL {
            let wanted = |net: &IpNet| net.addr().is_ipv4() == (family == Family::V4);
            let networks: Vec<IpNet> = of_feed(feed).filter(wanted).collect();
            for rig in &mut rigs {
                rig.fill_trie(family, &networks)?;
            }
            let number = count(u32::try_from(networks.len())?);
            let mut ground = Ground::among(family, networks)?;
            let (image, trie, filter) = match family {
                Family::V4 => ("bench_listed_v4", "bench_trie_v4", "bench_filter_v4"),
                Family::V6 => ("bench_listed_v6", "bench_trie_v6", "bench_filter_v6"),
            };
            for whose in [Whose::Listed, Whose::Stranger] {
                let mut sets = Vec::new();
                for rig in &mut rigs {
                    sets.push(rig.tables.add(|| ground.draw(whose))?);
                }
                let row = format!("reputation, {family}, {number} prefixes, {}", name(whose));
                for (program, column) in [(image, IMAGE), (trie, TRIE)] {
                    place.add(0, program, whose, sets[0], family, Cell::new(&row, column))?;
                }
                let row = format!("whole filter, {family}, {number} prefixes, {}", name(whose));
                if let Some(by_trie) = sets.get(1) {
                    place.add(0, filter, whose, sets[0], family, Cell::new(&row, IMAGE))?;
                    place.add(1, filter, whose, *by_trie, family, Cell::new(&row, TRIE))?;
                }
            }
        }
        place.rigs = rigs;
        place.check()?;
        Ok(place)
    }

    fn add(
        &mut self,
        rig: usize,
        program: &'static str,
        whose: Whose,
        set: Set,
        family: Family,
        cell: Cell,
    ) -> Result<()> {
        self.cases.push(Case {
            rig,
            program,
            action: if whose == Whose::Stranger { 2 } else { 1 },
            set,
            frame: to_server(family, 6, 25)?,
            cell,
        });
        Ok(())
    }

    fn each(&mut self, mut with: impl FnMut(&mut Rig, &mut Case) -> Result<()>) -> Result<()> {
        for case in &mut self.cases {
            let rig = &mut self.rigs[case.rig];
            rig.stand.choose(case.program)?;
            rig.tables.prepare(&case.frame, case.set, Pick::InTurn)?;
            with(rig, case)?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.each(|rig, case| {
            let what = format!("{}, {}", case.cell.row, case.cell.column);
            rig.check(&what, &case.frame, case.action)
        })
    }

    fn turn(&mut self, packets: u32) -> Result<()> {
        self.each(|rig, case| {
            interrupt::check()?;
            let time = rig.time(&case.frame, packets, false)?;
            case.cell.values.push(time);
            Ok(())
        })
    }

    fn pick(&mut self, packets: u32) -> Result<f64> {
        let (rig, case) = (&mut self.rigs[0], &self.cases[0]);
        rig.stand.choose("bench_pick")?;
        rig.tables.prepare(&case.frame, case.set, Pick::InTurn)?;
        rig.time(&case.frame, packets, false)
    }
}

/// Whose sources, in words.
pub(crate) fn name(whose: Whose) -> &'static str {
    match whose {
        Whose::Stranger => "strangers",
        _ => "members",
    }
}

/// One rule of all these networks.
fn policy(networks: &[IpNet]) -> Result<Compiled> {
    let mut list: Vec<String> = networks.iter().map(|net| format!("\"{net}\"")).collect();
    list.sort();
    list.dedup();
    let text = format!(
        "[firewall]\nmode = \"firewall\"\nlog_default = false\n[[firewall.policy]]\nname = \"p\"\n\
         [[firewall.policy.rule]]\nname = \"r\"\naction = \"drop\"\nsource = [\n{}\n]\n{SERVER}",
        list.join(",\n")
    );
    let plan = parse("bench", &text, &Nobody)
        .map_err(|errors| anyhow::anyhow!("{errors}"))?
        .plan;
    Ok(compile(&plan, &Now::default(), Slots::default(), 1)?)
}
