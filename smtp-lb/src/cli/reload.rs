//! `smtp-lb reload`.

use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::admin::api::Reloaded;

pub(super) fn reload(socket: &Path, out: Output) -> Result<(), CliError> {
    let reloaded = ask(socket, |client| async move { client.reload().await })?;
    out.show(&reloaded, text)
}

fn text(reloaded: &Reloaded) -> String {
    let mut text = String::new();
    for warning in &reloaded.warnings {
        text.push_str(escape::lines(warning).trim_end());
        text.push('\n');
    }
    text.push_str("reloaded ");
    text.push_str(&escape::line(&reloaded.config));
    text.push('\n');
    text
}
