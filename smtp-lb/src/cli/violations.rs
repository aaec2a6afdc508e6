//! `smtp-lb violations …`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, moment, table};
use crate::admin::api::{
    KeptViolation, ViolationFilter, ViolationList, ViolationQuery, ViolationStats,
};
use crate::config;
use crate::security::Check;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what checks of SMTP security profiles found, the newest first.
    ///
    /// What alarm is set for: 500 to a profile, or what it sets. Where hosts share a store, those of all.
    List(List),
    /// Show all that is known of one.
    Show {
        /// As `violations list` has it.
        id: String,
    },
    /// Print how many there were since the start, by check and virtual server, and by domain.
    Stats {
        /// How many domains.
        #[arg(long, default_value_t = 20)]
        domains: usize,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Of this SMTP security profile.
    #[arg(long)]
    profile: Option<String>,
    /// Of this virtual server.
    #[arg(long, value_name = "NAME")]
    virtual_server: Option<String>,
    /// Of this check, as the configuration calls it.
    #[arg(long)]
    check: Option<Check>,
    /// That passed (alarm), or were refused (block).
    #[arg(long, value_parser = ["alarm", "block"])]
    action: Option<String>,
    /// Of clients of this address or network.
    #[arg(long, value_name = "ADDRESS/NET", value_parser = network)]
    client: Option<IpNet>,
    /// From or to this domain or address.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Of this session, as its own events call it.
    #[arg(long)]
    session: Option<String>,
    /// Of the last while, as 30s, 10m, 1h or 7d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    last: Option<Duration>,
    /// How many at most, to 10000.
    #[arg(long, default_value_t = 100)]
    most: usize,
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()))
        .map_err(|_| "write an address or a network, as 192.0.2.0/24".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    config::time(
        text,
        Duration::from_secs(1)..=Duration::from_hours(365 * 24),
    )
}

pub(super) fn violations(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::List(list) => {
            let query = query(list);
            let list = ask(
                socket,
                |client| async move { client.violations(&query).await },
            )?;
            out.show(&list, list_text)
        }
        Command::Show { id } => {
            let query = ViolationQuery {
                filter: ViolationFilter {
                    id: Some(id.clone()),
                    ..ViolationFilter::default()
                },
                most: 1,
            };
            let list = ask(
                socket,
                |client| async move { client.violations(&query).await },
            )?;
            match list.violations.first() {
                Some(kept) => out.show(&**kept, one),
                None => Err(CliError::NoViolation(id)),
            }
        }
        Command::Stats { domains } => {
            let mut stats = ask(
                socket,
                |client| async move { client.violation_stats().await },
            )?;
            stats.domains.truncate(domains);
            out.show(&stats, stats_text)
        }
    }
}

fn query(list: List) -> ViolationQuery {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = |last: Duration| now.unwrap_or_default().saturating_sub(last).as_secs();
    ViolationQuery {
        filter: ViolationFilter {
            profile: list.profile,
            virtual_server: list.virtual_server,
            check: list.check,
            action: list.action,
            client: list.client,
            domain: list.domain,
            session: list.session,
            id: None,
            since: list.last.map(since),
        },
        most: list.most,
    }
}

fn list_text(list: &ViolationList) -> String {
    let headings = [
        "ID",
        "TIME",
        "PROFILE",
        "VIRTUAL SERVER",
        "CHECK",
        "ACTION",
        "CLIENT",
        "FROM",
        "TO",
        "REASON",
    ];
    let rows = list.violations.iter().map(|kept| {
        let it = &kept.violation;
        vec![
            kept.id.clone(),
            moment(it.time_ns / 1_000_000_000),
            it.profile.to_string(),
            it.virtual_server.to_string(),
            it.check.to_string(),
            it.reaction.action().to_owned(),
            it.client.ip().to_canonical().to_string(),
            it.sender.clone(),
            it.recipient.clone(),
            it.reason.clone(),
        ]
    });
    let mut text = table(&headings, rows);
    if let Some(problem) = &list.problem {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "those of other hosts are not here: {}",
            escape::line(problem)
        );
    }
    text
}

fn one(kept: &KeptViolation) -> String {
    let it = &kept.violation;
    let mut text = String::new();
    for (name, value) in [
        ("id", kept.id.as_str()),
        ("time", &moment(it.time_ns / 1_000_000_000)),
        ("host", &kept.host),
        ("profile", &it.profile),
        ("virtual server", &it.virtual_server),
        ("check", it.check.name()),
        ("action", it.reaction.action()),
        ("client", &it.client.to_string()),
        ("helo", &it.helo),
        ("from", &it.sender),
        ("to", &it.recipient),
        ("reason", &it.reason),
        ("reply", &it.reply),
        ("session", &it.session),
        ("message-id", &it.message_id),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name}: {}", escape::line(value));
        }
    }
    text
}

fn stats_text(stats: &ViolationStats) -> String {
    let checks = stats.checks.iter().map(|it| {
        vec![
            it.profile.to_string(),
            it.virtual_server.to_string(),
            it.check.to_string(),
            it.counted.alarmed.to_string(),
            it.counted.blocked.to_string(),
        ]
    });
    let headings = ["PROFILE", "VIRTUAL SERVER", "CHECK", "#ALARMED", "#BLOCKED"];
    let mut text = table(&headings, checks);
    let domains = stats.domains.iter().map(|it| {
        vec![
            it.domain.to_string(),
            it.check.to_string(),
            it.counted.alarmed.to_string(),
            it.counted.blocked.to_string(),
        ]
    });
    let domains = table(&["DOMAIN", "CHECK", "#ALARMED", "#BLOCKED"], domains);
    if !domains.is_empty() {
        text = format!("{text}\n{domains}");
    }
    if stats.unshared > 0 {
        let _ = writeln!(text, "\n{} were not seen by other hosts", stats.unshared);
    }
    text
}
