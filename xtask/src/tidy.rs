//! Checks the design's invariants.
use anyhow::Result;
/// Later.
pub(crate) fn run() -> Result<()> {
    Ok(())
}
