//! `smtp-lb pool …`.

use std::fmt::Write as _;
use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, moment, table};
use crate::admin::api::{
    MemberStatus, NameStatus, PoolEvents, PoolEventsRequest, PoolList, PoolStatus,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List pools: how they balance, how many members may get sessions, and who waits.
    List,
    /// Show a pool: its limits, its queue, and its members with what health and operators say of them.
    Show {
        /// Name of the pool [default: all].
        pool: Option<String>,
    },
    /// Print the last changes of members since the start: health, operators, addresses.
    Events {
        /// Name of the pool [default: all].
        pool: Option<String>,
    },
}

pub(super) fn pool(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::List => {
            let list = ask(socket, |client| async move { client.pools().await })?;
            out.show(&list, |list| pools(&list.pools))
        }
        Command::Show { pool } => {
            let mut list = ask(socket, |client| async move { client.pools().await })?;
            if let Some(name) = pool {
                list.pools.retain(|pool| pool.name == name);
                list.names.retain(|host| host.pools.contains(&name));
                if list.pools.is_empty() {
                    return Err(CliError::NoPool(name));
                }
            }
            out.show(&list, show)
        }
        Command::Events { pool } => {
            let request = PoolEventsRequest { pool };
            let events = ask(socket, |client| async move {
                client.pool_events(&request).await
            })?;
            out.show(&events, events_text)
        }
    }
}

/// One row to a pool.
pub(super) fn pools(pools: &[PoolStatus]) -> String {
    let headings = [
        "POOL", "BALANCE", "#MEMBERS", "#UP", "#ENABLED", "#ACTIVE", "#WAITING", "#QUEUED",
        "#REFUSED",
    ];
    table(
        &headings,
        pools.iter().map(|pool| {
            let members = || pool.members.iter().filter(|member| !member.gone);
            let up = members().filter(|member| member.state == "up");
            let enabled = members().filter(|member| member.administration == "enabled");
            let active: u64 = pool.members.iter().map(|member| member.active).sum();
            vec![
                pool.name.clone(),
                pool.balance.clone(),
                members().count().to_string(),
                up.count().to_string(),
                enabled.count().to_string(),
                active.to_string(),
                pool.waiting.to_string(),
                pool.queued.to_string(),
                pool.refused.to_string(),
            ]
        }),
    )
}

/// As `status` and `pool show` have it.
pub(super) fn administration(member: &MemberStatus) -> String {
    let state = if member.gone {
        "removed"
    } else {
        member.administration.as_str()
    };
    match member.drain_until {
        Some(until) if state == "draining" => format!("{state} until {}", moment(until)),
        _ => state.to_owned(),
    }
}

fn show(list: &PoolList) -> String {
    let mut shown: Vec<String> = list.pools.iter().map(one).collect();
    if !list.names.is_empty() {
        shown.push(names(&list.names));
    }
    shown.join("\n")
}

fn names(names: &[NameStatus]) -> String {
    let headings = [
        "HOST",
        "POOLS",
        "#ADDRESSES",
        "#ASKED AGAIN IN S",
        "#FAILURES",
        "LAST FAILURE",
    ];
    table(
        &headings,
        names.iter().map(|name| {
            vec![
                name.host.clone(),
                name.pools.join(","),
                name.addresses.len().to_string(),
                name.again_seconds.to_string(),
                name.failures.to_string(),
                name.failure.clone().unwrap_or_default(),
            ]
        }),
    )
}

fn one(pool: &PoolStatus) -> String {
    let bound = |bound: Option<u64>| bound.map_or_else(|| "none".to_owned(), |it| it.to_string());
    let mut text = format!(
        "pool {}: balance {}, min_active {}\n",
        escape::line(&pool.name),
        escape::line(&pool.balance),
        pool.min_active,
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "limits: connections {}, connection_rate {}",
        bound(pool.limit),
        bound(pool.rate.map(u64::from)),
    );
    let _ = match (pool.queue_length, pool.queue_wait_millis) {
        (Some(length), Some(wait)) => writeln!(
            text,
            "queue: {} of {length} wait, each for at most {wait} ms; {} have waited, {} were refused",
            pool.waiting, pool.queued, pool.refused
        ),
        _ => writeln!(text, "queue: none; {} sessions were refused", pool.refused),
    };
    text += &members(&pool.members);
    if pool
        .members
        .iter()
        .any(|member| !member.monitors.is_empty())
    {
        text = text + "\n" + &monitors(&pool.members);
    }
    text
}

/// A row to each monitor of each member.
fn monitors(members: &[MemberStatus]) -> String {
    let headings = [
        "MEMBER",
        "MONITOR",
        "STATE",
        "SINCE",
        "#PROBES",
        "#FAILED",
        "LAST RESULT",
    ];
    let rows = members.iter().flat_map(|member| {
        member.monitors.iter().map(|monitor| {
            let held = if monitor.held { ", held" } else { "" };
            vec![
                member.name.clone(),
                monitor.monitor.clone(),
                format!("{}{held}", monitor.state),
                monitor.since.clone(),
                monitor.probes.to_string(),
                monitor.failures.to_string(),
                monitor.last_result.clone().unwrap_or_default(),
            ]
        })
    });
    table(&headings, rows)
}

fn members(members: &[MemberStatus]) -> String {
    let headings = [
        "MEMBER",
        "ADDRESS",
        "HEALTH",
        "SINCE",
        "OPERATOR",
        "#PRIORITY",
        "#RATIO",
        "#RAMP %",
        "#LIMIT",
        "#RATE",
        "#ACTIVE",
        "#CONNECTED",
        "#TOTAL",
        "#CONNECT FAILED",
        "#REFUSED US",
        "#FAULTS",
        "REASON",
    ];
    table(
        &headings,
        members.iter().map(|member| {
            vec![
                member.name.clone(),
                member.address.clone(),
                member.state.clone(),
                moment(member.since),
                administration(member),
                member.priority.to_string(),
                member.ratio.to_string(),
                member.ramp.to_string(),
                member.limit.map(|it| it.to_string()).unwrap_or_default(),
                member.rate.map(|it| it.to_string()).unwrap_or_default(),
                member.active.to_string(),
                member.connections.to_string(),
                member.total.to_string(),
                member.connect_failures.to_string(),
                member.refused_greetings.to_string(),
                member.faults.to_string(),
                member.reason.clone(),
            ]
        }),
    )
}

fn events_text(events: &PoolEvents) -> String {
    table(
        &[
            "TIME", "POOL", "MEMBER", "CHANGE", "MONITOR", "BY", "REASON",
        ],
        events.events.iter().map(|event| {
            vec![
                event.time.clone(),
                event.pool.clone(),
                event.member.clone(),
                event.change.clone(),
                event.monitor.clone(),
                event.by.clone(),
                event.reason.clone(),
            ]
        }),
    )
}
