//! `smtp-lb member …`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, moment};
use crate::admin::api::{MemberOrder, MemberSet};
use crate::config;

/// Bounds of a drain's deadline; the daemon has the same.
const WITHIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(7 * 24);

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Name of the member, or POOL/MEMBER where several pools have one of that name.
    member: String,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let a member get sessions, while it is not down.
    Enable(Named),
    /// Give a member no new sessions; those that it has end by themselves.
    ///
    /// This, as all that is said of members here, is kept over reloads and restarts.
    Disable(Named),
    /// Give a member no new sessions, and end those that it has at once.
    ///
    /// Relayed sessions are cut. Where SMTP is read, clients are told 421 or 451, and sessions that
    /// can go on with another member do.
    Offline(Named),
    /// Give a member no new sessions, and end those that it has between two messages.
    ///
    /// Where SMTP is read, the next message goes to another member, and a session that is bound to
    /// this one is told 421 after its message. Relayed sessions go on until they end or the deadline
    /// comes; then they are cut.
    Drain {
        #[command(flatten)]
        named: Named,
        /// Deadline, from now, as 60s, 5m or 1h [default: none].
        #[arg(long, value_name = "DURATION", value_parser = within)]
        within: Option<Duration>,
    },
}

fn within(text: &str) -> Result<Duration, String> {
    config::time(text, WITHIN)
}

pub(super) fn member(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    let (named, state, within) = match command {
        Command::Enable(named) => (named, "enabled", None),
        Command::Disable(named) => (named, "disabled", None),
        Command::Offline(named) => (named, "offline", None),
        Command::Drain { named, within } => (named, "draining", within),
    };
    let request = MemberOrder {
        member: named.member,
        state: state.to_owned(),
        within_seconds: within.map(|within| within.as_secs()),
    };
    let set = ask(
        socket,
        |client| async move { client.set_member(&request).await },
    )?;
    out.show(&set, text)
}

fn text(set: &MemberSet) -> String {
    let mut text = String::new();
    if set.changed.is_empty() {
        text.push_str("noted for a host of which no address is known yet\n");
    }
    for change in &set.changed {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{}/{} at {} is {}",
            escape::line(&change.pool),
            escape::line(&change.member),
            escape::line(&change.address),
            escape::line(&change.now),
        );
        if let Some(until) = change.drain_until {
            let _ = write!(text, " until {}", moment(until));
        }
        let _ = writeln!(
            text,
            " (before: {}), {} sessions",
            escape::line(&change.before),
            change.active
        );
    }
    if let Some(why) = &set.not_kept {
        let _ = writeln!(
            text,
            "warning: this does not survive a restart: {}",
            escape::line(why)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::MemberChange;

    #[test]
    fn what_was_done_is_said_and_what_is_not_kept_too() {
        let set = MemberSet {
            changed: vec![MemberChange {
                pool: "mail".into(),
                member: "mx1\u{1b}".into(),
                address: "192.0.2.1:25".into(),
                before: "enabled".into(),
                now: "draining".into(),
                drain_until: Some(1_700_000_000),
                active: 3,
            }],
            kept: false,
            not_kept: Some("no folder".into()),
        };
        assert_eq!(
            text(&set),
            "mail/mx1\\u{1b} at 192.0.2.1:25 is draining until 2023-11-14T22:13:20Z (before: enabled), \
             3 sessions\nwarning: this does not survive a restart: no folder\n"
        );
    }

    #[test]
    fn deadlines_have_a_unit_and_bounds() {
        assert_eq!(within("60s"), Ok(Duration::from_mins(1)));
        for wrong in ["60", "0s", "8d", "999ms", "soon"] {
            assert!(within(wrong).is_err(), "{wrong}");
        }
    }
}
