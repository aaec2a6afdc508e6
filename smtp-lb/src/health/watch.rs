//! The task of one member and monitor: probes in turn, never two at once.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use crate::chance;
use crate::config::plan::{MonitorKind, MonitorPlan};

use super::member::Member;
use super::threshold::Threshold;
use super::{probe, schedule};

/// Probes until aborted, or until the member no longer knows the monitor.
pub(super) async fn run(member: Arc<Member>, plan: MonitorPlan) {
    let origin = Instant::now();
    let mut watch = Watch {
        origin,
        threshold: Threshold::new(origin.elapsed(), plan.timeout),
        member: &member,
        plan: &plan,
    };
    let MonitorKind::Smtp { domain } = &plan.kind;
    let mut start = origin + schedule::first(plan.interval, chance::draw());
    loop {
        watch.during(sleep_until(start)).await;
        let Some(progress) = member.begin(&plan) else {
            return;
        };
        // A probe that the time-out has overtaken may still succeed, and then counts.
        let probe = probe::observed(member.address(), domain, plan.timeout, &progress);
        let result = watch.during(probe).await;
        if result.is_ok() {
            watch.threshold.succeed(origin.elapsed());
        }
        let result = result.map(drop).map_err(|error| error.to_string());
        member.end(&plan, watch.threshold.state(), result);
        // A probe that outlasts the interval delays the next, which then starts at once.
        start += schedule::next(plan.interval, chance::draw());
        start = start.max(Instant::now());
    }
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
