//! How long a feed takes from its text to the image in force, and how much memory.
//!
//! Each is loaded by a process of its own, which does nothing else, so that its peak is the feed's.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use smtp_lb::firewall::Stand;
use smtp_lb::reputation::parse::{Format, Parsed, Parser, Rules};

use super::feed::{Feed, compile};
use super::prefixes::of_feed;

/// Loads of each.
const TIMES: usize = 5;
/// Octets read at once, as the daemon does.
const CHUNK: usize = 256 * 1024;

/// Which feed a child loads.
#[derive(Debug, Clone, Copy, clap::ValueEnum, Serialize, Deserialize)]
pub(crate) enum Which {
    /// As large as all public ones together.
    Large,
    /// Larger than any.
    Huge,
}

impl Which {
    fn feed(self) -> Feed {
        match self {
            Self::Large => Feed::LARGE,
            Self::Huge => Feed::HUGE,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Large => "large",
            Self::Huge => "huge",
        }
    }

    /// Seconds and MB that it may take.
    pub(crate) fn targets(self) -> (f64, f64) {
        match self {
            Self::Large => (1.0, 160.0),
            Self::Huge => (6.0, 500.0),
        }
    }
}

/// What a load took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Octets of its text.
    pub(crate) text: u64,
    /// Seconds to read and parse it.
    pub(crate) parse: f64,
    /// Seconds from parsed to in force.
    pub(crate) enforce: f64,
    /// MB of resident memory at the most, of the whole process.
    pub(crate) peak: f64,
    /// MB of the image in the kernel.
    pub(crate) image: f64,
}

/// Every feed, loaded some times.
pub(crate) fn all(object: &Path, quick: bool) -> Result<Vec<(Which, String, Vec<Load>)>> {
    let times = if quick { 1 } else { TIMES };
    let mut all = Vec::new();
    for which in [Which::Large, Which::Huge] {
        let mut loads = Vec::new();
        for _ in 0..times {
            crate::interrupt::check()?;
            let output = Command::new(std::env::current_exe()?)
                .args(["firewall", "--load", which.name(), "--object"])
                .arg(object)
                .output()?;
            ensure!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            loads.push(serde_json::from_slice(&output.stdout)?);
        }
        all.push((which, which.feed().to_string(), loads));
    }
    Ok(all)
}

/// Loads one feed and prints what that took.
pub(crate) fn child(which: Which, object: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("feed");
    write(&path, which.feed())?;
    let object = fs::read(object)?;
    let pins = PathBuf::from(format!("/sys/fs/bpf/slb-bench-{}-load", std::process::id()));
    let mut stand = Stand::load_program(Some(&object), "bench_listed_v4", &pins)?;
    drop(object);
    // One is in force, as at a change.
    stand.reputation(
        &Feed {
            v4: 1,
            ..which.feed()
        }
        .compiled()?
        .lines,
    )?;
    let began = Instant::now();
    let parsed = parse(&path)?;
    let parse = began.elapsed();
    let began = Instant::now();
    let compiled = compile(&parsed.entries)?;
    stand.reputation(&compiled.lines)?;
    let enforce = began.elapsed();
    let load = Load {
        text: fs::metadata(&path)?.len(),
        parse: seconds(parse),
        enforce: seconds(enforce),
        peak: peak()?,
        image: size_of_val(compiled.lines.as_slice()) as f64 / 1e6,
    };
    println!("{}", serde_json::to_string(&load)?);
    Ok(())
}

fn write(path: &Path, feed: Feed) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for network in of_feed(feed) {
        writeln!(file, "{network}")?;
    }
    Ok(file.flush()?)
}

fn parse(path: &Path) -> Result<Parsed> {
    let mut parser = Parser::new(Rules {
        format: Format::Cidr,
        tag: 0,
        categories: std::collections::HashMap::new(),
        max_entries: 16_000_000,
        max_bad: 0,
    });
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(parser.finish()?);
        }
        parser.push(&buffer[..read])?;
    }
}

/// MB of resident memory at the most, until now.
fn peak() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: f64 = kib.context("no VmHWM")?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
