//! smtp-lb beside what users would pick instead, under the same loads.
//!
//! Every measurement has a network, a sink and a proxy of its own, so that none inherits
//! anything from another. Subjects take turns within each workload and round; ratios are taken
//! between measurements of the same round.

mod check;
mod measure;
mod provision;
mod report;
pub(crate) mod row;
pub(crate) mod statistics;
pub(crate) mod subject;
pub(crate) mod workload;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::credentials::Credentials;
use crate::{interrupt, lab, process};
use measure::{Sample, measure};
use report::Report;
use subject::{Setup, Subject};
use workload::Workload;

/// Rounds of `--quick`.
const QUICK: usize = 2;

/// What is compared, and under what.
pub(crate) struct Bench {
    /// Name of the command and of the file for the result.
    pub(crate) name: &'static str,
    /// Heading of the report.
    pub(crate) title: &'static str,
    /// What the reader must know of this bench beside what holds for all.
    pub(crate) note: &'static str,
    /// In the order of the report.
    pub(crate) workloads: &'static [Workload],
}

/// What every such command takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Times that each measurement is made
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The smtp-lb to measure; if not given, the one beside this program
    #[arg(long)]
    smtp_lb: Option<PathBuf>,
    /// File for the result; if not given, bench/COMMAND.md
    #[arg(long)]
    out: Option<PathBuf>,
    /// Two rounds, printed and not written
    #[arg(long)]
    quick: bool,
    /// Only these workloads, printed and not written
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<String>,
    /// Only these subjects, printed and not written
    #[arg(long, value_name = "NAME")]
    subject: Vec<Subject>,
}

impl Options {
    fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty() && self.subject.is_empty()
    }
}

/// Samples of one workload: a list for each round, in the order of its subjects.
type Rounds = Vec<Vec<Sample>>;

impl Bench {
    /// Measures everything that is asked for, and tells.
    pub(crate) fn run(&self, options: &Options) -> Result<()> {
        let workloads = self.chosen(options)?;
        let subjects = Subject::ALL.iter().copied();
        let subjects: Vec<Subject> = subjects
            .filter(|subject| workloads.iter().any(|(_, them)| them.contains(subject)))
            .collect();
        let rounds = if options.quick { QUICK } else { options.rounds };
        ensure!(rounds > 0, "there must be at least one round");
        ensure!(
            rustix::process::geteuid().is_root(),
            "network namespaces need root"
        );

        let smtp_lb = match &options.smtp_lb {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("smtp-lb"),
        };
        provision::provision(&subjects, &smtp_lb)?;
        process::raise_open_files()?;
        interrupt::catch()?;
        lab::sweep();
        let credentials = Credentials::make()?;

        let mut report = Report::begin(&subjects, &smtp_lb)?;
        let mut samples: Vec<Rounds> = vec![Vec::new(); workloads.len()];
        for round in 1..=rounds {
            for ((workload, subjects), samples) in workloads.iter().zip(&mut samples) {
                let mut turn = Vec::new();
                for &subject in subjects {
                    let setup = Setup {
                        subject,
                        scenario: workload.scenario,
                        resume: workload.resume,
                        credentials: &credentials,
                        smtp_lb: &smtp_lb,
                    };
                    let name = workload.name;
                    let sample = measure(&setup, workload);
                    // Ctrl-C ends the other processes too, which then is not their fault.
                    interrupt::check()?;
                    let sample = sample.with_context(|| format!("{subject} under {name}"))?;
                    eprintln!("round {round}/{rounds}  {name:<19}  {subject:<14}  {sample}");
                    turn.push(sample);
                }
                samples.push(turn);
            }
        }
        for ((workload, subjects), samples) in workloads.iter().zip(&samples) {
            report.add(workload, subjects, samples);
        }
        let out = options
            .out
            .clone()
            .unwrap_or_else(|| format!("bench/{}.md", self.name).into());
        let mut text = report.finish(self, rounds)?;
        // What a profile has shown is written by hand, and stays beside the figures.
        if let Ok(profile) =
            fs::read_to_string(out.with_file_name(self.name.to_owned() + "-profile.md"))
        {
            text = text + "\n" + &profile;
        }
        if options.is_whole() {
            fs::write(&out, &text).with_context(|| out.display().to_string())?;
            eprintln!("written to {}", out.display());
        }
        print!("{text}");
        Ok(())
    }

    /// The workloads that were asked for, or all, each with those of the subjects asked for that
    /// can do it.
    fn chosen(&self, options: &Options) -> Result<Vec<(&'static Workload, Vec<Subject>)>> {
        for name in &options.only {
            let names: Vec<&str> = self.workloads.iter().map(|it| it.name).collect();
            ensure!(
                names.contains(&name.as_str()),
                "no workload {name:?}; there are {}",
                names.join(", ")
            );
        }
        let asked =
            |name: &str| options.only.is_empty() || options.only.iter().any(|it| it == name);
        let workloads = self.workloads.iter().filter(|it| asked(it.name));
        let with_subjects = workloads.map(|workload| {
            let able = workload.subjects.iter().copied();
            let able = able.filter(|it| options.subject.is_empty() || options.subject.contains(it));
            (workload, able.collect::<Vec<_>>())
        });
        Ok(with_subjects.filter(|(_, them)| !them.is_empty()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::{relay, tls};

    #[test]
    fn workloads_have_names_of_their_own_and_all_are_for_us() {
        for bench in [relay::BENCH, tls::BENCH] {
            let names: HashSet<&str> = bench.workloads.iter().map(|it| it.name).collect();
            assert_eq!(names.len(), bench.workloads.len());
            for workload in bench.workloads {
                assert!(workload.subjects.contains(&super::Subject::SmtpLb));
                assert!(!workload.rows.is_empty());
                assert!(workload.shape.sessions > 0 && workload.warm_up.sessions > 0);
            }
        }
    }
}
