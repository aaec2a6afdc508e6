//! Bounded runs of the fuzz targets in `fuzz/`.
//!
//! cargo-fuzz needs a nightly compiler, for the address sanitizer; what is fuzzed here has no
//! `unsafe`. libFuzzer alone does with the stable one: it is compiled by the C++ compiler that
//! the daemon's dependencies need anyway, and the flags that make code tell where it went are
//! LLVM's.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{paths, sh};

/// What libFuzzer needs of the code that it runs.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Octets of one input at most.
const LONGEST: usize = 4096;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Names of files in `fuzz/fuzz_targets`; all of them if none is given.
    targets: Vec<String>,
}

/// Builds all targets, runs those asked for, and fails if one of them found something.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = args.targets.iter().find(|target| !all.contains(target)) {
        bail!("no fuzz target {unknown}: there are {}", all.join(", "));
    }
    let chosen = if args.targets.is_empty() {
        &all
    } else {
        &args.targets
    };
    let host = host()?;
    // With `--target`, so that the flags are not those of build scripts and macros.
    sh::run(
        sh::cargo()
            .args(["build", "--release", "--manifest-path"])
            .arg(paths::root().join("fuzz/Cargo.toml"))
            .args(["--target", &host, "--target-dir"])
            .arg(paths::fuzz())
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", FLAGS),
    )?;
    let programs = paths::fuzz().join(host).join("release");
    let mut found = Vec::new();
    for target in chosen {
        found.extend(fuzz(target, &programs.join(target), args.seconds)?);
    }
    if !found.is_empty() {
        bail!("something does not hold:\n{}", found.join("\n"));
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let folder = paths::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn host() -> Result<String> {
    let said = sh::read(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

/// What one target found: none, or which input broke what.
fn fuzz(target: &str, program: &Path, seconds: u32) -> Result<Option<String>> {
    let corpus = paths::fuzz().join("corpus").join(target);
    let found = paths::fuzz().join("found").join(target);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    copy_seeds(target, &corpus)?;
    let log = paths::fuzz().join(format!("{target}.log"));
    let status = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .arg(&corpus)
        .env("RUST_BACKTRACE", "0")
        .stderr(File::create(&log).with_context(|| log.display().to_string())?)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if status.success() {
        let runs = after(&said, "stat::number_of_executed_units:").unwrap_or("?");
        sh::say(&format!(
            "fuzz {target}: {runs} inputs in {seconds} s, all hold"
        ));
        return Ok(None);
    }
    let input = after(&said, "Test unit written to ").unwrap_or("no input was kept");
    let why = said
        .lines()
        .skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR:"))
        .take(4)
        .collect::<Vec<_>>()
        .join("\n    ");
    Ok(Some(format!(
        "  {target}: {input}\n    {why}\n    all of it: {}",
        log.display()
    )))
}

/// Seeds stay as they are; what grows from them is the working corpus, in `target/`.
fn copy_seeds(target: &str, corpus: &Path) -> Result<()> {
    let seeds = paths::root().join("fuzz/seeds").join(target);
    for entry in fs::read_dir(&seeds).with_context(|| seeds.display().to_string())? {
        let entry = entry?;
        fs::copy(entry.path(), corpus.join(entry.file_name()))?;
    }
    Ok(())
}

fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.split_once(prefix));
    line.map(|(_, rest)| rest.trim())
}
