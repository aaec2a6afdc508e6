//! Formatting and lints of all crates.

use anyhow::Result;

use crate::build::cargo_ebpf;
use crate::{provision, sh, tidy};

/// Warnings are errors here, and only here: they must not stop a user's build.
pub(crate) fn run() -> Result<()> {
    sh::run(sh::cargo().args(["fmt", "--all", "--check"]))?;
    sh::run(sh::cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    tidy::run()?;
    sh::run(
        sh::cargo()
            .args(["clippy", "--workspace", "--exclude", "smtp-lb-ebpf"])
            .args(["--all-targets", "--", "-D", "warnings"]),
    )?;
    let tools = provision::ebpf()?;
    sh::run(cargo_ebpf("clippy", &tools).args(["--", "-D", "warnings"]))
}
