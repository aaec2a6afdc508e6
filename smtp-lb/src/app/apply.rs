//! A change of the firewall alone, from a file that is not the configuration: compared first, put
//! in force by one write, and taken back by the daemon itself if nobody confirms it in time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::{Current, Running, cause, picture};
use crate::admin::api::{
    AppliedStatus, FirewallApplied, FirewallApply, FirewallCompared, FirewallDiff, FirewallFile,
    FirewallSettled,
};
use crate::admin::{Part, Refusal};
use crate::config::plan::Plan;
use crate::config::{ConfigError, OverlayError, SystemResolver, overlay, promote};
use crate::event::Routes;
use crate::reload::{fixed, invalid};

/// Bounds of the time that a confirmation may take, in seconds.
const CONFIRM_WITHIN: std::ops::RangeInclusive<u64> = 1..=86_400;
/// Pause before a rollback that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where a firewall in force is from that is not the configuration file's.
#[derive(Clone)]
pub(crate) struct Applied {
    file: String,
    since: u64,
    unconfirmed: Option<Unconfirmed>,
}

/// What becomes of it unless it is confirmed.
#[derive(Clone)]
struct Unconfirmed {
    until: Instant,
    former: Arc<Current>,
}

impl Applied {
    /// For `status` and `firewall list`.
    pub(crate) fn status(&self) -> AppliedStatus {
        let left = |unconfirmed: &Unconfirmed| {
            let left = unconfirmed.until.saturating_duration_since(Instant::now());
            left.as_secs() + u64::from(left.subsec_nanos() > 0)
        };
        AppliedStatus {
            file: self.file.clone(),
            since: self.since,
            confirm_within: self.unconfirmed.as_ref().map(left),
        }
    }
}

/// A file that was read beside what is in force.
struct Read {
    before: Arc<Current>,
    plan: Arc<Plan>,
    source: Arc<str>,
    compared: FirewallCompared,
}

/// What `file` would change. Changes nothing.
pub(crate) async fn compare(
    running: &Arc<Running>,
    file: FirewallFile,
) -> Result<FirewallCompared, Refusal> {
    let running = Arc::clone(running);
    blocking(move || Ok(read(&running, &file)?.compared)).await
}

/// What runs, with the staged policy of a context in force there: a file that nobody wrote.
pub(crate) fn promotion(running: &Running, context: &str) -> Result<FirewallFile, Refusal> {
    let text = promote(&running.current.load().source, context);
    Ok(FirewallFile {
        name: format!("promotion of {context}"),
        text: text.map_err(|error| Refusal::File(error.to_string()))?,
    })
}

/// Puts the firewall of a file in force. `Refusal` means that nothing was changed.
pub(crate) async fn apply(
    running: &Arc<Running>,
    request: FirewallApply,
) -> Result<FirewallApplied, Refusal> {
    if let Some(seconds) = request.confirm_within
        && !CONFIRM_WITHIN.contains(&seconds)
    {
        let (least, most) = (CONFIRM_WITHIN.start(), CONFIRM_WITHIN.end());
        let why = format!("confirm_within is not from {least} to {most} seconds");
        return Err(Refusal::BadRequest(why));
    }
    let file = request.file.name.clone();
    let result = attempt(running, request).await;
    match &result {
        Ok(done) => {
            tracing::info!(file, "the firewall of another file is in force");
            for warning in &done.warnings {
                tracing::warn!("{warning}");
            }
            let until = done
                .applied
                .confirm_within
                .map_or(String::new(), |seconds| {
                    format!(", rolled back in {seconds} s unless confirmed")
                });
            running.tell("firewall_applied", format!("{file}{until}"));
        }
        Err(refusal) => {
            tracing::error!(file, "apply failed: {refusal}");
            running.tell("firewall_apply_failed", format!("{file}: {refusal}"));
        }
    }
    result
}

async fn attempt(
    running: &Arc<Running>,
    request: FirewallApply,
) -> Result<FirewallApplied, Refusal> {
    let _one_at_a_time = running.begin_change().await?;
    if running.is_stopping() {
        return Err(Refusal::Stopping);
    }
    if let Some(Applied {
        file,
        unconfirmed: Some(_),
        ..
    }) = &running.current.load().applied
    {
        return Err(Refusal::Unconfirmed { file: file.clone() });
    }
    let within = request.confirm_within;
    let daemon = Arc::clone(running);
    let (done, revision) = blocking(move || change(&daemon, &request)).await?;
    if let Some(seconds) = within {
        let running = Arc::clone(running);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            expire(&running, revision).await;
        });
    }
    Ok(done)
}

fn change(running: &Running, request: &FirewallApply) -> Result<(FirewallApplied, u64), Refusal> {
    let read = read(running, &request.file)?;
    if request
        .revision
        .is_some_and(|of| of != read.before.revision)
    {
        return Err(Refusal::Stale);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let applied = Applied {
        file: request.file.name.clone(),
        since: since.unwrap_or_default().as_secs(),
        unconfirmed: request.confirm_within.map(|seconds| Unconfirmed {
            until: Instant::now() + Duration::from_secs(seconds),
            former: Arc::clone(&read.before),
        }),
    };
    let status = applied.status();
    put(running, &read.plan)?;
    let next = read
        .before
        .with_firewall(read.plan, read.source, Some(applied));
    let revision = next.revision;
    running.current.store(Arc::new(next));
    let done = FirewallApplied {
        diff: read.compared.diff,
        warnings: read.compared.warnings,
        applied: status,
    };
    Ok((done, revision))
}

/// Keeps what waits for its confirmation.
pub(crate) async fn confirm(running: &Arc<Running>) -> Result<FirewallSettled, Refusal> {
    let _one_at_a_time = running.reloading.lock().await;
    let current = running.current.load_full();
    let (applied, _) = unconfirmed(&current).ok_or(Refusal::NothingApplied)?;
    let kept = Applied {
        unconfirmed: None,
        ..applied.clone()
    };
    let settled = FirewallSettled {
        file: kept.file.clone(),
        applied: Some(kept.status()),
    };
    let (plan, source) = (Arc::clone(&current.plan), Arc::clone(&current.source));
    let next = current.with_firewall(plan, source, Some(kept));
    running.current.store(Arc::new(next));
    tracing::info!(file = settled.file, "the applied firewall is confirmed");
    running.tell("firewall_confirmed", settled.file.clone());
    Ok(settled)
}

/// Takes back what waits for its confirmation.
pub(crate) async fn roll_back(running: &Arc<Running>) -> Result<FirewallSettled, Refusal> {
    let _one_at_a_time = running.reloading.lock().await;
    let daemon = Arc::clone(running);
    blocking(move || restore(&daemon, "as asked")).await
}

/// At the end of the time for a confirmation of `revision`.
async fn expire(running: &Arc<Running>, revision: u64) {
    loop {
        let one_at_a_time = running.reloading.lock().await;
        if running.is_stopping() || running.current.load().revision != revision {
            return;
        }
        let daemon = Arc::clone(running);
        if blocking(move || restore(&daemon, "not confirmed in time"))
            .await
            .is_ok()
        {
            return;
        }
        drop(one_at_a_time);
        tokio::time::sleep(AGAIN).await;
    }
}

/// Rolls back at a stop, as well as it can be done. Blocks.
pub(super) fn give_up(running: &Running) {
    if unconfirmed(&running.current.load()).is_some() {
        // It has told how it went, and the next start takes the configuration in any case.
        let _ = restore(running, "not confirmed before the stop");
    }
}

fn unconfirmed(current: &Current) -> Option<(&Applied, &Unconfirmed)> {
    let applied = current.applied.as_ref()?;
    Some((applied, applied.unconfirmed.as_ref()?))
}

/// Puts in force what was before. Blocks.
fn restore(running: &Running, why: &str) -> Result<FirewallSettled, Refusal> {
    let current = running.current.load_full();
    let (applied, unconfirmed) = unconfirmed(&current).ok_or(Refusal::NothingApplied)?;
    let former = &unconfirmed.former;
    // Members may be elsewhere by now.
    let plan = Arc::new(Plan {
        firewall: former.plan.firewall.clone(),
        virtual_servers: former.plan.virtual_servers.clone(),
        ..current.plan.as_ref().clone()
    });
    // Compiled anew: its counters go on, those of the rules that go now keep their names.
    put(running, &plan).inspect_err(|refusal| {
        tracing::error!(file = applied.file, "rollback failed: {refusal}");
        let detail = format!("{}: {refusal}", applied.file);
        running.tell("firewall_rollback_failed", detail);
    })?;
    let next = current.with_firewall(plan, Arc::clone(&former.source), former.applied.clone());
    running.current.store(Arc::new(next));
    tracing::warn!(
        file = applied.file,
        why,
        "the applied firewall is rolled back"
    );
    running.tell("firewall_rolled_back", format!("{}: {why}", applied.file));
    Ok(FirewallSettled {
        file: applied.file.clone(),
        applied: former.applied.as_ref().map(Applied::status),
    })
}

/// Puts the firewall of a plan in force, whose other parts are in force already. Blocks.
fn put(running: &Running, plan: &Arc<Plan>) -> Result<(), Refusal> {
    let refuse = |part| {
        move |error: &dyn std::error::Error| Refusal::Prepare {
            part,
            cause: cause(error),
        }
    };
    // Which log profile an event has is the firewall's to say, too.
    let profiles = Arc::clone(&running.current.load().profiles);
    let events = running
        .events
        .prepare(&plan.log, Routes::from_plan(plan), &profiles)
        .map_err(|e| refuse(Part::Log)(&e))?;
    let firewall = running
        .firewall
        .prepare(plan)
        .map_err(|e| refuse(Part::Firewall)(&e))?;
    running
        .firewall
        .commit(firewall)
        .map_err(|e| refuse(Part::Firewall)(&e))?;
    // Who is trusted, and which policies are asked, may have changed.
    running.reputation.reload(plan);
    running.events.commit(events);
    Ok(())
}

/// Reads a file beside what is in force. Blocks.
fn read(running: &Running, file: &FirewallFile) -> Result<Read, Refusal> {
    let before = running.current.load_full();
    let loaded = overlay(&file.name, &file.text, &before.source, &SystemResolver);
    let loaded = loaded.map_err(|error| match error {
        OverlayError::Invalid(diagnostics) => invalid(&ConfigError::Invalid(diagnostics)),
        error => Refusal::File(error.to_string()),
    })?;
    let source = Arc::clone(loaded.source());
    let plan = Plan {
        firewall: loaded.plan.firewall,
        virtual_servers: loaded.plan.virtual_servers,
        ..before.plan.as_ref().clone()
    };
    let settings = fixed(&before.plan, &plan);
    if !settings.is_empty() {
        return Err(Refusal::Restart { settings });
    }
    let diff: FirewallDiff = picture::diff(&before.plan, &plan);
    Ok(Read {
        compared: FirewallCompared {
            revision: before.revision,
            diff,
            warnings: picture::warnings(&loaded.warnings),
        },
        before,
        plan: Arc::new(plan),
        source,
    })
}

/// Reading names and compiling an image may take seconds, which nobody else must feel.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Refusal::Task(e.to_string())))
}
