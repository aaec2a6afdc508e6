//! All-or-nothing change from one plan to the next.
//!
//! Every part prepares first: it takes all that can fail, and changes nothing. Only when all
//! have done so is the plan committed, which cannot fail. What is dropped on the way gives back
//! what it took.

use std::sync::Arc;

use crate::admin::api::Reloaded;
use crate::admin::{Part, Refusal};
use crate::app::{
    AppError, Configuration, Current, Running, cause, picture, routing, services, targets,
};
use crate::config::ConfigError;
use crate::config::plan::Plan;
use crate::event::Routes;
use crate::pool::Pools;

/// Takes the configuration file anew. `Refusal` means that nothing was changed.
pub(crate) async fn reload(running: &Arc<Running>) -> Result<Reloaded, Refusal> {
    let result = attempt(running).await;
    match &result {
        Ok(done) => {
            tracing::info!(config = done.config, "reloaded");
            done.warnings
                .iter()
                .for_each(|warning| tracing::warn!("{warning}"));
            running.tell("reloaded", done.config.clone());
        }
        Err(refusal) => {
            tracing::error!("reload failed: {refusal}");
            running.tell("reload_failed", refusal.to_string());
        }
    }
    result
}

async fn attempt(running: &Arc<Running>) -> Result<Reloaded, Refusal> {
    let _one_at_a_time = running.begin_change().await?;
    if running.is_stopping() {
        return Err(Refusal::Stopping);
    }
    // Reading names and compiling an image may take seconds, which sessions' probes and other
    // clients of the control socket must not feel.
    let running = Arc::clone(running);
    tokio::task::spawn_blocking(move || change(&running))
        .await
        .map_err(|e| Refusal::Task(e.to_string()))?
}

fn change(running: &Running) -> Result<Reloaded, Refusal> {
    let read = Configuration::load(&running.config).map_err(|error| invalid(&error))?;
    let Configuration {
        loaded,
        profiles,
        warnings,
    } = read;
    let before = running.current.load_full();
    let settings = fixed(&before.plan, &loaded.plan);
    let source = Arc::clone(loaded.source());
    if !settings.is_empty() {
        return Err(Refusal::Restart { settings });
    }
    let (mut plan, profiles) = (loaded.plan, Arc::new(profiles));
    // On a thread where blocking is allowed.
    tokio::runtime::Handle::current().block_on(running.names.fill(&mut plan));
    plan.reputation
        .keep_numbers(&before.plan.reputation.categories);
    let plan = Arc::new(plan);
    let pools = Arc::new(Pools::from_plan(&plan, Some(&before.pools)));

    let refuse = |part| {
        move |error: &dyn std::error::Error| Refusal::Prepare {
            part,
            cause: cause(error),
        }
    };
    let proxy = running
        .proxy
        .prepare(&plan, &pools, &profiles)
        .map_err(|e| refuse(Part::Proxy)(&e))?;
    let events = running
        .events
        .prepare(&plan.log, Routes::from_plan(&plan), &profiles)
        .map_err(|e| refuse(Part::Log)(&e))?;
    let firewall = running
        .firewall
        .prepare(&plan)
        .map_err(|e| refuse(Part::Firewall)(&e))?;

    routing::widen(&before.plan, &plan).map_err(|e| refuse(Part::Routing)(&e))?;

    // The firewall first, before the listeners that it guards. It writes to the kernel, so it
    // alone may fail still; after it nothing does.
    running
        .firewall
        .commit(firewall)
        .map_err(|e| refuse(Part::Firewall)(&e))?;
    running.reputation.reload(&plan);
    running.events.commit(events);
    pools.take_over(&before.pools);
    running.orders.restore(&pools);
    running.health.reload(targets(&plan, &pools, &profiles));
    services::reload(&running.services, &before.plan, &plan);
    running.proxy.commit(proxy);
    routing::narrow(&before.plan, &plan);
    // Only now, so that what was counted until here is not lost.
    profiles.inherit(&before.profiles);
    let current = Current::new(plan, pools, profiles, source, before.revision, &running.bus);
    running.current.store(Arc::new(current));
    running.names.plan_changed();
    Ok(Reloaded {
        config: running.config.display().to_string(),
        warnings: [&loaded.warnings, &warnings]
            .into_iter()
            .flat_map(picture::warnings)
            .collect(),
    })
}

/// Moves members to the addresses that their names have now, by the way of a reload. Whether that
/// could be done.
pub(crate) async fn readdress(running: &Arc<Running>) -> bool {
    let _turn = running.begin_readdressing().await;
    if running.is_stopping() {
        return false;
    }
    let daemon = Arc::clone(running);
    // As a reload, it makes new virtual servers.
    let done = tokio::task::spawn_blocking(move || move_members(&daemon)).await;
    match done {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!("members cannot be moved to new addresses: {error}");
            false
        }
        Err(error) => {
            tracing::error!("members were not moved to new addresses: {error}");
            false
        }
    }
}

fn move_members(running: &Running) -> Result<(), AppError> {
    let before = running.current.load_full();
    let mut plan = before.plan.as_ref().clone();
    running.names.settle(&mut plan.pools);
    if plan.pools == before.plan.pools {
        return Ok(());
    }
    let plan = Arc::new(plan);
    let pools = Arc::new(Pools::from_plan(&plan, Some(&before.pools)));
    let proxy = running.proxy.prepare(&plan, &pools, &before.profiles)?;
    routing::widen(&before.plan, &plan)?;
    pools.take_over(&before.pools);
    running.orders.restore(&pools);
    let targets = targets(&plan, &pools, &before.profiles);
    running.health.reload(targets);
    running.proxy.commit(proxy);
    routing::narrow(&before.plan, &plan);
    picture::moved(&before.pools, &pools, |event| running.bus.tell(event));
    let next = before.with_members(plan, pools);
    running.current.store(Arc::new(next));
    Ok(())
}

pub(crate) fn invalid(error: &ConfigError) -> Refusal {
    Refusal::Invalid {
        rendered: error.to_string(),
        diagnostics: serde_json::to_value(error).unwrap_or_default(),
    }
}

/// Settings that differ and that a running daemon cannot change.
pub(crate) fn fixed(before: &Plan, after: &Plan) -> Vec<&'static str> {
    let settings = [
        (
            "general.workers",
            before.general.workers == after.general.workers,
        ),
        (
            "general.state_path",
            before.general.state_path == after.general.state_path,
        ),
        ("admin.socket", before.admin.socket == after.admin.socket),
        ("admin.mode", before.admin.mode == after.admin.mode),
        (
            "firewall.pin_path",
            before.firewall.pin_path == after.firewall.pin_path,
        ),
        (
            "firewall.enforcement",
            before.firewall.enforcement == after.firewall.enforcement,
        ),
        (
            "firewall.interfaces",
            before.firewall.interfaces == after.firewall.interfaces,
        ),
        ("store", before.store.kind == after.store.kind),
        (
            "log.bus_capacity",
            before.log.bus_capacity == after.log.bus_capacity,
        ),
    ];
    settings
        .into_iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fixed;
    use crate::config::plan::Plan;
    use crate::config::{SystemResolver, parse};

    fn plan(general: &str, admin: &str, firewall: &str, log: &str) -> Plan {
        let text = format!(
            "[general]\nworkers = 2\n{general}\n[admin]\n{admin}\n[firewall]\n{firewall}\n\
             [log]\n{log}\n[[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:25\"]\n\
             pool = \"p\"\n[[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n"
        );
        parse("test", &text, &SystemResolver)
            .unwrap_or_else(|e| panic!("{e}"))
            .plan
    }

    #[test]
    fn what_takes_a_restart_is_named() {
        let table = [
            (
                plan("grace = \"1s\"", "", "mode = \"firewall\"", ""),
                &[][..],
            ),
            (
                plan("", "socket = \"/run/other.sock\"", "", ""),
                &["admin.socket"],
            ),
            (plan("", "mode = \"0660\"", "", ""), &["admin.mode"]),
            (
                plan("state_path = \"/var/lib/other\"", "", "", ""),
                &["general.state_path"],
            ),
            (
                plan("", "", "", "[store.embedded]\nentries = 5000"),
                &["store"],
            ),
            (
                plan("", "", "interfaces = [\"lo\"]", ""),
                &["firewall.interfaces"],
            ),
            (
                plan("", "", "enforcement = \"userspace\"", ""),
                &["firewall.enforcement"],
            ),
            (
                plan(
                    "",
                    "",
                    "pin_path = \"/sys/fs/bpf/other\"",
                    "bus_capacity = 100",
                ),
                &["firewall.pin_path", "log.bus_capacity"],
            ),
        ];
        let before = plan("", "", "", "");
        for (after, settings) in table {
            assert_eq!(fixed(&before, &after), settings);
        }
        let mut after = before.clone();
        after.general.workers += 1;
        assert_eq!(fixed(&before, &after), ["general.workers"]);
    }
}
