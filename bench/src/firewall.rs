//! `smtp-lb-bench firewall`: what a packet costs.
//!
//! In sections, each of which can be run apart: its results are kept in `target/`, and the report is put
//! together of what is kept. Turns are interleaved: every case once a round.

mod feed;
mod ground;
mod load;
mod lookups;
mod measured;
mod paths;
mod prefixes;
mod rate;
mod report;
mod rig;
mod rules;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::interrupt;
use crate::machine::Machine;
pub(crate) use measured::machine;
use measured::{Kept, Results, Section};
pub(crate) use paths::way::Nobody;
pub(crate) use prefixes::{Random, SEED};
pub(crate) use rig::{fill_random_sources, syn};

/// What `firewall` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Turns of each case.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Packets of each turn, where they are counted.
    #[arg(long, default_value_t = 300_000)]
    packets: u32,
    /// Only these sections; may be given again. Of the others, what is kept is reported.
    #[arg(long)]
    only: Vec<Section>,
    /// The object with the filter and its rivals.
    #[arg(long, default_value = "target/ebpf-bench/smtp-lb.bpf.o")]
    object: PathBuf,
    /// The same with an `LPM_TRIE` in place of the look-up of feeds.
    #[arg(long, default_value = "target/ebpf-bench/smtp-lb-trie.bpf.o")]
    trie: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "bench/firewall.md")]
    out: PathBuf,
    /// Loads one feed, and prints what that took: for the bench itself.
    #[arg(long, hide = true)]
    load: Option<load::Which>,
    /// Two short rounds with small feeds, printed, and neither kept nor written.
    #[arg(long)]
    quick: bool,
}

/// Measures the packet filter.
pub(crate) fn run(options: &Options) -> Result<()> {
    interrupt::catch()?;
    if let Some(which) = options.load {
        return load::child(which, &options.object);
    }
    let mut all = Vec::new();
    for section in Section::ALL {
        let kept = if options.only.is_empty() || options.only.contains(&section) {
            eprintln!("section: {}", section.name());
            Some(measure(section, options)?)
        } else if options.quick {
            None
        } else {
            Kept::of(section)?
        };
        all.extend(kept.map(|kept| (section, kept)));
    }
    let report = report::render(&all)?;
    println!("{report}");
    if !options.quick {
        std::fs::write(&options.out, report)?;
    }
    Ok(())
}

fn measure(section: Section, options: &Options) -> Result<Kept> {
    let (rounds, packets) = if options.quick {
        (2, options.packets / 10)
    } else {
        (options.rounds, options.packets)
    };
    let before = Machine::look()?.load;
    let began = Instant::now();
    let object = read(&options.object)?;
    let results = match section {
        Section::Paths => {
            let most = if options.quick { 100_000 } else { u32::MAX };
            paths::measure(&object, rounds, packets, most)?
        }
        Section::Rules => rules::measure(&object, rounds, packets)?,
        Section::Lookups => {
            let trie = read(&options.trie)?;
            lookups::measure(&object, &trie, rounds, packets, options.quick)?
        }
        Section::Load => Results {
            cells: Vec::new(),
            loads: load::all(&options.object, options.quick)?,
        },
        Section::Rate => rate::measure(&object, &read(&options.trie)?, rounds, options.quick)?,
    };
    let kept = Kept {
        rounds,
        packets,
        machine: machine()?,
        load: [before, Machine::look()?.load],
        seconds: began.elapsed().as_secs_f64(),
        results,
    };
    if !options.quick {
        kept.save(section)?;
    }
    Ok(kept)
}

fn read(object: &Path) -> Result<Vec<u8>> {
    std::fs::read(object).with_context(|| {
        let object = object.display();
        format!("{object}: `cargo xtask bench firewall` builds it")
    })
}
