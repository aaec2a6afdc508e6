//! The result as Markdown. Nothing stands in it that was not measured in this run.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::row::{Row, Target};
use super::statistics::{Summary, ratios};
use super::subject::{CPU, Subject};
use super::workload::Workload;
use super::{Bench, Rounds};
use crate::machine::Machine;

/// The report so far.
pub(crate) struct Report {
    subjects: Vec<Subject>,
    versions: Vec<String>,
    machine: Machine,
    /// Lines of the table.
    lines: Vec<String>,
    /// Shares of the proxy's CPU that were spent on anything else.
    foreign: Vec<f64>,
}

impl Report {
    /// Notes the machine and the versions before anything is measured.
    pub(crate) fn begin(subjects: &[Subject], smtp_lb: &Path) -> Result<Self> {
        let mut versions = Vec::new();
        for subject in subjects {
            if let Some(program) = subject.program(smtp_lb) {
                let version = version(program, subject.version_option())?;
                versions.push(format!("- {subject}: {version}\n"));
            }
        }
        Ok(Self {
            subjects: subjects.to_vec(),
            versions,
            machine: Machine::look()?,
            lines: Vec::new(),
            foreign: Vec::new(),
        })
    }

    /// Adds the rows of a workload, which these subjects were under.
    pub(crate) fn add(&mut self, workload: &Workload, subjects: &[Subject], rounds: &Rounds) {
        for row in workload.rows {
            let values = self.subjects.iter().map(|subject| {
                let place = subjects.iter().position(|it| it == subject);
                let place = place.filter(|_| row.tells_of(*subject));
                place.map_or_else(Vec::new, |place| {
                    let samples = rounds.iter().map(|turn| &turn[place]);
                    samples.map(row.value).collect()
                })
            });
            let values: Vec<Vec<f64>> = values.collect();
            self.lines.push(line(row, &self.subjects, &values));
        }
        let samples = rounds.iter().flatten();
        self.foreign.extend(samples.map(|it| it.foreign * 100.0));
    }

    /// The whole text.
    pub(crate) fn finish(self, bench: &Bench, rounds: usize) -> Result<String> {
        let Machine {
            cpu,
            memory,
            kernel,
            load,
        } = &self.machine;
        let mut command = vec!["cargo xtask bench".to_owned()];
        command.extend(std::env::args().skip(1));
        let mut text = String::new();
        write!(
            text,
            "# {}

Written by `{}`.

- Machine: {cpu}, {memory} of memory; load average at the start {load}
- Kernel: {kernel}
{}
Each proxy has one worker (thread) pinned to CPU {CPU}, and no logging; generator and sink share
the other CPU. The three have a network namespace each, joined by veth, with TCP_NODELAY at both
ends of the load. {rounds} rounds, in each of which the subjects take turns under each load, every
time with a fresh network, sink and proxy, after an unmeasured tenth of the load. CPU is user and
system time of the proxy, with what the kernel does in softirqs on top of it. The client does not
pipeline. Messages are of 4 KiB where nothing else is said; all arrived whole, by count, length
and checksum, or there would be no report.
{}
Medians, in brackets the least and the greatest. The ratio is the median of the ratios of each
round, against the peer with the best median; at most 1 is good, so of a rate it is the inverse.

",
            bench.title,
            command.join(" "),
            self.versions.concat(),
            bench.note,
        )?;
        let names: Vec<String> = self.subjects.iter().map(ToString::to_string).collect();
        writeln!(text, "| | {} | ratio | target | |", names.join(" | "))?;
        writeln!(text, "|---|{}---|---|---|", "---|".repeat(names.len()))?;
        for line in &self.lines {
            writeln!(text, "{line}")?;
        }
        if let Some(Summary { median, max, .. }) = Summary::of(&self.foreign) {
            writeln!(
                text,
                "\nCPU {CPU} was busy with something else than the proxy for {median:.1} % of the \
                 time (median; {max:.1} % in the worst measurement)."
            )?;
        }
        Ok(text)
    }
}

/// One line of the table; `values` by subject, then round.
fn line(row: &Row, subjects: &[Subject], values: &[Vec<f64>]) -> String {
    let mut line = format!("| {} |", row.title);
    for values in values {
        let cell = Summary::of(values).map_or("–".to_owned(), |it| spread(it, row.digits));
        line = line + " " + &cell + " |";
    }
    let place = |subject| subjects.iter().position(|it| *it == subject);
    let (Some(ours), Some(target)) = (place(Subject::SmtpLb), row.target) else {
        return line + " – | – | – |";
    };
    let other = match target {
        Target::Direct(_) => place(Subject::Direct).filter(|direct| !values[*direct].is_empty()),
        Target::Ratio(_) | Target::Value(_) => best_peer(row, subjects, values),
    };
    let ratio = other.and_then(|other| {
        let (over, under) = if row.is_rate {
            (other, ours)
        } else {
            (ours, other)
        };
        let ratios = ratios(&values[over], &values[under]);
        Some((other, Summary::of(&ratios)?))
    });
    let cell = ratio.map_or("–".to_owned(), |(other, ratio)| {
        format!("{} of {}", spread(ratio, 2), subjects[other])
    });
    let (target, most, measured) = match target {
        Target::Ratio(most) | Target::Direct(most) => {
            (format!("≤ {most}"), most, ratio.map(|(_, it)| it))
        }
        Target::Value(most) => {
            let itself = Summary::of(&values[ours]);
            (format!("≤ {most} itself"), most, itself)
        }
    };
    let verdict = match measured {
        None => "–",
        Some(measured) if measured.median <= most => "met",
        Some(_) => "**missed**",
    };
    line + &format!(" {cell} | {target} | {verdict} |")
}

/// The peer with the best median.
fn best_peer(row: &Row, subjects: &[Subject], values: &[Vec<f64>]) -> Option<usize> {
    let is_peer = |place: usize| !matches!(subjects[place], Subject::SmtpLb | Subject::Direct);
    let peers = values
        .iter()
        .enumerate()
        .filter(|(place, _)| is_peer(*place));
    let medians = peers.filter_map(|(place, it)| Some((place, Summary::of(it)?.median)));
    let sign = if row.is_rate { -1.0 } else { 1.0 };
    medians
        .min_by(|one, other| (sign * one.1).total_cmp(&(sign * other.1)))
        .map(|best| best.0)
}

fn spread(summary: Summary, digits: usize) -> String {
    let Summary { median, min, max } = summary;
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
}

fn version(program: &Path, option: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(option)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    // nginx and stunnel tell their versions on standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    // stunnel says more before it.
    let first = text.lines().find(|line| line.contains('.'));
    Ok(first.context("no version")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECTS: [Subject; 4] = [
        Subject::SmtpLb,
        Subject::HaProxy,
        Subject::Nginx,
        Subject::Direct,
    ];

    fn row(is_rate: bool, target: impl Into<Option<Target>>) -> Row {
        let value = |_: &_| 0.0;
        Row {
            title: "it",
            value,
            is_rate,
            digits: 1,
            target: target.into(),
        }
    }

    #[test]
    fn the_ratio_is_of_each_round_with_the_best_peer() {
        let values = [
            vec![1.0, 2.0, 9.0],
            vec![4.0, 4.0, 4.0],
            vec![2.0, 2.0, 30.0],
            vec![],
        ];
        assert_eq!(
            line(&row(false, Target::Ratio(0.7)), &SUBJECTS, &values),
            "| it | 2.0 (1.0–9.0) | 4.0 (4.0–4.0) | 2.0 (2.0–30.0) | – \
             | 0.50 (0.30–1.00) of nginx | ≤ 0.7 | met |"
        );
    }

    #[test]
    fn the_ratio_of_a_rate_is_turned_round() {
        let values = [vec![50.0], vec![40.0], vec![100.0], vec![200.0]];
        let line = line(&row(true, Target::Ratio(1.0)), &SUBJECTS, &values);
        assert!(
            line.ends_with("| 2.00 (2.00–2.00) of nginx | ≤ 1 | **missed** |"),
            "{line}"
        );
    }

    #[test]
    fn a_value_is_held_against_its_own_target() {
        let values = [vec![3.0], vec![1.0], vec![2.0], vec![]];
        let line = line(&row(false, Target::Value(3.5)), &SUBJECTS, &values);
        assert!(
            line.ends_with("| 3.00 (3.00–3.00) of haproxy | ≤ 3.5 itself | met |"),
            "{line}"
        );
    }

    #[test]
    fn the_load_without_a_proxy_is_no_peer() {
        let values = [vec![3.0], vec![4.0], vec![5.0], vec![2.0]];
        let beside = |target| line(&row(false, target), &SUBJECTS, &values);
        assert!(
            beside(Target::Direct(1.5)).ends_with("| 1.50 (1.50–1.50) of direct | ≤ 1.5 | met |")
        );
        assert!(
            beside(Target::Ratio(0.8)).ends_with("| 0.75 (0.75–0.75) of haproxy | ≤ 0.8 | met |")
        );
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        let target = Target::Ratio(1.0);
        let peers_only = line(
            &row(false, target),
            &SUBJECTS[1..3],
            &[vec![1.0], vec![2.0]],
        );
        assert!(
            peers_only.ends_with("2.0 (2.0–2.0) | – | – | – |"),
            "{peers_only}"
        );
        let alone = line(&row(false, target), &SUBJECTS[..1], &[vec![1.0]]);
        assert!(alone.ends_with("1.0 (1.0–1.0) | – | ≤ 1 | – |"), "{alone}");

        let no_target = line(&row(false, None), &SUBJECTS[..2], &[vec![1.0], vec![2.0]]);
        assert!(
            no_target.ends_with("2.0 (2.0–2.0) | – | – | – |"),
            "{no_target}"
        );
    }
}
