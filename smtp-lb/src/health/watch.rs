//! The task of one member and monitor: probes in turn, never two at once.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::chance;
use crate::config::plan::{InbandMonitorPlan, MonitorKind, MonitorPlan};

use super::State;
use super::inband::Inband;
use super::member::Member;
use super::threshold::Threshold;
use super::{probe, schedule};

/// How often the failures of sessions are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Watches until aborted, or until the member no longer knows the monitor.
pub(super) async fn run(member: Arc<Member>, plan: MonitorPlan) {
    match plan.kind {
        MonitorKind::Inband(inband) => look(&member, &plan, inband).await,
        _ => ask(&member, &plan).await,
    }
}

/// For monitors that probe.
async fn ask(member: &Member, plan: &MonitorPlan) {
    let origin = Instant::now();
    let mut watch = Watch {
        origin,
        threshold: Threshold::new(origin.elapsed(), plan.timeout, plan.rise, plan.fall),
        member,
        plan,
    };
    let mut start = origin + schedule::first(plan.interval, chance::draw());
    loop {
        watch.during(sleep_until(start)).await;
        let Some((progress, subject)) = member.begin(plan) else {
            return;
        };
        // A probe that the time-out has overtaken may still succeed, and then counts.
        let probe = probe::observed(&subject, plan, plan.timeout, &progress);
        let result = watch.during(probe).await;
        if result.is_ok() {
            watch.threshold.succeed(origin.elapsed());
        } else {
            watch.threshold.fail();
        }
        let result = result.map(drop).map_err(|error| error.to_string());
        member.end(plan, watch.threshold.state(), result);
        // A probe that outlasts the interval delays the next, which then starts at once.
        start += schedule::next(plan.interval, plan.jitter, chance::draw());
        start = start.max(Instant::now());
    }
}

/// For the one that watches clients' sessions.
async fn look(member: &Member, plan: &MonitorPlan, inband: InbandMonitorPlan) {
    let origin = Instant::now();
    let mut view = Inband::new(inband, member.failures());
    let mut told = None;
    loop {
        let state = view.look(origin.elapsed(), member.failures());
        if told != Some(state) {
            let reason = match (state, told) {
                (State::Down, _) => format!(
                    "{} sessions failed within {}, again tried in {}",
                    inband.failures,
                    show(inband.failure_interval),
                    show(view.pause())
                ),
                (_, None) => "sessions do not fail".to_owned(),
                _ => "sessions are tried again".to_owned(),
            };
            told = Some(state);
            if !member.see(plan, state, &reason) {
                return;
            }
        }
        sleep(LOOK).await;
    }
}

fn show(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

struct Watch<'a> {
    origin: Instant,
    threshold: Threshold,
    member: &'a Member,
    plan: &'a MonitorPlan,
}

impl Watch<'_> {
    /// Waits for `future`, and meanwhile for the time-out.
    async fn during<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            let Some(deadline) = self.threshold.deadline() else {
                return future.await;
            };
            tokio::select! {
                biased;
                done = &mut future => return done,
                () = sleep_until(self.origin + deadline) => {
                    if self.threshold.pass(self.origin.elapsed()) {
                        self.member.expire(self.plan);
                    }
                }
            }
        }
    }
}
