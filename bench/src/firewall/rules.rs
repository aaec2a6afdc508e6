//! Many rules beside few: the cost of a packet must not grow with them.

use std::fmt::Write as _;

use anyhow::Result;
use ipnet::IpNet;
use smtp_lb::config::parse;
use smtp_lb::firewall::{Compiled, Now, Slots, compile};
use smtp_lb::reputation::Ranges;

use super::feed::{Family, count};
use super::ground::is_ordinary;
use super::measured::{Cell, Results};
use super::paths::to_server;
use super::paths::way::{Nobody, SERVER};
use super::prefixes::{Random, SEED, networks, source};
use super::rig::{Pick, Rig, Set};
use crate::interrupt;

/// Rules that name the same list, each with a port of its own.
const SHARE: u32 = 10;
/// Networks of a list, of each family.
const NETWORKS: u32 = 10;
/// The port of the last of them, to which packets go.
const PORT: u16 = 25;

/// Few, and many.
pub(crate) const COUNTS: [u32; 2] = [10, 10_000];
/// Times that many may cost as much as few.
pub(crate) const MOST: f64 = 1.5;

/// The column of so many rules.
pub(crate) fn column(rules: u32) -> String {
    let lists = rules / SHARE;
    let plural = if lists == 1 { "list" } else { "lists" };
    format!("{} rules in {} {plural}", count(rules), count(lists))
}

struct Case {
    family: Family,
    set: Set,
    frame: Vec<u8>,
    action: u32,
    cell: Cell,
}

/// Measures all.
pub(crate) fn measure(object: &[u8], rounds: usize, packets: u32) -> Result<Results> {
    let mut places = Vec::new();
    for rules in COUNTS {
        eprintln!("loading: {}", column(rules));
        places.push(place(object, rules)?);
    }
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        // Side by side: what is compared is of the same moment.
        let cases = places[0].1.len();
        for at in 0..cases {
            for (rig, cases) in &mut places {
                interrupt::check()?;
                let case = &mut cases[at];
                prepare(rig, case)?;
                let time = rig.time(&case.frame, packets, false)?;
                case.cell.values.push(time);
            }
        }
    }
    let cells = places
        .into_iter()
        .flat_map(|(_, cases)| cases)
        .map(|case| case.cell);
    Ok(Results {
        cells: cells.collect(),
        loads: Vec::new(),
    })
}

fn place(object: &[u8], rules: u32) -> Result<(Rig, Vec<Case>)> {
    let mut rig = Rig::load(object, "bench_filter_v4")?;
    let mut random = Random(SEED);
    let held = Family::ALL.map(|family| networks(family, rules / SHARE * NETWORKS, &mut random));
    let compiled = image(&held, rules)?;
    rig.stand.image(&compiled)?;
    let mut cases = Vec::new();
    for (family, held) in Family::ALL.iter().zip(&held) {
        for (member, what, action) in [
            (true, "accepted by the last of ten rules of its list", 2),
            (false, "no rule's source, dropped by default", 1),
        ] {
            let set = sources(&mut rig, *family, held, member)?;
            let mut case = Case {
                family: *family,
                set,
                frame: to_server(*family, 6, PORT)?,
                action,
                cell: Cell::new(format!("{family}: {what}"), column(rules)),
            };
            prepare(&mut rig, &mut case)?;
            rig.check(&case.cell.row, &case.frame, case.action)?;
            cases.push(case);
        }
    }
    Ok((rig, cases))
}

fn prepare(rig: &mut Rig, case: &mut Case) -> Result<()> {
    rig.stand.choose(match case.family {
        Family::V4 => "bench_filter_v4",
        Family::V6 => "bench_filter_v6",
    })?;
    rig.tables.prepare(&case.frame, case.set, Pick::Random)
}

fn sources(rig: &mut Rig, family: Family, held: &[IpNet], member: bool) -> Result<Set> {
    let mut ranges = Ranges::default();
    for network in held {
        ranges.add(network.network(), network.broadcast());
    }
    ranges.merge();
    let mut random = Random(SEED + 1);
    rig.tables.add(|| {
        loop {
            let source = source(family, held, member, &mut random);
            if is_ordinary(source) && ranges.holds(source) == member {
                return source;
            }
        }
    })
}

/// Lists of networks, and rules that name each of them with one port after another.
fn image(held: &[Vec<IpNet>; 2], rules: u32) -> Result<Compiled> {
    let mut text = String::from("[firewall]\nmode = \"firewall\"\nlog_default = false\n");
    let each = NETWORKS as usize;
    for (list, (v4, v6)) in held[0].chunks(each).zip(held[1].chunks(each)).enumerate() {
        let networks: Vec<String> = v4.iter().chain(v6).map(IpNet::to_string).collect();
        writeln!(
            text,
            "[[firewall.address_list]]\nname = \"l{list}\"\nnetworks = {networks:?}"
        )?;
    }
    text += "[[firewall.policy]]\nname = \"p\"\n";
    for rule in 0..rules {
        let (list, port) = (rule / SHARE, u32::from(PORT) + SHARE - 1 - rule % SHARE);
        writeln!(
            text,
            "[[firewall.policy.rule]]\nname = \"r{rule}\"\naction = \"accept\"\n\
             protocol = \"tcp\"\nport = {port}\nsource_lists = [\"l{list}\"]"
        )?;
    }
    let plan = parse("bench", &(text + SERVER), &Nobody)
        .map_err(|errors| anyhow::anyhow!("{errors}"))?
        .plan;
    Ok(compile(&plan, &Now::default(), Slots::default(), 1)?)
}
