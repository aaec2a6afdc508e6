//! The control API's view of the running daemon.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::{Applied, Running, apply, capture, cause, log, monitors, picture};
use crate::admin::api::{
    CaptureRequest, Counters, ExplainRequest, Explanation, FirewallApplied, FirewallApply,
    FirewallCompared, FirewallFile, FirewallList, FirewallSettled, MemberOrder, MemberSet,
    MonitorResume, MonitorResumed, MonitorTest, MonitorTested, Peer, Phase, PoolEvents,
    PoolEventsRequest, PoolList, Promote, Promotion, Reloaded, StagedList, Status,
};
use crate::admin::api::{EventQuery, LogReport, LogTest, TestReport};
use crate::admin::{Control, Part, Refusal};
use crate::event::model::{AdministrationEvent, Kind};
use crate::reload::reload;

/// For the server, which shares the daemon with the signals.
pub(super) struct Shared(pub(super) Arc<Running>);

impl Control for Shared {
    fn status(&self) -> Status {
        let running = &self.0;
        let current = running.current.load();
        let events = running.firewall.counters().ok();
        let events = events.map(|counters| counters.events);
        let phase = if running.is_stopping() {
            Phase::Draining
        } else {
            Phase::Running
        };
        let mut firewall = picture::firewall(
            &current.plan,
            running.firewall.report(),
            events,
            current.applied.as_ref().map(Applied::status),
        );
        let protection = &running.protection;
        firewall.syn_protection = protection.status(&current.plan, &running.firewall);
        let warnings = protection.warnings(&current.plan, &running.firewall);
        firewall.warnings.extend(warnings);
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            phase,
            uptime_seconds: running.started.elapsed().as_secs(),
            config: running.config.display().to_string(),
            workers: current.plan.general.workers,
            firewall,
            virtual_servers: picture::virtual_servers(&current.plan, running.proxy.status()),
            pools: picture::pools(current.pools.status(), &self.0.health.status()),
            tls: picture::tls(current.profiles.status(SystemTime::now())),
            log: picture::log(running.events.status()),
        }
    }

    async fn reload(&self) -> Result<Reloaded, Refusal> {
        reload(&self.0).await
    }

    fn firewall(&self) -> Result<FirewallList, Refusal> {
        // Rules can be listed without counters, as when there is nothing that counts.
        let counters = self.0.firewall.counters().ok();
        let current = self.0.current.load();
        let mut list = picture::list(&current.plan, &self.0.firewall.now(), counters.as_ref());
        list.applied = current.applied.as_ref().map(Applied::status);
        let protection = &self.0.protection;
        list.syn_protection = protection.status(&current.plan, &self.0.firewall);
        Ok(list)
    }

    fn staged(&self) -> Result<StagedList, Refusal> {
        let counters = self.0.firewall.counters().ok();
        Ok(picture::staged(
            &self.0.current.load().plan,
            counters.as_ref(),
        ))
    }

    async fn promotion(&self, request: Promotion) -> Result<FirewallCompared, Refusal> {
        let file = apply::promotion(&self.0, &request.context)?;
        apply::compare(&self.0, file).await
    }

    async fn promote(&self, request: Promote) -> Result<FirewallApplied, Refusal> {
        let request = FirewallApply {
            file: apply::promotion(&self.0, &request.context)?,
            confirm_within: request.confirm_within,
            revision: request.revision,
        };
        apply::apply(&self.0, request).await
    }

    async fn compare(&self, file: FirewallFile) -> Result<FirewallCompared, Refusal> {
        apply::compare(&self.0, file).await
    }

    async fn apply(&self, request: FirewallApply) -> Result<FirewallApplied, Refusal> {
        apply::apply(&self.0, request).await
    }

    async fn confirm(&self) -> Result<FirewallSettled, Refusal> {
        apply::confirm(&self.0).await
    }

    async fn roll_back(&self) -> Result<FirewallSettled, Refusal> {
        apply::roll_back(&self.0).await
    }

    fn counters(&self) -> Result<Counters, Refusal> {
        self.0.firewall.counters().map_err(|e| unavailable(&e))
    }

    fn explain(&self, request: &ExplainRequest) -> Result<Explanation, Refusal> {
        self.0
            .firewall
            .explain(request)
            .map_err(|e| unavailable(&e))
    }

    async fn test_monitor(&self, request: &MonitorTest) -> Result<MonitorTested, Refusal> {
        let current = self.0.current.load_full();
        monitors::test(&current, request).await
    }

    fn resume_monitor(&self, request: &MonitorResume) -> Result<MonitorResumed, Refusal> {
        monitors::resume(&self.0.current.load(), &self.0.health, request)
    }

    fn pools(&self) -> PoolList {
        let current = self.0.current.load();
        PoolList {
            pools: picture::pools(current.pools.status(), &self.0.health.status()),
            names: self.0.names.status(&current.plan),
        }
    }

    fn pool_events(&self, request: &PoolEventsRequest) -> Result<PoolEvents, Refusal> {
        let current = self.0.current.load();
        if let Some(name) = &request.pool
            && current.pools.by_name(name).is_none()
        {
            let text = format!("there is no pool {name:?}; `smtp-lb pool list` lists them");
            return Err(Refusal::BadRequest(text));
        }
        let events = self.0.bus.recent().into_iter();
        Ok(PoolEvents {
            events: events
                .filter_map(picture::pool_event)
                .filter(|event| request.pool.as_ref().is_none_or(|name| *name == event.pool))
                .collect(),
        })
    }

    fn set_member(&self, request: &MemberOrder, peer: Peer) -> Result<MemberSet, Refusal> {
        let running = &self.0;
        running.orders.set(&running.current.load(), request, peer)
    }

    fn capture(&self, request: &CaptureRequest) -> Result<mpsc::Receiver<Bytes>, Refusal> {
        capture::capture(&self.0, request)
    }

    fn security(&self) -> Option<crate::security::Services> {
        Some(self.0.services.clone())
    }

    fn reputation(&self) -> Option<crate::reputation::Service> {
        Some(self.0.reputation.clone())
    }

    fn follow(&self, query: &EventQuery) -> Result<mpsc::Receiver<Bytes>, Refusal> {
        log::follow(&self.0, query)
    }

    fn administered(&self, peer: Peer, operation: &'static str, object: String, done: bool) {
        self.0.bus.tell(Kind::Administration(AdministrationEvent {
            operation,
            // What has no object of its own is about all.
            object: if object.is_empty() {
                self.0.config.display().to_string()
            } else {
                object
            },
            by: peer.to_string(),
            result: if done { "done" } else { "refused" },
        }));
    }

    fn log(&self) -> LogReport {
        let counters = self.0.firewall.counters().ok();
        LogReport {
            ring: counters.map(|counters| picture::ring(counters.events)),
            ..self.0.events.status()
        }
    }

    async fn test_log(&self, request: &LogTest) -> Result<TestReport, Refusal> {
        log::test(&self.0, request).await
    }
}

pub(super) fn unavailable(error: &dyn std::error::Error) -> Refusal {
    Refusal::Unavailable {
        part: Part::Firewall,
        cause: cause(error),
    }
}
