//! The data plane: listeners, sessions, relay.
//!
//! One thread to a worker, each with a single-threaded runtime and its own listening socket for
//! every address (`SO_REUSEPORT`), so that a session lives and dies on one core and takes no lock
//! but the pool's, for as long as a choice takes.
//! A session is one task: accept → member → connect → relay both ways → close.

mod bind;
mod connect;
mod counters;
mod deadline;
mod direction;
mod draining;
mod error;
mod feedback;
mod filter;
mod gateway;
mod identity;
mod leg;
mod listener;
mod open_files;
mod peer;
mod pipe;
mod refusal;
mod relay;
mod scratch;
mod server;
mod session;
mod snat;
mod socket;
mod status;
mod story;
mod tls;
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

pub use error::{ProxyError, ReloadWarning};
pub use feedback::{Feedback, Unheard};
pub use filter::{AcceptFilter, Admission, AllowAll};
pub use gateway::GatewayStatus;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use gateway::hostile;
pub use peer::HeaderStatus;
pub use snat::SnatPorts;
pub use status::{DrainReport, ProxyStatus, VirtualServerStatus};

use crate::clock;
use crate::config::plan::Plan;
use crate::event::Bus;
use crate::pool::Pools;
use crate::security::Services;
use crate::tls::Profiles;
use draining::Draining;
use feedback::Reporter;
use gateway::Learner;
use listener::{Door, Sockets};
use server::VirtualServer;
use snat::Registry;
use worker::Worker;

/// The running data plane.
pub struct Proxy {
    filter: Arc<dyn AcceptFilter>,
    feedback: Reporter,
    workers: Mutex<Vec<Worker>>,
    sessions: TaskTracker,
    draining: Arc<Draining>,
    registry: Registry,
    bus: Bus,
    services: Services,
    state: Mutex<State>,
}

/// What the plan in force made of the data plane.
#[derive(Default)]
struct State {
    servers: Vec<Arc<VirtualServer>>,
    /// By address as configured.
    doors: BTreeMap<SocketAddr, Arc<Door>>,
    learners: Vec<Learner>,
}

/// A plan whose new addresses are bound already, so that [`Proxy::commit`] cannot fail. Dropping
/// it gives them back.
pub struct Prepared {
    servers: Vec<Arc<VirtualServer>>,
    fresh: BTreeMap<SocketAddr, Sockets>,
    warnings: Vec<ReloadWarning>,
}

impl Proxy {
    /// Binds every address of the plan and begins to serve. Pools and profiles must be those of
    /// the plan.
    pub fn start(
        plan: &Plan,
        pools: &Pools,
        profiles: &Profiles,
        filter: Arc<dyn AcceptFilter>,
        feedback: Arc<dyn Feedback>,
        bus: Bus,
        services: Services,
    ) -> Result<Self, ProxyError> {
        open_files::raise_limit(plan);
        let workers = (0..plan.general.workers.max(1))
            .map(Worker::spawn)
            .collect::<Result<Vec<_>, _>>()?;
        let proxy = Self {
            filter,
            feedback: Reporter(feedback),
            workers: Mutex::new(workers),
            sessions: TaskTracker::new(),
            draining: Arc::default(),
            registry: Registry::new(bus.clone()),
            bus,
            services,
            state: Mutex::default(),
        };
        let prepared = proxy.prepare(plan, pools, profiles)?;
        proxy.commit(prepared);
        Ok(proxy)
    }

    /// Binds the addresses that are new in `plan`; nothing else changes, and nothing at all on an
    /// error. Reloads are made one after the other: of two plans prepared at once only one may
    /// be committed.
    pub fn prepare(
        &self,
        plan: &Plan,
        pools: &Pools,
        profiles: &Profiles,
    ) -> Result<Prepared, ProxyError> {
        let workers = self.workers();
        let state = self.state();
        self.registry.sweep();
        let common = (
            &self.sessions,
            &self.draining,
            &self.registry,
            &self.feedback,
            &self.bus,
            &self.services,
        );
        let servers: Vec<_> = plan
            .virtual_servers
            .iter()
            .map(|server| {
                let before = state.servers.iter().find(|old| old.name == server.name);
                Arc::new(VirtualServer::new(
                    server, plan, pools, profiles, before, common,
                ))
            })
            .collect();
        let own: Vec<_> = state.doors.values().map(|door| door.local).collect();
        let wanted = servers.iter().flat_map(|server| &server.listen);
        let fresh = wanted
            .filter(|address| !state.doors.contains_key(address))
            .map(|address| Ok((*address, Sockets::bind(*address, &own, &workers)?)))
            .collect::<Result<_, ProxyError>>()?;
        let warnings = ReloadWarning::about(workers.len(), plan.general.workers.max(1));
        Ok(Prepared {
            servers,
            fresh,
            warnings: warnings.into_iter().collect(),
        })
    }

    /// Puts a prepared plan in force: new sessions follow it, sessions in flight keep what they
    /// began with, addresses that stay never stop listening, and those that are gone do.
    pub fn commit(&self, prepared: Prepared) -> Vec<ReloadWarning> {
        let Prepared {
            servers,
            mut fresh,
            warnings,
        } = prepared;
        let workers = self.workers();
        let mut state = self.state();
        let mut before = std::mem::take(&mut state.doors);
        for server in &servers {
            for address in &server.listen {
                if let Some(door) = before.remove(address) {
                    door.lead_to(Arc::clone(server));
                    state.doors.insert(*address, door);
                } else if let Some(sockets) = fresh.remove(address) {
                    let door = Door::open(
                        sockets,
                        Arc::clone(server),
                        &self.filter,
                        &self.sessions,
                        &workers,
                    );
                    state.doors.insert(*address, door);
                }
            }
        }
        for door in before.values() {
            door.close();
        }
        state.learners = workers.first().map_or_else(Vec::new, |worker| {
            let learners = servers.iter();
            learners
                .filter_map(|server| Learner::start(server, worker.runtime()))
                .collect()
        });
        state.servers = servers;
        warnings
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> ProxyStatus {
        let state = self.state();
        let bound = |address: &SocketAddr| state.doors.get(address).map(|door| door.local);
        ProxyStatus {
            workers: self.workers().len(),
            virtual_servers: state
                .servers
                .iter()
                .map(|server| {
                    let listen = server.listen.iter().filter_map(bound).collect();
                    VirtualServerStatus::of(server, listen)
                })
                .collect(),
        }
    }

    /// Stops accepting at once, asks gateway sessions to end at the next message boundary, gives sessions in flight `grace` to end, and resets what is left
    /// then. Returns when every worker has ended.
    pub async fn drain(&self, grace: Duration) -> DrainReport {
        let (doors, learners) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.doors),
                std::mem::take(&mut state.learners),
            )
        };
        for door in doors.values() {
            door.close();
        }
        drop(learners);
        self.draining.begin();
        let in_flight = self.sessions.len();
        self.sessions.close();
        // Time running out is no error: the rest is reset below.
        let _ = tokio::time::timeout(grace, self.sessions.wait()).await;
        let aborted = self.sessions.len();
        let workers = std::mem::take(&mut *self.workers());
        workers.iter().for_each(Worker::stop);
        // Joining takes as long as resetting the sessions that are left: not the caller's loop's.
        let joined = tokio::task::spawn_blocking(move || drop(workers)).await;
        if let Err(error) = joined {
            tracing::error!(%error, "a worker could not be joined");
        }
        DrainReport {
            ended: in_flight.saturating_sub(aborted),
            aborted,
        }
    }

    /// Control plane only. A panic elsewhere leaves whole values behind: they are only assigned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workers(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
