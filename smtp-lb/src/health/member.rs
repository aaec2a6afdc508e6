//! A member: the views of its monitors, and the one verdict made of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::config::plan::MonitorPlan;
use crate::event::Bus;
use crate::event::model::{HealthEvent, Kind};

use super::probe::Progress;
use super::status::{MemberStatus, MonitorStatus};
use super::threshold::verdict;
use super::{MemberState, State, Target};

/// What tells members apart over a reload.
pub(super) type Key = (Arc<str>, Arc<str>, SocketAddr);

/// A watched member.
pub(super) struct Member {
    pool: Arc<str>,
    name: Arc<str>,
    address: SocketAddr,
    bus: Bus,
    inner: Mutex<Inner>,
}

struct Inner {
    state: Arc<dyn MemberState>,
    told: Option<bool>,
    since: Timestamp,
    reason: String,
    views: Vec<View>,
}

/// One monitor's view.
struct View {
    plan: MonitorPlan,
    progress: Arc<Progress>,
    state: State,
    since: Timestamp,
    probes: u64,
    failures: u64,
    last_probe: Option<Timestamp>,
    last_result: Option<Result<(), String>>,
}

impl Member {
    pub(super) fn new(target: &Target, bus: Bus) -> Self {
        Self {
            pool: Arc::clone(&target.pool),
            name: Arc::clone(&target.member),
            address: target.address,
            bus,
            inner: Mutex::new(Inner {
                state: Arc::clone(&target.state),
                told: None,
                since: Timestamp::now(),
                reason: "not probed yet".to_owned(),
                views: Vec::new(),
            }),
        }
    }

    pub(super) fn key(&self) -> Key {
        (Arc::clone(&self.pool), Arc::clone(&self.name), self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on with these monitors, writing the verdict to `state`.
    pub(super) fn rebind(&self, state: Arc<dyn MemberState>, plans: Vec<MonitorPlan>) {
        let mut inner = self.lock();
        if let Some(up) = inner.told {
            state.set(up, &inner.reason);
        }
        inner.state = state;
        let mut before = std::mem::take(&mut inner.views);
        inner.views = plans
            .into_iter()
            .map(
                |plan| match before.iter().position(|view| view.plan == plan) {
                    Some(known) => before.swap_remove(known),
                    None => View::new(plan),
                },
            )
            .collect();
        if inner.views.is_empty() && inner.told.is_none() {
            // Nothing happened to it: the pool is told, the log is not.
            inner.told = Some(true);
            "not monitored".clone_into(&mut inner.reason);
            inner.state.set(true, &inner.reason);
        } else {
            self.judge(&mut inner, "the monitor that had it down was removed");
        }
    }

    /// A probe of this monitor starts. `None`: it was removed.
    pub(super) fn begin(&self, plan: &MonitorPlan) -> Option<Arc<Progress>> {
        let mut inner = self.lock();
        let view = inner.view(plan)?;
        view.last_probe = Some(Timestamp::now());
        Some(Arc::clone(&view.progress))
    }

    /// A probe of this monitor ended, and left it in `state`.
    pub(super) fn end(&self, plan: &MonitorPlan, state: State, result: Result<(), String>) {
        let mut inner = self.lock();
        let Some(view) = inner.view(plan) else {
            return;
        };
        view.probes += 1;
        view.failures += u64::from(result.is_err());
        view.last_result = Some(result);
        view.enter(state);
        self.judge(&mut inner, &format!("monitor {} succeeded", plan.name));
    }

    /// The time-out of this monitor is over.
    pub(super) fn expire(&self, plan: &MonitorPlan) {
        let mut inner = self.lock();
        let Some(view) = inner.view(plan) else {
            return;
        };
        view.enter(State::Down);
        let reason = match (&view.last_result, view.progress.get()) {
            (Some(Err(reason)), _) => reason.clone(),
            (_, Some(step)) => format!("{step}: no answer"),
            (_, None) => "no probe has ended".to_owned(),
        };
        self.judge(&mut inner, &reason);
    }

    /// Tells a change of the verdict.
    fn judge(&self, inner: &mut Inner, reason: &str) {
        let Some(up) = verdict(inner.views.iter().map(|view| view.state)) else {
            return;
        };
        if inner.told == Some(up) {
            return;
        }
        inner.told = Some(up);
        inner.since = Timestamp::now();
        reason.clone_into(&mut inner.reason);
        inner.state.set(up, reason);
        let (pool, member) = (&*self.pool, &*self.name);
        tracing::info!(
            pool,
            member,
            up,
            reason,
            "member is {}",
            if up { "up" } else { "down" }
        );
        self.bus.tell(Kind::Health(HealthEvent {
            pool: Arc::clone(&self.pool),
            member: Arc::clone(&self.name),
            up,
            reason: reason.to_owned(),
        }));
    }

    pub(super) fn status(&self) -> MemberStatus {
        let inner = self.lock();
        MemberStatus {
            pool: Arc::clone(&self.pool),
            member: Arc::clone(&self.name),
            address: self.address,
            state: match inner.told {
                None => State::Checking,
                Some(true) => State::Up,
                Some(false) => State::Down,
            },
            since: inner.since.to_string(),
            reason: inner.reason.clone(),
            monitors: inner.views.iter().map(View::status).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn view(&mut self, plan: &MonitorPlan) -> Option<&mut View> {
        self.views.iter_mut().find(|view| view.plan == *plan)
    }
}

impl View {
    fn new(plan: MonitorPlan) -> Self {
        Self {
            plan,
            progress: Arc::default(),
            state: State::Checking,
            since: Timestamp::now(),
            probes: 0,
            failures: 0,
            last_probe: None,
            last_result: None,
        }
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.since = Timestamp::now();
        }
    }

    fn status(&self) -> MonitorStatus {
        MonitorStatus {
            monitor: self.plan.name.clone(),
            state: self.state,
            since: self.since.to_string(),
            probes: self.probes,
            failures: self.failures,
            last_probe: self.last_probe.map(|time| time.to_string()),
            last_result: self.last_result.as_ref().map(|result| match result {
                Ok(()) => "ok".to_owned(),
                Err(reason) => reason.clone(),
            }),
            step: self.progress.get(),
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("pool", &self.pool)
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
