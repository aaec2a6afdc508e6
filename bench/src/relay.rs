//! `smtp-lb-bench relay`: the plain relay beside HAProxy and nginx stream.
//!
//! Every measurement has a network, a sink and a proxy of its own, so that none inherits
//! anything from another. Subjects take turns within each row and round; ratios are taken
//! between measurements of the same round.

mod measure;
mod provision;
mod report;
mod row;
pub(crate) mod statistics;
mod subject;
mod workload;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{interrupt, lab, process};
use measure::{Sample, measure};
use report::Report;
use subject::Subject;
use workload::Workload;

/// Rounds of `--quick`.
const QUICK: usize = 2;

/// What `relay` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Times that each measurement is made
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The smtp-lb to measure; if not given, the one beside this program
    #[arg(long)]
    smtp_lb: Option<PathBuf>,
    /// File for the result
    #[arg(long, default_value = "bench/relay.md")]
    out: PathBuf,
    /// Two rounds, printed and not written
    #[arg(long)]
    quick: bool,
    /// Only these workloads, printed and not written
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<Workload>,
    /// Only these subjects, printed and not written
    #[arg(long, value_name = "NAME")]
    subject: Vec<Subject>,
}

impl Options {
    fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty() && self.subject.is_empty()
    }
}

/// Samples of one workload: a list for each round, in the order of the subjects.
type Rounds = Vec<Vec<Sample>>;

/// Measures everything that is asked for, and tells.
pub(crate) fn run(options: &Options) -> Result<()> {
    let subjects = chosen(&options.subject, Subject::ALL);
    let workloads = chosen(&options.only, Workload::ALL);
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

    let mut report = Report::begin(&subjects, &smtp_lb)?;
    let mut samples: Vec<Rounds> = vec![Vec::new(); workloads.len()];
    for round in 1..=rounds {
        for (&workload, samples) in workloads.iter().zip(&mut samples) {
            let mut turn = Vec::new();
            for &subject in &subjects {
                let sample = measure(subject, workload, &smtp_lb);
                // Ctrl-C ends the other processes too, which then is not their fault.
                interrupt::check()?;
                let sample = sample.with_context(|| format!("{subject} under {workload}"))?;
                eprintln!("round {round}/{rounds}  {workload:<12}  {subject:<10}  {sample}");
                turn.push(sample);
            }
            samples.push(turn);
        }
    }
    for (&workload, samples) in workloads.iter().zip(&samples) {
        report.add(workload, samples);
    }
    let mut text = report.finish(rounds)?;
    // What a profile has shown is written by hand, and stays beside the figures.
    if let Ok(profile) = fs::read_to_string(options.out.with_file_name("relay-profile.md")) {
        text = text + "\n" + &profile;
    }
    if options.is_whole() {
        fs::write(&options.out, &text).with_context(|| options.out.display().to_string())?;
        eprintln!("written to {}", options.out.display());
    }
    print!("{text}");
    Ok(())
}

/// What was asked for, or all.
fn chosen<T: Copy>(asked: &[T], all: &[T]) -> Vec<T> {
    if asked.is_empty() { all } else { asked }.to_vec()
}
