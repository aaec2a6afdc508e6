//! Every event is accounted for, at a rate and for a time that no ordinary test run has.

use anyhow::Result;

use crate::{build, paths, sh};

/// How much is told in each scenario.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Events in a second.
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only tests whose names have this, as `over_tls`.
    #[arg(default_value = "losses::")]
    only: String,
}

/// Builds the daemon with optimisation, then runs the tests one after the other.
pub(crate) fn run(args: &Args) -> Result<()> {
    build::all(true)?;
    let daemon = paths::target().join("release/smtp-lb");
    let mut cargo = sh::cargo();
    cargo
        .args(["nextest", "run", "--profile", "losses"])
        .args([
            "--package",
            "smtp-lb-tests",
            "--test",
            "e2e",
            "--test-threads",
            "1",
        ])
        .args(["--success-output", "immediate", "--no-tests", "fail"])
        .arg(&args.only)
        .env("SMTP_LB_BINARY", daemon)
        .env("LOSSES_RATE", args.rate.to_string())
        .env("LOSSES_SECONDS", args.seconds.to_string());
    sh::run(&mut cargo)
}
