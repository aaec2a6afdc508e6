//! The result as Markdown. Nothing stands in it that was not measured in this run.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::case::{Case, Family, Feed, MANY};
use super::load::{Load, Which};
use crate::compare::statistics::{Summary, ratios};
use crate::machine::Machine;

/// To reach, trie by image.
const TARGET: f64 = 4.0;
/// The same of reputation.
const TARGET_LISTED: f64 = 5.0;

/// All cases with their medians and spread, then the comparison.
pub(crate) fn render(
    cases: &[Case],
    times: &[Vec<f64>],
    loads: &[(Which, String, Vec<Load>)],
    rounds: usize,
    packets: u32,
) -> Result<String> {
    let machine = Machine::look()?;
    let mut text = format!(
        "# Cost of a packet\n\n\
         `cargo xtask bench firewall`: nanoseconds of a run by `BPF_PROG_TEST_RUN`, gross, one \
         CPU, {rounds} interleaved rounds of {packets} packets each, a random source for every \
         packet. Frames are TCP SYN segments to a virtual server. With events, the rings are \
         read between chunks of 10,000 packets.\n\n\
         Machine: {}, {}; kernel {}; load average at the end {}.\n\n\
         | case | median | least to greatest |\n|---|---|---|\n",
        machine.cpu, machine.memory, machine.kernel, machine.load
    );
    for (case, times) in cases.iter().zip(times) {
        let time = Summary::of(times).context("no rounds")?;
        writeln!(
            text,
            "| {case} | {:.0} | {:.0} to {:.0} |",
            time.median, time.min, time.max
        )?;
    }
    text += "\n## Look-up beside an LPM_TRIE of the same prefixes\n\n\
             Ratio of the trie's time to the image's, round by round: gross, and less what \
             taking a random source costs both.\n\n\
             | look-up | gross | net | to reach | |\n|---|---|---|---|---|\n";
    let of = |wanted: Case| {
        let at = cases.iter().position(|case| *case == wanted);
        at.map(|at| times[at].as_slice()).context("no such case")
    };
    let pick = of(Case::Pick)?;
    let mut pairs = Vec::new();
    for family in [Family::V4, Family::V6] {
        for member in [true, false] {
            let image = Case::Image(family, MANY, member);
            pairs.push((image, Case::Trie(family, MANY, member), TARGET));
        }
    }
    for (family, count) in [(Family::V4, Feed::LARGE.v4), (Family::V6, Feed::LARGE.v6)] {
        for member in [true, false] {
            let image = Case::Listed(family, Feed::LARGE, member);
            pairs.push((image, Case::Trie(family, count, member), TARGET_LISTED));
        }
    }
    for (case, trie, target) in pairs {
        let (image, trie) = (of(case)?, of(trie)?);
        let net = |all: &[f64]| -> Vec<f64> {
            all.iter().zip(pick).map(|(all, pick)| all - pick).collect()
        };
        let gross = Summary::of(&ratios(trie, image)).context("no rounds")?;
        let less = Summary::of(&ratios(&net(trie), &net(image))).context("no rounds")?;
        let met = if gross.median >= target {
            "met"
        } else {
            "missed"
        };
        writeln!(
            text,
            "| {} | {:.1} ({:.1} to {:.1}) | {:.1} ({:.1} to {:.1}) | {target:.1} | {met} |",
            case.to_string()
                .trim_start_matches("look-up, ")
                .trim_end_matches(": image"),
            gross.median,
            gross.min,
            gross.max,
            less.median,
            less.min,
            less.max
        )?;
    }
    text += "\n## Loading a feed\n\n\
             Plain CIDR lists, each loaded by a process of its own, medians. Memory is the peak of the \
             whole process, the image included that it writes into the kernel's memory; the image \
             that it takes the place of is beside it there until then.\n\n\
             | feed | text, MB | read and parsed, s | from parsed to in force, s | peak, MB | of that image, MB | \
             to reach | |\n|---|---|---|---|---|---|---|---|\n";
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
        let met = if enforce < time && peak <= memory {
            "met"
        } else {
            "missed"
        };
        writeln!(
            text,
            "| {name} | {:.0} | {:.2} | {enforce:.2} | {peak:.0} | {image:.0} | {time:.0} s, {memory:.0} MB | {met} |",
            median(|it| it.text as f64 / 1e6)?,
            median(|it| it.parse)?,
        )?;
    }
    Ok(text)
}
