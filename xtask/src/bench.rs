//! Measures.

use anyhow::Result;

use crate::provision::debian;
use crate::{build, sh};

/// Builds everything with optimisation, then runs the bench program.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let first = args.first().map(String::as_str);
    if first == Some("firewall") {
        debian::packages(debian::FOR_FIREWALL_BENCH)?;
    }
    if matches!(first, Some("firewall" | "log")) {
        build::ebpf_bench()?;
    }
    if first != Some("log") {
        // Its pipeline runs in the bench program itself.
        build::all(true)?;
    }
    sh::run(
        sh::cargo()
            .args(["run", "--release", "--package", "smtp-lb-bench", "--"])
            .args(args),
    )
}
