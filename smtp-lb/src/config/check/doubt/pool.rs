//! Keys of pools that nothing makes use of.

use crate::config::check::Check;
use crate::config::diagnostic::quote;
use crate::config::plan::{Balance, Mode, Plan, PoolPlan, WhenDown};
use crate::config::raw;

pub(super) fn warn(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    // A plan has all pools and virtual servers of the file, in its order.
    for (raw, pool) in raw.pool.iter().zip(&plan.pools) {
        ratio(check, raw, pool);
        priority(check, raw, pool);
        queue(check, raw, pool);
    }
    let servers = plan.virtual_servers.iter().zip(&raw.virtual_server);
    for (server, raw_server) in servers.filter(|(server, _)| server.mode == Mode::Passthrough) {
        let pool = raw.pool.get(server.pool.0);
        let written = pool.and_then(|pool| pool.when_down.as_ref());
        if let (Some(written), Some(name)) = (written, &raw_server.name)
            && plan.pools.get(server.pool.0).map(|pool| pool.when_down) == Some(WhenDown::Reply)
        {
            let message = format!(
                "clients of {} cannot be told 421: their TLS is not ours",
                quote(name)
            );
            check.warning(
                written,
                message,
                "they are reset; write `\"reset\"` or `\"close\"`",
            );
        }
    }
}

fn ratio(check: &mut Check<'_>, raw: &raw::Pool, plan: &PoolPlan) {
    if matches!(
        plan.balance,
        Balance::Ratio | Balance::WeightedLeastConnections
    ) {
        return;
    }
    let written = raw
        .members
        .iter()
        .flatten()
        .find_map(|member| match &**member {
            raw::Member::Named(named) => named.ratio.as_ref(),
            raw::Member::Address(_) => None,
        });
    if let Some(written) = written {
        check.warning(
            written,
            "the way this pool is balanced makes no use of a `ratio`",
            "write `balance = \"ratio\"` or `\"weighted-least-connections\"`",
        );
    }
}

fn priority(check: &mut Check<'_>, raw: &raw::Pool, plan: &PoolPlan) {
    let Some(written) = &raw.min_active else {
        return;
    };
    let hosts = plan.hosts.iter().map(|host| host.priority);
    let mut priorities = plan
        .members
        .iter()
        .map(|member| member.priority)
        .chain(hosts);
    let first = priorities.next();
    if priorities.all(|priority| Some(priority) == first) {
        check.warning(
            written,
            "all members have the same priority, so all get sessions",
            "give members a `priority`: the greatest is used first",
        );
    } else if plan.hosts.is_empty() && **written > plan.members.len() {
        check.warning(
            written,
            format!(
                "the pool has {} members, so all get sessions whatever their priority",
                plan.members.len()
            ),
            "write how many must be up in the greatest priority",
        );
    }
}

fn queue(check: &mut Check<'_>, raw: &raw::Pool, plan: &PoolPlan) {
    let hosts = plan.hosts.iter().map(|host| host.limits);
    let mut limits = plan.members.iter().map(|member| member.limits).chain(hosts);
    let bound = |limits: crate::config::plan::ConnectionLimits| {
        limits.connections.is_some() || limits.rate.is_some()
    };
    if let Some(written) = &raw.queue
        && !bound(plan.limits)
        && !limits.any(bound)
    {
        check.warning(
            written,
            "nobody will wait: neither the pool nor a member has a limit",
            "write `connections` or `connection_rate`",
        );
    }
}
