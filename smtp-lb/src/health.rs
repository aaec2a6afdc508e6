//! Member state from monitors. Health writes it, the pool reads it.
//!
//! As on BIG-IP: a probe starts every `interval`, and a member goes down when none has succeeded
//! for `timeout`, whatever the failures were. A refused connect, too, counts only by that
//! time-out, unless `fall` says otherwise. `rise` successes bring it up. Until the first success or
//! the first time-out nothing is said of a member. All monitors of a member must agree that it is
//! up, or `min_monitors` of them.

mod inband;
mod member;
pub mod probe;
mod schedule;
mod status;
mod threshold;
mod watch;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::AbortOnDropHandle;

use crate::config::plan::MonitorPlan;
use crate::event::Bus;

use crate::tls::Profiles;

use member::Member;
pub use probe::Subject;
pub use status::{MemberStatus, MonitorStatus};
pub use threshold::State;

/// Where the verdict on a member is written. Called rarely, and never from two threads at once
/// for one member; it must not block, and must not call back into [`Health`].
pub trait MemberState: Send + Sync {
    /// The member is up or down from now on. `reason` is printable ASCII.
    fn set(&self, up: bool, reason: &str);

    /// Sessions of clients that failed at the member for its own fault, ever.
    fn failures(&self) -> u64;
}

/// A member to be watched.
pub struct Target {
    /// Name of its pool.
    pub pool: Arc<str>,
    /// Its name, unique within the pool.
    pub member: Arc<str>,
    /// Where it is.
    pub address: SocketAddr,
    /// The host name it is configured with.
    pub host: Option<Arc<str>>,
    /// What is asked of it. Without any it is up.
    pub monitors: Vec<MonitorPlan>,
    /// It is up while so many of them say so, or all if there are fewer.
    pub min_monitors: usize,
    /// The TLS profiles of the plan that the monitors are of.
    pub tls: Arc<Profiles>,
    /// Where the verdict is written.
    pub state: Arc<dyn MemberState>,
}

impl Target {
    fn subject(&self) -> Subject {
        Subject {
            address: self.address,
            host: self.host.clone(),
            tls: Arc::clone(&self.tls),
        }
    }
}

/// The running monitors. Dropped, they end.
#[derive(Debug)]
pub struct Health {
    bus: Bus,
    watched: Mutex<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    member: Arc<Member>,
    tasks: Vec<(MonitorPlan, AbortOnDropHandle<()>)>,
}

impl Health {
    /// Starts a task for each member and monitor on the current tokio runtime.
    #[must_use]
    pub fn start(targets: Vec<Target>, bus: Bus) -> Self {
        let health = Self {
            bus,
            watched: Mutex::default(),
        };
        health.reload(targets);
        health
    }

    /// Watches `targets` from now on. A member of the same pool, name and address keeps its
    /// state, which its new [`MemberState`] is told at once, and a monitor of the same plan goes
    /// on undisturbed. Must be called within the runtime.
    pub fn reload(&self, targets: Vec<Target>) {
        let mut watched = self.lock();
        let mut before: HashMap<_, _> = watched
            .drain(..)
            .map(|watched| (watched.member.key(), watched))
            .collect();
        watched.extend(targets.into_iter().map(|target| {
            let key = (
                Arc::clone(&target.pool),
                Arc::clone(&target.member),
                target.address,
            );
            self.watch(before.remove(&key), &target)
        }));
    }

    fn watch(&self, before: Option<Watched>, target: &Target) -> Watched {
        let mut plans: Vec<MonitorPlan> = Vec::new();
        for plan in &target.monitors {
            if !plans.contains(plan) {
                plans.push(plan.clone());
            }
        }
        let Watched { member, mut tasks } = before.unwrap_or_else(|| Watched {
            member: Arc::new(Member::new(target, self.bus.clone())),
            tasks: Vec::new(),
        });
        tasks.retain(|(plan, _)| plans.contains(plan));
        let new = plans
            .iter()
            .filter(|plan| !tasks.iter().any(|(known, _)| known == *plan));
        let new: Vec<MonitorPlan> = new.cloned().collect();
        member.rebind(target, plans);
        for plan in new {
            let task = tokio::spawn(watch::run(Arc::clone(&member), plan.clone()));
            tasks.push((plan, AbortOnDropHandle::new(task)));
        }
        Watched { member, tasks }
    }

    /// What is known of each member, in the order of the targets.
    #[must_use]
    pub fn status(&self) -> Vec<MemberStatus> {
        let watched = self.lock();
        watched
            .iter()
            .map(|watched| watched.member.status())
            .collect()
    }

    /// Lets members of this pool and name up that their monitors hold down since an operator is
    /// to resume them. Tells whether there was such a member, and whether it was held.
    #[must_use]
    pub fn resume(&self, pool: &str, member: &str) -> Option<bool> {
        let watched = self.lock();
        let named = watched.iter().filter(|it| it.member.is(pool, member));
        named.map(|it| it.member.resume()).reduce(|a, b| a || b)
    }

    /// Ends all monitors; probes under way are cut off. Member states stay as they are.
    pub fn shutdown(&self) {
        for watched in self.lock().iter_mut() {
            watched.tasks.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
