//! Shows smtp-lb at work.

use anyhow::Result;

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
    demo.current_dir(paths::root());
    if args.keep {
        demo.arg("--keep");
    }
    sh::run(&mut demo)
}
