//! Shows smtp-lb at work.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::provision::debian;
use crate::{build, paths, sh};

/// Options of the demonstration.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave it running until Ctrl-C, and tell how to look around.
    #[arg(long)]
    keep: bool,
}

/// Builds everything, then runs the demonstration.
pub(crate) fn run(args: &Args) -> Result<()> {
    debian::packages(debian::FOR_DEMO)?;
    sh::say("building the kernel program");
    build::ebpf()?;
    sh::say("building smtp-lb and the demonstration");
    sh::run(sh::cargo().args([
        "build",
        "--package",
        "smtp-lb",
        "--package",
        "smtp-lb-tests",
    ]))?;
    let mut demo = std::process::Command::new(paths::target().join("debug/smtp-lb-demo"));
    demo.current_dir(paths::root()).env("PATH", sh::path());
    if args.keep {
        demo.arg("--keep");
    }
    // In place of this process: Ctrl-C then reaches the one that cleans up, and only that.
    Err(demo.exec()).context("cannot start the demonstration")
}
