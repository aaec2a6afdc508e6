//! Measures.

use anyhow::Result;

use crate::{build, sh};

/// Builds everything with optimisation, then runs the bench program.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if args
        .first()
        .is_some_and(|what| what == "firewall" || what == "log")
    {
        build::ebpf_bench()?;
    }
    build::all(true)?;
    sh::run(
        sh::cargo()
            .args(["run", "--release", "--package", "smtp-lb-bench", "--"])
            .args(args),
    )
}
