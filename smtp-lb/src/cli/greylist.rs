//! `smtp-lb greylist …`.

use std::path::Path;
use std::time::Duration;

use super::client::ask;
use super::error::CliError;
use super::output::{Output, moment, table};
use crate::admin::api::{
    GreylistAllow, GreylistEntries, GreylistQuery, GreylistRemove, GreylistRemoved, GreylistState,
};
use crate::config;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List whom greylisting knows, the last seen first.
    List {
        /// What stands in the client, the sender or the recipient.
        #[arg(default_value = "")]
        part: String,
        /// How many at most, to 10000.
        #[arg(long, default_value_t = 100)]
        most: usize,
    },
    /// Let a client through from now on.
    Allow {
        /// Address, which stands for its /24 or /64; network, if that is what the profile aggregates to; or
        /// the domain for which SPF lets the client send, where clients are known by it.
        #[arg(value_name = "CLIENT")]
        client: String,
        /// How long, as 30s, 10m, 1h or 7d [default: for ever].
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        ttl: Option<Duration>,
    },
    /// Forget a client with all its triplets, or one entry.
    Remove {
        /// Client, or the key of an entry as `greylist list` has it.
        #[arg(value_name = "CLIENT")]
        what: String,
    },
}

fn time(text: &str) -> Result<Duration, String> {
    config::time(
        text,
        Duration::from_secs(1)..=Duration::from_hours(3650 * 24),
    )
}

pub(super) fn greylist(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::List { part, most } => {
            let query = GreylistQuery { part, most };
            let list = ask(
                socket,
                |client| async move { client.greylist(&query).await },
            )?;
            out.show(&list, entries_text)
        }
        Command::Allow { client, ttl } => {
            let request = GreylistAllow {
                client,
                ttl_seconds: ttl.map(|ttl| ttl.as_secs().max(1)),
            };
            let done = ask(socket, |client| async move {
                client.greylist_allow(&request).await
            })?;
            out.show(&done, entries_text)
        }
        Command::Remove { what } => {
            let request = GreylistRemove { what };
            let done = ask(socket, |client| async move {
                client.greylist_remove(&request).await
            })?;
            out.show(&done, |done: &GreylistRemoved| {
                format!("{} entries removed\n", done.removed)
            })
        }
    }
}

fn entries_text(list: &GreylistEntries) -> String {
    let headings = [
        "CLIENT",
        "SENDER",
        "RECIPIENT",
        "STATE",
        "FIRST",
        "LAST",
        "EXPIRES",
        "#PASSES",
        "KEY",
    ];
    let rows = list.entries.iter().map(|it| {
        let parties = it.triplet.as_ref();
        let (state, passes) = match it.state {
            GreylistState::Waits => ("waits", it.passes.to_string()),
            GreylistState::Passed => ("passed", it.passes.to_string()),
            GreylistState::Known => ("known", it.passes.to_string()),
            GreylistState::Trusted => ("trusted", it.passes.to_string()),
            GreylistState::Allowed => ("allowed", String::new()),
        };
        let expires = if it.expires >= u64::from(u32::MAX) {
            "never".to_owned()
        } else {
            moment(it.expires)
        };
        vec![
            it.client.clone(),
            parties.map_or_else(String::new, |it| format!("<{}>", it.sender)),
            parties.map_or_else(String::new, |it| format!("<{}>", it.recipient)),
            state.to_owned(),
            moment(it.first),
            moment(it.last),
            expires,
            passes,
            it.key.clone(),
        ]
    });
    table(&headings, rows)
}
