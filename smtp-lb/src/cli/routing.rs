//! `smtp-lb routing`.

use std::path::PathBuf;

use serde::Serialize;

use super::error::CliError;
use super::output::Output;
use crate::config;
use crate::routing;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/smtp-lb/smtp-lb.toml")]
    config: PathBuf,
    /// Print what takes it away again.
    #[arg(long)]
    down: bool,
}

#[derive(Serialize)]
struct Commands {
    commands: Vec<String>,
}

pub(super) fn routing(args: &Args, out: Output) -> Result<(), CliError> {
    let plan = config::load(&args.config)?.plan;
    let text = routing::commands(&routing::members(&plan), args.down);
    let commands = Commands {
        commands: text.lines().map(str::to_owned).collect(),
    };
    out.show(&commands, |_| text)
}
