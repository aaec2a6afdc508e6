//! Runs every test.

use anyhow::Result;

use crate::{build, provision, sh};

/// Provisions, builds, tests. Filters go to the runner.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    provision::tests()?;
    build::ebpf()?;
    let mut cargo = sh::cargo();
    if sh::read(sh::cargo().args(["nextest", "--version"])).is_ok() {
        cargo.args(["nextest", "run"]);
    } else {
        cargo.arg("test");
    }
    cargo.args(["--workspace", "--exclude", "smtp-lb-ebpf"]);
    // The daemon itself is what the end-to-end tests start.
    sh::run(sh::cargo().args([
        "build",
        "--package",
        "smtp-lb",
        "--package",
        "smtp-lb-tests",
    ]))?;
    sh::run(cargo.args(filter))
}
