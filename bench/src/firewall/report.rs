//! The result as Markdown. Nothing stands in it that was not measured.

mod rate;
mod tables;

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::load::{Load, Which};
use super::lookups::{IMAGE, PICK, TARGET, TARGET_LISTED, TRIE};
use super::measured::{Cell, Kept, Results, Section};
use super::paths::BASE;
use super::rules::{COUNTS, MOST, column};
use crate::compare::statistics::{Summary, ratios};
use tables::{pivot, spread};

/// All sections that were measured.
pub(crate) fn render(all: &[(Section, Kept)]) -> Result<String> {
    let (_, first) = all.first().context("nothing was measured")?;
    let mut text = format!(
        "# Cost of a packet\n\n\
         `cargo xtask bench firewall`, or its sections one by one with `--only SECTION`.\n\n\
         Machine: {}.\n\n\
         | section | rounds | packets of a turn | seconds | load average before, after |\n\
         |---|---|---|---|---|\n",
        first.machine
    );
    for (section, kept) in all {
        let packets = match section {
            Section::Paths | Section::Rules | Section::Lookups => kept.packets.to_string(),
            Section::Load | Section::Rate => "-".to_owned(),
        };
        writeln!(
            text,
            "| {} | {} | {packets} | {:.0} | {}, {} |",
            section.name(),
            kept.rounds,
            kept.seconds,
            kept.load[0],
            kept.load[1]
        )?;
    }
    text += "\nRounds are interleaved: every case once a round. Figures are medians, with the least and the \
             greatest in parentheses. Where there is something to reach, the median is held to it. \
             Nanoseconds of `BPF_PROG_TEST_RUN` are gross, of one CPU, as the kernel measured them, with a \
             random one of 131,072 sources for every packet; what that and the run itself cost stands \
             beside them.\n";
    for (section, kept) in all {
        let results = &kept.results;
        text += &match section {
            Section::Paths => paths(results)?,
            Section::Rules => rules(results)?,
            Section::Lookups => lookups(results)?,
            Section::Load => loads(&results.loads)?,
            Section::Rate => rate::render(results)?,
        };
    }
    Ok(text)
}

fn paths(results: &Results) -> Result<String> {
    let mut text = String::from(
        "\n## Every path to a verdict, by entries of the feed\n\n\
         Nanoseconds. So many networks of each family, of lengths as blocklists have them; 10,000,000 are \
         single addresses of IPv4. Sources of `reputation` are listed, all others are not, and were \
         looked for. With 0, no reputation is asked for. Ten rules; frames are SYN segments to a virtual \
         server, or UDP datagrams to it. Rates of events and answers are no bound, but where a row says so. \
         With events, the rings are read between chunks of 10,000 packets. Where frames are sent back, they \
         are made anew for each run.\n\n",
    );
    for cell in results.cells.iter().filter(|cell| cell.column == BASE) {
        writeln!(text, "- {}: {}", cell.row, spread(cell, 0)?)?;
    }
    text.push('\n');
    text += &pivot(results, "path", |cell| cell.column != BASE)?;
    Ok(text)
}

fn rules(results: &Results) -> Result<String> {
    let [few, many] = COUNTS.map(column);
    let mut text = format!(
        "\n## Many rules beside few\n\n\
         Nanoseconds. Ten rules name the same address list of ten networks of each family, each with a port of its own; \
         packets are for that of the last.\n\n\
         | | {few} | {many} | ratio | at most | |\n|---|---|---|---|---|---|\n"
    );
    for row in results.names(|cell| &cell.row) {
        let of = |column: &str| results.cell(&row, column).context("no such cell");
        let (few, many) = (of(&few)?, of(&many)?);
        let ratio = ratio(many, few)?;
        writeln!(
            text,
            "| {row} | {} | {} | {:.2} ({:.2} to {:.2}) | {MOST:.1} | {} |",
            spread(few, 0)?,
            spread(many, 0)?,
            ratio.median,
            ratio.min,
            ratio.max,
            met(ratio.median <= MOST)
        )?;
    }
    Ok(text)
}

fn lookups(results: &Results) -> Result<String> {
    let pick = results.cell(PICK, BASE).context("no such cell")?;
    let mut text = format!(
        "\n## Look-ups beside an LPM_TRIE of the same prefixes\n\n\
         Nanoseconds, and the trie's by ours, round by round: gross, and less what taking a random source \
         costs both, {}. Here they are taken from their table in turn: that memory is not what a look-up \
         waits for. The whole filter is the same program, built with a trie in place of the look-up of \
         feeds.\n\n\
         | | image | LPM_TRIE | ratio | net | to reach | |\n|---|---|---|---|---|---|---|\n",
        spread(pick, 0)?
    );
    let rows = results.names(|cell| &cell.row);
    for row in rows.iter().filter(|row| *row != PICK) {
        let of = |column: &str| results.cell(row, column).context("no such cell");
        let (image, trie) = (of(IMAGE)?, of(TRIE)?);
        let gross = ratio(trie, image)?;
        let less = |cell: &Cell| -> Vec<f64> {
            let both = cell.values.iter().zip(&pick.values);
            both.map(|(all, pick)| all - pick).collect()
        };
        let net = Summary::of(&ratios(&less(trie), &less(image))).context("no rounds")?;
        let target = if row.starts_with("policy") {
            Some(TARGET)
        } else if row.starts_with("reputation") {
            Some(TARGET_LISTED)
        } else {
            None
        };
        let judged = match target {
            Some(target) => format!("{target:.1} | {}", met(gross.median >= target)),
            None => " | ".to_owned(),
        };
        writeln!(
            text,
            "| {row} | {} | {} | {:.1} ({:.1} to {:.1}) | {:.1} ({:.1} to {:.1}) | {judged} |",
            spread(image, 0)?,
            spread(trie, 0)?,
            gross.median,
            gross.min,
            gross.max,
            net.median,
            net.min,
            net.max
        )?;
    }
    Ok(text)
}

/// Round by round.
fn ratio(above: &Cell, below: &Cell) -> Result<Summary> {
    Summary::of(&ratios(&above.values, &below.values)).context("no rounds")
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn loads(loads: &[(Which, String, Vec<Load>)]) -> Result<String> {
    let mut text = String::from(
        "\n## Loading a feed\n\n\
         Plain CIDR lists, each loaded by a process of its own, medians. Memory is the peak of the \
         whole process, the image included that it writes into the kernel's memory; the image \
         that it takes the place of is beside it there until then.\n\n\
         | feed of | text, MB | read and parsed, s | from parsed to in force, s | peak, MB | of that image, MB | \
         to reach | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (which, name, loads) in loads {
        let median = |of: fn(&Load) -> f64| -> Result<f64> {
            let all: Vec<f64> = loads.iter().map(of).collect();
            Ok(Summary::of(&all).context("no loads")?.median)
        };
        let (time, memory) = which.targets();
        let (enforce, peak, image) = (
            median(|it| it.enforce)?,
            median(|it| it.peak)?,
            median(|it| it.image)?,
        );
        writeln!(
            text,
            "| {name} | {:.0} | {:.2} | {enforce:.2} | {peak:.0} | {image:.0} | {time:.0} s, {memory:.0} MB | {} |",
            median(|it| it.text as f64 / 1e6)?,
            median(|it| it.parse)?,
            met(enforce < time && peak <= memory)
        )?;
    }
    Ok(text)
}
