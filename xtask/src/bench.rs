//! Measures.

use anyhow::Result;

use crate::{build, sh};

/// Builds everything with optimisation, then runs the bench program.
pub(crate) fn run(args: &[String]) -> Result<()> {
    build::all(true)?;
    sh::run(
        sh::cargo()
            .args(["run", "--release", "--package", "smtp-lb-bench", "--"])
            .args(args),
    )
}
