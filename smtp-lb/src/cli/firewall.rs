//! `smtp-lb firewall …`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::client::ask;
use super::error::CliError;
use super::output::{Output, moment, table};
use super::status::{event_counts, syn_protection};
use super::{capture, change, escape, explain, replay, top};
use crate::admin::api::{Counters, FirewallList, RuleList, StagedList};
use crate::firewall::{self, DetachReport};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List contexts, policies and rules, with what each rule has hit.
    List,
    /// Show the counters: packets by verdict and by rule, and what became of events.
    Counters {
        /// Read the pinned maps themselves; works with the daemon stopped, too.
        #[arg(long, value_name = "PATH")]
        pin_path: Option<PathBuf>,
    },
    /// Run a made-up packet through the filter and tell which rule decides, and why.
    Explain(explain::Args),
    /// Put the firewall of another file in force, after a look at what it changes.
    ///
    /// The differences are shown first. All rules change at once; counters of rules that stay go on.
    /// A whole configuration file may differ from what runs in its firewall only; a file of nothing
    /// but [firewall] tables takes the rest from what runs. The configuration file is not touched:
    /// the next reload or restart takes it again.
    Apply(change::Args),
    /// Show what staged policies would have decided otherwise, rule by rule.
    Staged,
    /// Put the staged policy of a context in force, in the way of `apply`.
    ///
    /// The configuration file is not touched: it is told what it must say for the next reload or restart.
    Promote(change::Promote),
    /// Keep an applied firewall that waits for its confirmation.
    Confirm,
    /// Take back an applied firewall that waits for its confirmation.
    Rollback,
    /// Tell what the firewall would do with recorded packets. Works without the daemon.
    ///
    /// Connections of the host are not part of a capture: of a packet that would pass if it answered
    /// one, that is said. Sources count as listed by no reputation feed.
    Replay(replay::Args),
    /// Write packets with their verdict to a file, the verdict as each packet's comment.
    Capture(capture::Args),
    /// Show rates of verdicts and rules, until interrupted.
    Top(top::Args),
    /// Detach the filter from all interfaces and remove what is pinned; nothing is filtered then.
    Detach {
        /// Folder of the pinned programs, links and maps.
        #[arg(long, value_name = "PATH", default_value = "/sys/fs/bpf/smtp-lb")]
        pin_path: PathBuf,
    },
}

pub(super) fn firewall(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::List => {
            let list = ask(socket, |client| async move { client.firewall().await })?;
            out.show(&list, list_text)
        }
        Command::Counters { pin_path: None } => {
            let counters = ask(socket, |client| async move { client.counters().await })?;
            out.show(&counters, counters_text)
        }
        Command::Counters {
            pin_path: Some(path),
        } => {
            let counters = firewall::pinned_counters(&path)?;
            out.show(&counters, counters_text)
        }
        Command::Explain(args) => {
            let request = args.request()?;
            let explanation = ask(
                socket,
                |client| async move { client.explain(&request).await },
            )?;
            out.show(&explanation, explain::text)
        }
        Command::Apply(args) => change::apply(&args, socket, out),
        Command::Staged => {
            let list = ask(socket, |client| async move { client.staged().await })?;
            out.show(&list, staged_text)
        }
        Command::Promote(args) => change::promote(&args, socket, out),
        Command::Confirm => change::confirm(socket, out),
        Command::Rollback => change::rollback(socket, out),
        Command::Replay(args) => replay::replay(&args, out),
        Command::Capture(args) => capture::capture(&args, socket, out),
        Command::Top(args) => top::top(&args, socket, out),
        Command::Detach { pin_path } => {
            let report = firewall::detach(&pin_path)?;
            out.show(&report, detach_text)
        }
    }
}

fn list_text(list: &FirewallList) -> String {
    let headings = [
        "CONTEXT", "POLICY", "RULE", "STATE", "ACTION", "LOG", "#PACKETS", "#BYTES", "LAST HIT",
        "MATCHES",
    ];
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let rows = list.contexts.iter().flat_map(|context| {
        context.rules.iter().map(move |rule| {
            vec![
                context.context.clone(),
                context.policy.clone().unwrap_or_default(),
                rule.rule.clone(),
                state(rule),
                rule.action.clone(),
                if rule.log { "yes" } else { "no" }.to_owned(),
                count(rule.packets),
                count(rule.bytes),
                rule.last_hit.map_or_else(String::new, moment),
                rule.matches.clone(),
            ]
        })
    });
    let protection = match syn_protection(&list.syn_protection).as_str() {
        "" => String::new(),
        table => format!("\n{table}"),
    };
    format!(
        "firewall mode {}\n{}\n{}{protection}",
        escape::line(&list.mode),
        change::status_text(list.applied.as_ref()),
        table(&headings, rows)
    )
}

fn staged_text(list: &StagedList) -> String {
    if list.contexts.is_empty() {
        return "no policy is staged\n".to_owned();
    }
    let headings = [
        "CONTEXT",
        "ENFORCED",
        "STAGED",
        "RULE",
        "ACTION",
        "#SAME",
        "#OTHERWISE",
        "LAST OTHERWISE",
        "MATCHES",
    ];
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let rows = list.contexts.iter().flat_map(|context| {
        context.rules.iter().map(move |rule| {
            vec![
                context.context.clone(),
                context.enforced.clone().unwrap_or_default(),
                context.staged.clone(),
                rule.rule.clone(),
                rule.action.clone(),
                count(rule.same),
                count(rule.otherwise),
                rule.last_otherwise.map_or_else(String::new, moment),
                rule.matches.clone(),
            ]
        })
    });
    table(&headings, rows)
}

fn state(rule: &RuleList) -> String {
    match (&rule.schedule, rule.enabled, rule.in_force) {
        (_, false, _) => "disabled".to_owned(),
        (None, true, _) => "enabled".to_owned(),
        (Some(schedule), true, true) => format!("on by {schedule}"),
        (Some(schedule), true, false) => format!("off by {schedule}"),
    }
}

fn counters_text(counters: &Counters) -> String {
    let verdicts = [
        ("accept", counters.accepted),
        ("drop", counters.dropped),
        ("reject", counters.rejected),
        ("received", counters.received),
    ];
    let verdicts = verdicts.iter().map(|(verdict, count)| {
        vec![
            (*verdict).to_owned(),
            count.packets.to_string(),
            count.bytes.to_string(),
        ]
    });
    let rows = counters.rows.iter().map(|row| {
        vec![
            row.label.context.clone(),
            row.label.policy.clone(),
            row.label.rule.clone(),
            row.label.verdict.as_str().to_owned(),
            row.count.packets.to_string(),
            row.count.bytes.to_string(),
        ]
    });
    format!(
        "{}\n{}\n{}",
        table(&["VERDICT", "#PACKETS", "#BYTES"], verdicts),
        table(
            &["CONTEXT", "POLICY", "RULE", "VERDICT", "#PACKETS", "#BYTES"],
            rows
        ),
        event_counts(counters.events),
    )
}

fn detach_text(report: &DetachReport) -> String {
    if report.interfaces.is_empty() && report.maps == 0 {
        return "nothing was attached\n".to_owned();
    }
    let interfaces = report.interfaces.join(", ");
    let interfaces = if interfaces.is_empty() {
        "no interface"
    } else {
        &interfaces
    };
    let mut text = format!(
        "detached from {}, {} maps removed\n",
        escape::line(interfaces),
        report.maps
    );
    if let Some(former) = report.tcp_syncookies {
        let _ = writeln!(text, "net.ipv4.tcp_syncookies is {former} again");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {}", escape::line(warning));
    }
    text
}
