//! `smtp-lb-bench log`: from the kernel's ring to file, TCP and UDP on one core, beside rsyslog.
//!
//! One CPU has the subject alone: all threads of smtp-lb's pipeline, or rsyslogd. The other has what feeds
//! it (the packet filter by `BPF_PROG_TEST_RUN`, or a writer of the same records) and the collector.
//! Turns are interleaved: every subject once a round. Each way is a section, which can be run apart: its
//! results are kept in `target/`, and the report is put together of what is kept.

mod collector;
mod kept;
mod leftovers;
mod peer;
mod pipeline;
mod producer;
mod records;
mod report;
mod trial;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::{interrupt, lab};
use kept::Kept;
use trial::Trial;

/// CPU of the producer and the collector, CPU of the subject.
pub(crate) const AROUND: usize = 0;
pub(crate) const SUBJECT: usize = 1;

/// What `log` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Turns of each subject.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each rate that is tried.
    #[arg(long, default_value_t = 0.4)]
    seconds: f64,
    /// Records that rsyslog is given in a turn.
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// Only these sections; may be given again. Of the others, what is kept is reported.
    #[arg(long, value_enum)]
    only: Vec<Way>,
    /// The object with the filter and the sources.
    #[arg(long, default_value = "target/ebpf-bench/smtp-lb.bpf.o")]
    object: PathBuf,
    /// Where files are written: in memory, as it is the pipeline that is measured, and not a disk.
    #[arg(long, default_value = "/dev/shm")]
    folder: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "bench/logging.md")]
    out: PathBuf,
    /// Runs a pipeline, told how in JSON: for the bench itself.
    #[arg(long, hide = true)]
    pipeline: Option<String>,
    /// One short round, printed, and neither kept nor written.
    #[arg(long)]
    quick: bool,
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Way {
    File,
    Tcp,
    Udp,
}

impl Way {
    const ALL: [Self; 3] = [Self::File, Self::Tcp, Self::Udp];

    /// Events in a second that are aimed at.
    fn aim(self) -> f64 {
        match self {
            Self::File | Self::Tcp => 1_000_000.0,
            Self::Udp => 400_000.0,
        }
    }
}

/// What one subject did in one turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Events a second.
    pub(crate) rate: f64,
    /// The most that were sent in a second, whatever was lost beside them.
    pub(crate) most: Option<f64>,
    /// CPU seconds for 100,000 of them.
    pub(crate) cpu: f64,
    /// The same at 100,000 events a second.
    pub(crate) calm: Option<f64>,
    /// The least rate that was tried and lost some: anywhere, in the ring.
    pub(crate) loses_at: Option<f64>,
    pub(crate) ring_at: Option<f64>,
    /// The greatest rate that there was.
    pub(crate) offered: Option<f64>,
    /// The part of what was sent that came.
    pub(crate) came: f64,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Subject {
    SmtpLb,
    SmtpLbJson,
    SmtpLbBigIp,
    RsyslogSocket,
    RsyslogFile,
}

impl Subject {
    const ALL: [Self; 5] = [
        Self::SmtpLb,
        Self::RsyslogSocket,
        Self::RsyslogFile,
        Self::SmtpLbJson,
        Self::SmtpLbBigIp,
    ];

    /// Has it a turn in this round? What is beside the comparison has every other.
    fn has_turn(self, round: usize) -> bool {
        !matches!(self, Self::SmtpLbJson | Self::SmtpLbBigIp) || round % 2 == 1
    }
}

/// Measures the way from the ring to destinations.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(told) = &options.pipeline {
        return pipeline::child(&serde_json::from_str(told)?);
    }
    interrupt::catch()?;
    ensure!(
        std::thread::available_parallelism()?.get() > SUBJECT,
        "two CPUs are needed"
    );
    ensure!(
        options.object.exists(),
        "{}: `cargo xtask bench log` builds it",
        options.object.display()
    );
    lab::sweep();
    leftovers::sweep(&options.folder);
    // Collectors and writers are threads of this process.
    pin(AROUND)?;
    let mut all = Vec::new();
    for way in Way::ALL {
        let kept = if options.only.is_empty() || options.only.contains(&way) {
            let kept = measure(way, options)?;
            if !options.quick {
                kept.save(way)?;
            }
            Some(kept)
        } else if options.quick {
            None
        } else {
            Kept::of(way)?
        };
        all.extend(kept.map(|kept| (way, kept)));
    }
    let text = report::render(&all)?;
    println!("{text}");
    if !options.quick {
        std::fs::write(&options.out, text)?;
    }
    Ok(())
}

fn measure(way: Way, options: &Options) -> Result<Kept> {
    let (rounds, number) = if options.quick {
        (1, options.records / 5)
    } else {
        (options.rounds, options.records)
    };
    let before = Machine::look()?.load;
    let began = Instant::now();
    let folder = leftovers::folder(&options.folder)?;
    let records = records::some(number);
    let mut outcomes: Vec<(Subject, Vec<Outcome>)> =
        Subject::ALL.map(|subject| (subject, Vec::new())).into();
    for round in 1..=rounds {
        for (subject, outcomes) in &mut outcomes {
            if !subject.has_turn(round) {
                continue;
            }
            interrupt::check()?;
            eprintln!("{way:?}, round {round} of {rounds}: {subject:?}");
            let ours = |format| {
                pipeline::turn(Trial {
                    way,
                    format,
                    seconds: options.seconds,
                    object: options.object.clone(),
                    folder: folder.path().to_owned(),
                    collector: None,
                })
            };
            let outcome = match subject {
                Subject::SmtpLb => ours("rfc5424".to_owned()),
                Subject::SmtpLbJson => ours("json".to_owned()),
                Subject::SmtpLbBigIp => ours("bigip".to_owned()),
                Subject::RsyslogSocket => peer::turn(way, false, &records, folder.path()),
                Subject::RsyslogFile => peer::turn(way, true, &records, folder.path()),
            };
            let outcome = outcome.with_context(|| format!("{way:?}, {subject:?}"))?;
            eprintln!("  {outcome:?}");
            outcomes.push(outcome);
        }
    }
    Ok(Kept {
        rounds,
        seconds: options.seconds,
        records: records.len(),
        octets: records.iter().map(Vec::len).sum::<usize>() / records.len().max(1),
        machine: crate::firewall::machine()?,
        load: [before, Machine::look()?.load],
        took: began.elapsed().as_secs_f64(),
        outcomes,
    })
}

/// Keeps this thread, and those that it starts, to a CPU.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    Ok(sched_setaffinity(None, &cpus)?)
}
