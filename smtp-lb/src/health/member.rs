//! A member: the views of its monitors, and the one verdict made of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::config::plan::MonitorPlan;
use crate::event::Bus;
use crate::event::model::{HealthEvent, Kind};

use super::probe::{Progress, Subject};
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
    subject: Subject,
    /// So many monitors must have it up.
    least: usize,
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
    /// Down until an operator says otherwise.
    held: bool,
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
                subject: target.subject(),
                least: 0,
                told: None,
                since: Timestamp::now(),
                reason: "not probed yet".to_owned(),
                views: Vec::new(),
            }),
        }
    }

    pub(super) fn is(&self, pool: &str, name: &str) -> bool {
        *self.pool == *pool && *self.name == *name
    }

    pub(super) fn key(&self) -> Key {
        (Arc::clone(&self.pool), Arc::clone(&self.name), self.address)
    }

    /// Goes on with these monitors, writing the verdict to the target's state.
    pub(super) fn rebind(&self, target: &Target, plans: Vec<MonitorPlan>) {
        let mut inner = self.lock();
        if let Some(up) = inner.told {
            target.state.set(up, &inner.reason);
        }
        inner.state = Arc::clone(&target.state);
        inner.subject = target.subject();
        inner.least = target.min_monitors.min(plans.len());
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
            self.judge(&mut inner, "the monitors were changed", "");
        }
    }

    /// A probe of this monitor starts. `None`: it was removed.
    pub(super) fn begin(&self, plan: &MonitorPlan) -> Option<(Arc<Progress>, Subject)> {
        let mut inner = self.lock();
        let subject = inner.subject.clone();
        let view = inner.view(plan)?;
        view.last_probe = Some(Timestamp::now());
        Some((Arc::clone(&view.progress), subject))
    }

    /// Sessions of clients that failed at the member, ever.
    pub(super) fn failures(&self) -> u64 {
        self.lock().state.failures()
    }

    /// A monitor that has no probes sees the member in another state. False: it was removed.
    pub(super) fn see(&self, plan: &MonitorPlan, state: State, reason: &str) -> bool {
        let mut inner = self.lock();
        let Some(view) = inner.view(plan) else {
            return false;
        };
        view.failures += u64::from(state == State::Down);
        view.enter(state);
        self.judge(&mut inner, reason, &plan.name);
        true
    }

    /// An operator lets a member up that its monitors hold down. Tells whether any did.
    pub(super) fn resume(&self) -> bool {
        let mut inner = self.lock();
        let mut any = None;
        for view in inner.views.iter_mut().filter(|view| view.held) {
            view.held = false;
            any = Some(view.plan.name.clone());
        }
        if let Some(monitor) = &any {
            self.judge(&mut inner, "resumed by an operator", monitor);
        }
        any.is_some()
    }

    /// A probe of this monitor ended, and left it in `state`.
    pub(super) fn end(&self, plan: &MonitorPlan, state: State, result: Result<(), String>) {
        let mut inner = self.lock();
        let Some(view) = inner.view(plan) else {
            return;
        };
        view.probes += 1;
        view.failures += u64::from(result.is_err());
        let reason = match &result {
            Ok(()) => format!("monitor {} succeeded", plan.name),
            Err(reason) => reason.clone(),
        };
        view.last_result = Some(result);
        view.enter(state);
        self.judge(&mut inner, &reason, &plan.name);
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
        self.judge(&mut inner, &reason, &plan.name);
    }

    /// Tells a change of the verdict, which is by this monitor.
    fn judge(&self, inner: &mut Inner, reason: &str, monitor: &str) {
        let views = inner.views.iter();
        let Some(up) = verdict(views.map(View::counts), inner.least) else {
            return;
        };
        if inner.told == Some(up) {
            return;
        }
        let now = Timestamp::now();
        let former = match inner.told {
            None => "checking",
            Some(true) => "up",
            Some(false) => "down",
        };
        // A clock that was set back makes it nothing.
        let lasted = now.duration_since(inner.since).as_secs();
        inner.told = Some(up);
        inner.since = now;
        reason.clone_into(&mut inner.reason);
        inner.state.set(up, reason);
        let (pool, member) = (&*self.pool, &*self.name);
        tracing::info!(
            pool,
            member,
            up,
            reason,
            monitor,
            "member is {}",
            if up { "up" } else { "down" }
        );
        self.bus.tell(Kind::Health(HealthEvent {
            pool: Arc::clone(&self.pool),
            member: Arc::clone(&self.name),
            up,
            reason: reason.to_owned(),
            monitor: monitor.into(),
            former,
            former_seconds: u64::try_from(lasted).unwrap_or(0),
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
            held: false,
        }
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.since = Timestamp::now();
            self.held |= state == State::Down && self.plan.manual_resume;
        }
    }

    /// As what it counts in the verdict.
    fn counts(&self) -> State {
        if self.held { State::Down } else { self.state }
    }

    fn status(&self) -> MonitorStatus {
        MonitorStatus {
            monitor: self.plan.name.clone(),
            state: self.state,
            since: self.since.to_string(),
            held: self.held,
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
