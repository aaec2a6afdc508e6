//! `smtp-lb-bench firewall`: nanoseconds a packet.

use anyhow::{Result, bail};
use clap::Args;

/// What `firewall` takes.
#[derive(Args)]
pub(crate) struct Options {}

/// Measures the packet filter.
pub(crate) fn run(_options: &Options) -> Result<()> {
    bail!("the packet filter is not measured yet")
}
