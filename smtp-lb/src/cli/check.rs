//! `smtp-lb check` and `smtp-lb schema`.

use std::path::PathBuf;

use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::app::Configuration;
use crate::app::picture::warnings;
use crate::config::{self, Diagnostics};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn check(args: &Args, out: Output) -> Result<(), CliError> {
    match Configuration::check(&args.file) {
        Ok(read) => {
            let all = [&read.loaded.warnings, &read.warnings];
            let list: Vec<_> = all.into_iter().flat_map(Diagnostics::iter).collect();
            out.show(&list, |_| {
                let mut text = String::new();
                for warning in all.into_iter().flat_map(warnings) {
                    text = format!("{text}warning: {}\n", escape::line(&warning));
                }
                format!(
                    "{text}{}: valid\n",
                    escape::line(&args.file.to_string_lossy())
                )
            })
        }
        Err(error) if out.is_json() => {
            out.show(&error, |_| String::new())?;
            Err(CliError::ConfigTold)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn schema() -> Result<(), CliError> {
    // JSON in any case: there is no other form of it.
    Output::new(true).show(&config::schema(), |_| String::new())
}
