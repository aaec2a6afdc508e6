//! What can be run and yet is hardly meant.

mod pool;
mod rules;

use super::Check;
use crate::config::diagnostic::quote;
use crate::config::plan::{
    ClientTlsId, DestinationKind, FirewallMode, MonitorKind, Plan, PolicyId, ServerTlsId, Snat,
    Start, Transport,
};
use crate::config::raw::{self, At};

pub(super) fn warn(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    policies(check, raw, plan);
    staged(check, raw);
    rules::warn(check, raw, plan);
    profiles(check, raw, plan);
    virtual_servers(check, raw, plan);
    hidden(check, raw, plan);
    monitors(check, raw, plan);
    pool::warn(check, raw, plan);
}

fn policies(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    for (id, policy) in raw.firewall.policy.iter().enumerate() {
        let id = Some(PolicyId(id));
        let firewall = &plan.firewall;
        let named = [
            firewall.global_policy,
            firewall.host_policy,
            firewall.staged_global_policy,
            firewall.staged_host_policy,
        ];
        let used = named.contains(&id)
            || plan
                .virtual_servers
                .iter()
                .any(|server| [server.firewall_policy, server.staged_policy].contains(&id));
        if let Some(name) = &policy.name
            && !used
        {
            let message = format!("no packet meets the policy {}", quote(name));
            let help = format!(
                "write `firewall_policy = \"{}\"` in a virtual server",
                &**name
            );
            check.warning(name, message, help);
        }
    }
}

/// A policy that is held against itself.
fn staged(check: &mut Check<'_>, raw: &raw::Config) {
    let firewall = &raw.firewall;
    let mut pairs = vec![
        (&firewall.global_policy, &firewall.staged_global_policy),
        (&firewall.host_policy, &firewall.staged_host_policy),
    ];
    let servers = raw.virtual_server.iter();
    pairs.extend(servers.map(|it| (&it.firewall_policy, &it.staged_policy)));
    for (enforced, staged) in pairs {
        if let (Some(enforced), Some(staged)) = (enforced, staged)
            && **enforced == **staged
        {
            check.warning(
                staged,
                format!(
                    "{} is staged beside itself: there is nothing to compare",
                    quote(staged)
                ),
                "name the policy that shall take its place, or take the key out",
            );
        }
    }
}

/// TLS profiles that nobody names.
fn profiles(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    let servers = &plan.virtual_servers;
    for (id, profile) in raw.client_tls.iter().enumerate() {
        let id = Some(ClientTlsId(id));
        if !servers.iter().any(|server| server.client_tls == id) {
            unused(check, "client_tls", profile.name.as_ref());
        }
    }
    for (id, profile) in raw.server_tls.iter().enumerate() {
        let id = Some(ServerTlsId(id));
        let probed = plan.monitors.iter().any(|monitor| {
            matches!(&monitor.kind, MonitorKind::Smtp(smtp)
                if smtp.tls.is_some_and(|tls| tls.profile == id))
        });
        let told = plan.log.destinations.iter().any(|destination| {
            let profile = match &destination.kind {
                DestinationKind::Syslog {
                    transport: Transport::Tls(_, profile),
                    ..
                } => Some(*profile),
                DestinationKind::Hec { tls, .. } => *tls,
                _ => None,
            };
            profile.is_some() && profile == id
        });
        if !probed && !told && !servers.iter().any(|server| server.server_tls == id) {
            unused(check, "server_tls", profile.name.as_ref());
        }
    }
}

fn unused(check: &mut Check<'_>, key: &str, name: Option<&At<String>>) {
    if let Some(name) = name {
        let message = format!("no virtual server uses the profile {}", quote(name));
        let help = format!("write `{key} = \"{}\"` in a virtual server", &**name);
        check.warning(name, message, help);
    }
}

/// The guide: behind SNAT a server that judges by address judges us.
fn hidden(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    for (server, raw) in plan.virtual_servers.iter().zip(&raw.virtual_server) {
        // A gateway tells members who the client is, where they listen to that.
        let known = server.snat == Snat::None
            || server.send_proxy.is_some()
            || server.gateway.as_ref().is_some_and(|it| it.xclient);
        if let (false, Some(place)) = (known, raw.snat.as_ref().or(raw.name.as_ref())) {
            check.warning(
                place,
                "members see an address of this host in place of their clients'",
                "where they judge or log by address, write `snat = \"none\"`, or, where they \
                 expect a PROXY header, `send_proxy = \"v2\"`",
            );
        }
    }
}

fn virtual_servers(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    for server in &raw.virtual_server {
        if let Some(name) = &server.name
            && server.firewall_policy.is_none()
            && plan.firewall.mode == FirewallMode::Firewall
            && plan.firewall.global_policy.is_none()
        {
            let name_quoted = quote(name);
            check.warning(
                name,
                format!(
                    "no client can reach {name_quoted}: firewall mode drops what no rule accepts"
                ),
                "give the virtual server a `firewall_policy` with a rule that accepts",
            );
        }
    }
}

/// Monitors that speak in the clear to members that expect TLS from the first octet on.
fn monitors(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    // A plan has all virtual servers of the file, in its order.
    for (server, raw) in plan.virtual_servers.iter().zip(&raw.virtual_server) {
        let implicit = server
            .server_tls
            .and_then(|id| plan.server_tls.get(id.0))
            .is_some_and(|profile| profile.start == Start::Implicit);
        let pool = plan.pools.get(server.pool.0);
        let clear = pool.is_some_and(|pool| {
            let mut kinds = pool
                .monitors
                .iter()
                .filter_map(|id| plan.monitors.get(id.0));
            kinds.any(
                |monitor| matches!(&monitor.kind, MonitorKind::Smtp(smtp) if smtp.tls.is_none()),
            )
        });
        if let Some(written) = &raw.server_tls
            && let Some(pool) = pool
            && implicit
            && clear
        {
            check.warning(
                written,
                format!(
                    "the members of {} expect TLS, and their monitor of type `smtp` speaks \
                     without it: they will be down",
                    quote(&pool.name)
                ),
                "write `tls = \"implicit\"` in the monitor",
            );
        }
    }
}
