//! `smtp-lb-bench firewall`: nanoseconds a packet, by `BPF_PROG_TEST_RUN`.
//!
//! Sources are taken at random for every packet. All figures are gross; the empty program and
//! the picking of a source stand beside them. Turns are interleaved: every case once a round.

mod case;
mod load;
mod prefixes;
mod report;
mod subject;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::interrupt;
use case::Case;
pub(crate) use prefixes::{Random, SEED};
pub(crate) use subject::{Nobody, fill_random_sources, syn};

/// What `firewall` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Turns of each case.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Packets of each turn.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u32,
    /// The object with the filter and its rivals.
    #[arg(long, default_value = "target/ebpf-bench/smtp-lb.bpf.o")]
    object: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "bench/firewall.md")]
    out: PathBuf,
    /// Loads one feed, and prints what that took: for the bench itself.
    #[arg(long, hide = true)]
    load: Option<load::Which>,
    /// Two short rounds, printed and not written.
    #[arg(long)]
    quick: bool,
}

/// Measures the packet filter.
pub(crate) fn run(options: &Options) -> Result<()> {
    interrupt::catch()?;
    if let Some(which) = options.load {
        return load::child(which, &options.object);
    }
    let object = std::fs::read(&options.object).with_context(|| {
        format!(
            "{}: `cargo xtask bench firewall` builds it",
            options.object.display()
        )
    })?;
    let (rounds, packets) = if options.quick {
        (2, options.packets / 5)
    } else {
        (options.rounds, options.packets)
    };
    let cases = Case::all();
    let mut subjects = Vec::new();
    for case in &cases {
        eprintln!("loading: {case}");
        subjects.push(subject::Subject::load(&object, case)?);
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            interrupt::check()?;
            times.push(subject.turn(packets)?);
        }
    }
    let loads = load::all(&options.object)?;
    let report = report::render(&cases, &times, &loads, rounds, packets)?;
    println!("{report}");
    if !options.quick {
        std::fs::write(&options.out, report)?;
    }
    Ok(())
}
