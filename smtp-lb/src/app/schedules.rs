//! Schedules and interfaces of firewall rules: when one begins or ends, comes or goes, the firewall that
//! runs is compiled anew and put in force by one write, as by a reload.
//!
//! The packet path knows no time: an image says what is in force, also to a userspace filter, to
//! `explain` and to who looks at the pins.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::Running;
use crate::firewall::{FirewallError, Now};

/// Between two looks at the clock. Short, as the clock may be set; cheap, as nothing is compiled
/// unless something changes.
const LOOK: Duration = Duration::from_millis(200);
/// Pause before a change that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Follows the clock for as long as the daemon runs.
pub(super) async fn follow(running: &Arc<Running>) {
    let mut failing = false;
    loop {
        sleep(if failing { AGAIN } else { LOOK }).await;
        if due(running).is_none() {
            continue;
        }
        // A reload waits for this, as for a change of addresses.
        let _turn = running.begin_readdressing().await;
        if running.is_stopping() {
            return;
        }
        let daemon = Arc::clone(running);
        let done = tokio::task::spawn_blocking(move || change(&daemon)).await;
        let error = match done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        // Once, and not at each trial.
        if let Some(error) = &error
            && !failing
        {
            tracing::error!("a schedule of the firewall cannot take effect yet: {error}");
            running.tell("firewall_schedule_failed", error.clone());
        }
        failing = error.is_some();
    }
}

/// What holds now, if it is not what is in force.
fn due(running: &Running) -> Option<Now> {
    let current = running.current.load();
    if !Now::changes(&current.plan) {
        return None;
    }
    let now = Now::at(&current.plan, Timestamp::now());
    (now != *running.firewall.now()).then_some(now)
}

/// Blocks.
fn change(running: &Running) -> Result<(), FirewallError> {
    // A reload that came before may have done it.
    if due(running).is_none() {
        return Ok(());
    }
    let plan = Arc::clone(&running.current.load().plan);
    let before = running.firewall.now();
    let prepared = running.firewall.prepare(&plan)?;
    running.firewall.commit(prepared)?;
    let now = running.firewall.now();
    let began = now.schedules.difference(&before.schedules);
    let ended = before.schedules.difference(&now.schedules);
    let began = began.map(|name| ("firewall_schedule_began", name));
    for (what, schedule) in began.chain(ended.map(|name| ("firewall_schedule_ended", name))) {
        tracing::info!(schedule, "{what}");
        running.tell(what, schedule.clone());
    }
    Ok(())
}
