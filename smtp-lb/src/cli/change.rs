//! `smtp-lb firewall apply`, `promote`, `confirm` and `rollback`.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, duration, moment};
use crate::admin::api::{
    self, AppliedStatus, Change, FirewallApplied, FirewallApply, FirewallCompared, FirewallDiff,
    FirewallFile, FirewallSettled, PolicyChange, Promotion, RuleChange, StagedList,
};
use crate::config::{self, MAX_FILE};
use crate::firewall::VIRTUAL_SERVER;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A configuration file, or one with nothing but its [firewall] tables; `-` reads it from
    /// standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct Promote {
    /// `global`, `host`, or the name of a virtual server.
    #[arg(value_name = "CONTEXT")]
    context: String,
    #[command(flatten)]
    how: How,
}

/// How a change is put in force.
#[derive(Debug, clap::Args)]
struct How {
    /// Show what would change, and stop there.
    #[arg(long)]
    dry_run: bool,
    /// Apply without asking.
    #[arg(short, long)]
    yes: bool,
    /// Roll back unless `smtp-lb firewall confirm` comes in this time, as `60s` or `5m`; from 1s
    /// to 1d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    confirm_within: Option<Duration>,
}

fn time(text: &str) -> Result<Duration, String> {
    config::time(text, Duration::from_secs(1)..=Duration::from_hours(24))
}

/// What `apply` prints as JSON.
#[derive(Serialize)]
struct Told<'a> {
    diff: &'a FirewallDiff,
    warnings: &'a [String],
    /// `None`: nothing was put in force.
    applied: Option<&'a AppliedStatus>,
    /// What to write there, so that a promotion stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_file: Option<&'a FileEdit>,
}

/// What is put in force.
enum Wanted {
    File(FirewallFile),
    /// The staged policy of a context, and what the configuration file must say of it.
    Promotion(String, FileEdit),
}

pub(super) fn apply(args: &Args, socket: &Path, out: Output) -> Result<(), CliError> {
    put(&Wanted::File(read(&args.file)?), &args.how, socket, out)
}

pub(super) fn promote(args: &Promote, socket: &Path, out: Output) -> Result<(), CliError> {
    let list = ask(socket, |client| async move { client.staged().await })?;
    let context = args.context.clone();
    let edit = FileEdit::of(&list, &context);
    put(&Wanted::Promotion(context, edit), &args.how, socket, out)
}

/// What the configuration file must say so that the next reload or restart keeps a promotion: the file is an
/// operator's, and not written.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct FileEdit {
    /// `firewall`, or `virtual_server` and the name.
    table: String,
    /// Key of the policy in force,
    key: &'static str,
    /// and its new value.
    value: String,
    /// Key that goes.
    remove: &'static str,
}

impl FileEdit {
    fn of(list: &StagedList, context: &str) -> Self {
        let (table, key, remove) = match context {
            "global" => ("firewall", "global_policy", "staged_global_policy"),
            "host" => ("firewall", "host_policy", "staged_host_policy"),
            _ => ("virtual_server", "firewall_policy", "staged_policy"),
        };
        let server = context.strip_prefix(VIRTUAL_SERVER).unwrap_or(context);
        let mut contexts = list.contexts.iter();
        let found = contexts.find(|it| match table {
            "firewall" => it.context == context,
            _ => it.context.strip_prefix(VIRTUAL_SERVER) == Some(server),
        });
        Self {
            table: match table {
                "firewall" => table.to_owned(),
                _ => format!("{table} {server}"),
            },
            key,
            // The daemon refuses what is not staged.
            value: found.map_or(String::new(), |it| it.staged.clone()),
            remove,
        }
    }

    fn text(&self) -> String {
        let Self {
            table,
            key,
            value,
            remove,
        } = self;
        let (table, value) = (escape::line(table), escape::line(value));
        format!(
            "the configuration file still says otherwise: in its {table} write `{key} = \"{value}\"` and take \
             `{remove}` out, else the next reload or restart takes the former policy again\n"
        )
    }
}

fn put(wanted: &Wanted, how: &How, socket: &Path, out: Output) -> Result<(), CliError> {
    let compared = match wanted {
        Wanted::File(file) => ask(socket, |client| async move { client.compare(file).await }),
        Wanted::Promotion(context, _) => {
            let context = context.clone();
            ask(socket, |client| async move {
                client.promotion(&Promotion { context }).await
            })
        }
    }?;
    let nothing = compared.diff.is_empty();
    if !out.is_json() {
        Output::print(&compared_text(&compared))?;
    }
    let edit = match wanted {
        Wanted::File(_) => None,
        Wanted::Promotion(_, edit) => Some(edit),
    };
    if how.dry_run || nothing {
        let told = Told {
            diff: &compared.diff,
            warnings: &compared.warnings,
            applied: None,
            configuration_file: edit,
        };
        let end = if nothing { "nothing to apply\n" } else { "" };
        return out.show(&told, |_| end.to_owned());
    }
    if !how.yes && !agreed()? {
        return Err(CliError::NotAgreed);
    }
    // What was looked at, and nothing else.
    let revision = Some(compared.revision);
    // Whole seconds suffice; a part of one counts whole.
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let confirm_within = how.confirm_within.map(seconds);
    let applied = match wanted {
        Wanted::File(file) => {
            let request = FirewallApply {
                file: file.clone(),
                revision,
                confirm_within,
            };
            ask(socket, |client| async move { client.apply(&request).await })
        }
        Wanted::Promotion(context, _) => {
            let request = api::Promote {
                context: context.clone(),
                revision,
                confirm_within,
            };
            ask(
                socket,
                |client| async move { client.promote(&request).await },
            )
        }
    }?;
    let told = Told {
        diff: &applied.diff,
        warnings: &applied.warnings,
        applied: Some(&applied.applied),
        configuration_file: edit,
    };
    let edit = edit.map_or(String::new(), FileEdit::text);
    out.show(&told, |_| applied_text(&applied) + &edit)
}

pub(super) fn confirm(socket: &Path, out: Output) -> Result<(), CliError> {
    let settled = ask(socket, |client| async move { client.confirm().await })?;
    out.show(&settled, |settled| {
        format!(
            "confirmed: {} stays in force until the next reload or restart\n",
            escape::line(&settled.file)
        )
    })
}

pub(super) fn rollback(socket: &Path, out: Output) -> Result<(), CliError> {
    let settled = ask(socket, |client| async move { client.roll_back().await })?;
    out.show(&settled, rolled_back_text)
}

fn rolled_back_text(settled: &FirewallSettled) -> String {
    let now = match &settled.applied {
        Some(applied) => escape::line(&applied.file).into_owned(),
        None => "the configuration file's firewall".to_owned(),
    };
    format!(
        "rolled back: {} is no longer in force, {now} is\n",
        escape::line(&settled.file)
    )
}

/// The file, or standard input.
fn read(path: &Path) -> Result<FirewallFile, CliError> {
    if path.as_os_str() != "-" {
        return Ok(FirewallFile {
            name: path.to_string_lossy().into_owned(),
            text: config::read_text(path)?,
        });
    }
    let mut text = String::new();
    io::stdin()
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .map_err(CliError::Input)?;
    if text.len() as u64 > MAX_FILE {
        return Err(CliError::Usage("standard input is larger than 16 MiB"));
    }
    let name = "standard input".to_owned();
    Ok(FirewallFile { name, text })
}

/// Asks on the terminal. Where there is none, nobody can be asked.
fn agreed() -> Result<bool, CliError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CliError::Usage(
            "there is no terminal to ask on; --yes applies without asking",
        ));
    }
    // Not to standard output, which may be JSON.
    let mut terminal = io::stderr();
    write!(terminal, "Apply these changes? [y/N] ")
        .and_then(|()| terminal.flush())
        .map_err(CliError::Output)?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(16)
        .read_line(&mut answer)
        .map_err(CliError::Input)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn compared_text(compared: &FirewallCompared) -> String {
    let mut text = String::new();
    for warning in &compared.warnings {
        let _ = writeln!(text, "warning: {}", escape::line(warning));
    }
    text + &diff_text(&compared.diff)
}

fn applied_text(applied: &FirewallApplied) -> String {
    let file = escape::line(&applied.applied.file).into_owned();
    match applied.applied.confirm_within {
        None => format!("applied: {file} is in force until the next reload or restart\n"),
        Some(seconds) => format!(
            "applied: {file} is in force, and rolled back in {} unless `smtp-lb firewall confirm` \
             comes before\n",
            duration(seconds)
        ),
    }
}

/// One line in `status` and `firewall list`.
pub(super) fn status_text(applied: Option<&AppliedStatus>) -> String {
    let Some(applied) = applied else {
        return String::new();
    };
    let end = match applied.confirm_within {
        None => "the next reload or restart takes the configuration file".to_owned(),
        Some(seconds) => format!(
            "rolled back in {} unless `smtp-lb firewall confirm` comes before",
            duration(seconds)
        ),
    };
    format!(
        "firewall of {} in force since {}: {end}\n",
        escape::line(&applied.file),
        moment(applied.since)
    )
}

/// `+`, `-`, `~` and `>` for what is added, removed, changed and moved.
fn diff_text(diff: &FirewallDiff) -> String {
    let mut text = String::new();
    for change in &diff.settings {
        let line = format!(
            "~ {}: {} -> {}",
            change.setting, change.before, change.after
        );
        let _ = writeln!(text, "{}", escape::line(&line));
    }
    for policy in &diff.policies {
        let _ = writeln!(text, "{}", escape::line(&policy_line(policy)));
        for rule in &policy.rules {
            for line in rule_lines(rule) {
                let _ = writeln!(text, "  {}", escape::line(&line));
            }
        }
    }
    text
}

const fn mark(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
        Change::Moved => '>',
    }
}

fn policy_line(policy: &PolicyChange) -> String {
    let contexts = if policy.contexts.is_empty() {
        "no context".to_owned()
    } else {
        policy.contexts.join(", ")
    };
    format!(
        "{} policy {} (in {contexts})",
        mark(policy.change),
        policy.policy
    )
}

fn rule_lines(rule: &RuleChange) -> Vec<String> {
    let mark = mark(rule.change);
    let head = format!("{mark} rule {}", rule.rule);
    let words = |text: &Option<String>| text.clone().unwrap_or_default();
    let place = |place: Option<usize>| place.map_or_else(String::new, |place| place.to_string());
    let mut lines = match rule.change {
        Change::Added => vec![format!(
            "{head}, at {}: {}",
            place(rule.place_after),
            words(&rule.after)
        )],
        Change::Removed => vec![format!("{head}: {}", words(&rule.before))],
        Change::Moved => vec![format!(
            "{head}: from {} to {}",
            place(rule.place_before),
            place(rule.place_after)
        )],
        Change::Changed => vec![
            head,
            format!("    was: {}", words(&rule.before)),
            format!("    is:  {}", words(&rule.after)),
        ],
    };
    if !rule.sources.is_empty() {
        lines.push(format!("    sources: {}", rule.sources.join(" ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{diff_text, status_text};
    use crate::admin::api::{
        AppliedStatus, Change, FirewallDiff, PolicyChange, RuleChange, SettingChange,
    };

    fn rule(name: &str, change: Change, before: Option<&str>, after: Option<&str>) -> RuleChange {
        RuleChange {
            rule: name.into(),
            change,
            place_before: before.map(|_| 1),
            place_after: after.map(|_| 2),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            sources: vec![],
        }
    }

    #[test]
    fn differences_are_marked_and_safe_to_print() {
        let diff = FirewallDiff {
            settings: vec![SettingChange {
                setting: "mode".into(),
                before: "adc".into(),
                after: "firewall".into(),
            }],
            policies: vec![PolicyChange {
                policy: "edge".into(),
                change: Change::Changed,
                contexts: vec!["host".into()],
                rules: vec![
                    rule("new", Change::Added, None, Some("drop any")),
                    rule(
                        "turned",
                        Change::Changed,
                        Some("drop any"),
                        Some("accept any"),
                    ),
                    rule("moved", Change::Moved, Some("drop any"), Some("drop any")),
                    rule("evil\u{1b}[2J", Change::Removed, Some("drop any"), None),
                ],
            }],
        };
        assert_eq!(
            diff_text(&diff),
            "~ mode: adc -> firewall\n\
             ~ policy edge (in host)\n\
             \u{20} + rule new, at 2: drop any\n\
             \u{20} ~ rule turned\n\
             \u{20}     was: drop any\n\
             \u{20}     is:  accept any\n\
             \u{20} > rule moved: from 1 to 2\n\
             \u{20} - rule evil\\u{1b}[2J: drop any\n"
        );
        assert_eq!(diff_text(&FirewallDiff::default()), "");
    }

    #[test]
    fn status_says_until_when() {
        let mut applied = AppliedStatus {
            file: "new.toml".into(),
            since: 0,
            confirm_within: Some(59),
        };
        assert!(status_text(Some(&applied)).contains("rolled back in 59s"));
        applied.confirm_within = None;
        assert!(status_text(Some(&applied)).contains("takes the configuration file"));
        assert_eq!(status_text(None), "");
    }
}
