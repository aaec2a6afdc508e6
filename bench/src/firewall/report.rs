//! The result as Markdown. Nothing stands in it that was not measured in this run.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::case::{Case, Family, MANY};
use crate::compare::statistics::{Summary, ratios};
use crate::machine::Machine;

/// To reach, trie by image.
const TARGET: f64 = 4.0;

/// All cases with their medians and spread, then the comparison.
pub(crate) fn render(
    cases: &[Case],
    times: &[Vec<f64>],
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
    for family in [Family::V4, Family::V6] {
        for member in [true, false] {
            let image = of(Case::Image(family, MANY, member))?;
            let trie = of(Case::Trie(family, MANY, member))?;
            let net = |all: &[f64]| -> Vec<f64> {
                all.iter().zip(pick).map(|(all, pick)| all - pick).collect()
            };
            let gross = Summary::of(&ratios(trie, image)).context("no rounds")?;
            let less = Summary::of(&ratios(&net(trie), &net(image))).context("no rounds")?;
            let met = if gross.median >= TARGET {
                "met"
            } else {
                "missed"
            };
            writeln!(
                text,
                "| {} | {:.1} ({:.1} to {:.1}) | {:.1} ({:.1} to {:.1}) | {TARGET:.1} | {met} |",
                Case::Image(family, MANY, member)
                    .to_string()
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
    }
    Ok(text)
}
