//! What operators ask of monitors: a probe now, and the end of a hold.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Current;
use crate::admin::Refusal;
use crate::admin::api::{
    MonitorResume, MonitorResumed, MonitorTest, MonitorTested, ProbeExchange, ProbeReport,
};
use crate::config::plan::{MemberPlan, MonitorKind, MonitorPlan, PoolPlan};
use crate::health::probe::{Exchange, ProbeError, Transcript, probe};
use crate::health::{Health, Subject};

/// Less than the control socket waits for an answer.
const LIMIT: Duration = Duration::from_secs(25);
/// Probes of one request.
const MOST: usize = 64;

/// Probes each member of the name by each of the monitors, all at once.
pub(super) async fn test(
    current: &Current,
    request: &MonitorTest,
) -> Result<MonitorTested, Refusal> {
    let mut probes = Vec::new();
    for (pool, member) in members(current, &request.member)? {
        let monitors = monitors(current, pool, request.monitor.as_deref())?;
        probes.extend(monitors.into_iter().map(|monitor| (pool, member, monitor)));
    }
    if probes.is_empty() {
        return Err(Refusal::BadRequest(format!(
            "no monitor of {:?} has a probe; name one with --monitor",
            request.member
        )));
    }
    if probes.len() > MOST {
        let text = format!("that is {} probes, more than {MOST}", probes.len());
        return Err(Refusal::BadRequest(text));
    }
    let probes = probes
        .into_iter()
        .map(|(pool, member, monitor)| one(current, pool, member, monitor));
    Ok(MonitorTested {
        probes: join_all(probes).await,
    })
}

/// Ends the hold of each member of the name.
pub(super) fn resume(
    current: &Current,
    health: &Health,
    request: &MonitorResume,
) -> Result<MonitorResumed, Refusal> {
    let members = members(current, &request.member)?.into_iter();
    let resumed = members
        .filter(|(pool, member)| health.resume(&pool.name, &member.name) == Some(true))
        .map(|(pool, member)| format!("{}/{}", pool.name, member.name));
    Ok(MonitorResumed {
        resumed: resumed.collect(),
    })
}

/// Members of this name, or this pool and name. Both may hold slashes.
fn members<'p>(
    current: &'p Current,
    name: &str,
) -> Result<Vec<(&'p PoolPlan, &'p MemberPlan)>, Refusal> {
    let mut found = Vec::new();
    for pool in &current.plan.pools {
        let within = name
            .strip_prefix(pool.name.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let named = pool.members.iter().filter(|member| {
            let names = [Some(member.name.as_str()), member.written.as_deref()];
            let mut names = names.into_iter().flatten();
            names.any(|own| own == name || Some(own) == within)
        });
        found.extend(named.map(|member| (pool, member)));
    }
    if found.is_empty() {
        return Err(Refusal::BadRequest(format!(
            "there is no member {name:?}; `smtp-lb status` lists them"
        )));
    }
    Ok(found)
}

fn monitors<'p>(
    current: &'p Current,
    pool: &PoolPlan,
    name: Option<&str>,
) -> Result<Vec<&'p MonitorPlan>, Refusal> {
    let all = &current.plan.monitors;
    if let Some(name) = name {
        // Of any pool, so that a new monitor can be tried before it counts.
        let monitor = all.iter().find(|monitor| monitor.name == name);
        let monitor =
            monitor.ok_or_else(|| Refusal::BadRequest(format!("there is no monitor {name:?}")))?;
        return Ok(vec![monitor]);
    }
    let own = pool.monitors.iter().filter_map(|id| all.get(id.0));
    Ok(own
        .filter(|monitor| !matches!(monitor.kind, MonitorKind::Inband(_)))
        .collect())
}

async fn one(
    current: &Current,
    pool: &PoolPlan,
    member: &MemberPlan,
    monitor: &MonitorPlan,
) -> ProbeReport {
    let subject = Subject {
        address: member.address,
        host: member.host.as_deref().map(Arc::from),
        tls: Arc::clone(&current.profiles),
    };
    let start = Instant::now();
    let result = probe(&subject, monitor, monitor.timeout.min(LIMIT)).await;
    let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (transcript, failure) = match result {
        Ok(transcript) => (transcript, None),
        Err(ProbeError {
            step,
            cause,
            transcript,
        }) => (transcript, Some((step.to_string(), cause.to_string()))),
    };
    let success = failure.is_none();
    let (step, cause) = failure.unzip();
    ProbeReport {
        pool: pool.name.clone(),
        member: member.name.clone(),
        address: member.address.to_string(),
        monitor: monitor.name.clone(),
        success,
        step,
        cause,
        millis,
        exchanges: exchanges(transcript),
    }
}

fn exchanges(transcript: Transcript) -> Vec<ProbeExchange> {
    let exchanges = transcript.exchanges.into_iter();
    exchanges
        .map(|exchange| {
            let Exchange {
                step,
                command,
                code,
                lines,
                millis,
            } = exchange;
            ProbeExchange {
                step: step.to_string(),
                command,
                code,
                lines,
                millis,
            }
        })
        .collect()
}
