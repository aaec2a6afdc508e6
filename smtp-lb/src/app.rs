//! Plan → components → tasks.

mod administration;
pub(crate) mod apply;
mod capture;
mod control;
mod error;
mod feedback;
mod log;
mod members;
mod monitors;
mod names;
pub(crate) mod picture;
mod profiles;
pub(crate) mod protection;
pub(crate) mod rings;
pub(crate) mod routing;
mod schedules;
pub(crate) mod services;
mod silent;
mod start;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::MutexGuard;
use tokio_util::task::AbortOnDropHandle;

use crate::admin::{Bounds, Refusal, Server};
use crate::config::plan::Plan;
use crate::event::model::{Kind, SystemEvent};
use crate::event::ring::Reader;
use crate::event::{Bus, Pipeline};
use crate::firewall::Firewall;
use crate::health::Health;
use crate::pool::Pools;
use crate::proxy::Proxy;
use crate::reload::reload;
use crate::reputation::Service;
use crate::security::Services;
use crate::shutdown::{Asked, Signals, shutdown};
use crate::state::Folder;
use crate::tls::{Profiles, Watch};

pub(crate) use crate::cause::cause;
use administration::Orders;
pub(crate) use apply::Applied;
use control::Shared;
pub use error::AppError;
pub(crate) use members::targets;
use names::Names;
pub(crate) use profiles::Configuration;
use protection::Protection;

/// The daemon's parts, while it runs.
pub(crate) struct Running {
    /// The file that a reload reads.
    pub(crate) config: PathBuf,
    /// What is in force.
    pub(crate) current: ArcSwap<Current>,
    /// Held for the time of a reload, and for ever by a stop.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) events: Pipeline,
    pub(crate) firewall: Arc<Firewall>,
    pub(crate) reputation: Service,
    pub(crate) health: Health,
    /// What security checks ask, remember and tell.
    pub(crate) services: Services,
    pub(crate) proxy: Proxy,
    /// Taken by the stop.
    pub(crate) reader: Mutex<Option<Reader>>,
    pub(crate) bus: Bus,
    /// What operators say of members.
    pub(crate) orders: Orders,
    /// Addresses of members' names.
    pub(crate) names: Names,
    /// A change of addresses or of schedules holds `reloading`, which a reload then waits for.
    readdressing: AtomicBool,
    /// SYN protection.
    pub(crate) protection: Protection,
    /// What survives a restart. `None`: nothing does, as was told at the start.
    #[allow(dead_code, reason = "what is kept there comes next")]
    pub(crate) state: Option<Arc<Folder>>,
    started: Instant,
    stopping: AtomicBool,
}

/// A plan and what was made of it. They change together.
pub(crate) struct Current {
    pub(crate) plan: Arc<Plan>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) profiles: Arc<Profiles>,
    /// The text that the plan was compiled from.
    pub(crate) source: Arc<str>,
    /// Grows with every change.
    pub(crate) revision: u64,
    /// Where the firewall is from, if it is not the configuration file's.
    pub(crate) applied: Option<Applied>,
    /// Ends with the profiles.
    watch: Arc<Watch>,
}

impl Current {
    /// Puts them in force together, and begins to follow the profiles' files.
    pub(crate) fn new(
        plan: Arc<Plan>,
        pools: Arc<Pools>,
        profiles: Arc<Profiles>,
        source: Arc<str>,
        former: u64,
        bus: &Bus,
    ) -> Self {
        Self {
            plan,
            pools,
            source,
            revision: former + 1,
            applied: None,
            watch: Arc::new(Watch::start(Arc::clone(&profiles), bus.clone())),
            profiles,
        }
    }

    /// The same with other members, as the next after `self`.
    pub(crate) fn with_members(&self, plan: Arc<Plan>, pools: Arc<Pools>) -> Self {
        Self {
            plan,
            pools,
            source: Arc::clone(&self.source),
            revision: self.revision,
            applied: self.applied.clone(),
            watch: Arc::clone(&self.watch),
            profiles: Arc::clone(&self.profiles),
        }
    }

    /// The same with another firewall, as the next after `self`.
    pub(crate) fn with_firewall(
        &self,
        plan: Arc<Plan>,
        source: Arc<str>,
        applied: Option<Applied>,
    ) -> Self {
        Self {
            plan,
            pools: Arc::clone(&self.pools),
            source,
            revision: self.revision + 1,
            applied,
            watch: Arc::clone(&self.watch),
            profiles: Arc::clone(&self.profiles),
        }
    }
}

impl Running {
    /// Emits an event about the daemon itself.
    pub(crate) fn tell(&self, what: &'static str, detail: String) {
        self.bus.tell(Kind::System(SystemEvent { what, detail }));
    }

    /// For a reload and the like: one at a time. A change of addresses is short, and waited for.
    pub(crate) async fn begin_change(&self) -> Result<MutexGuard<'_, ()>, Refusal> {
        match self.reloading.try_lock() {
            Ok(guard) => Ok(guard),
            Err(_) if self.readdressing.load(Ordering::Acquire) => Ok(self.reloading.lock().await),
            Err(_) => Err(Refusal::Busy),
        }
    }

    /// For a change of addresses or of schedules, which waits for its turn.
    pub(crate) async fn begin_readdressing(&self) -> Readdressing<'_> {
        let turn = self.reloading.lock().await;
        self.readdressing.store(true, Ordering::Release);
        Readdressing {
            running: self,
            _turn: turn,
        }
    }

    /// Whether nothing new is begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits for a reload to end and lets no other begin. A firewall that was not confirmed is
    /// rolled back: it stays attached, and nobody would. Returns how long sessions have.
    pub(crate) async fn begin_stop(&self) -> Duration {
        self.stopping.store(true, Ordering::Release);
        let _reload_has_ended = self.reloading.lock().await;
        tokio::task::block_in_place(|| apply::give_up(self));
        self.current.load().plan.general.grace
    }
}

/// A change of addresses or of schedules, for as long as it lives.
pub(crate) struct Readdressing<'a> {
    running: &'a Running,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for Readdressing<'_> {
    fn drop(&mut self) {
        self.running.readdressing.store(false, Ordering::Release);
    }
}

/// Runs the daemon with the configuration file at `config` until it is asked to stop.
///
/// # Errors
/// It could not start. What was begun is ended; the packet filter is left as it was found.
pub fn run(config: &Path) -> Result<(), AppError> {
    // Of the control plane: data-plane workers have runtimes of their own.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?
        .block_on(live(config))
}

async fn live(config: &Path) -> Result<(), AppError> {
    // Before anything is begun, so that a signal during the start is not lost or deadly.
    let mut signals = Signals::new().map_err(AppError::Runtime)?;
    let (running, claim) = start::start(config).await?;
    let running = Arc::new(running);
    let _server = Server::start(
        claim,
        Arc::new(Shared(Arc::clone(&running))),
        Bounds::default(),
    )
    .map_err(AppError::Runtime)?;
    let deadlines = Arc::clone(&running);
    let _deadlines = AbortOnDropHandle::new(tokio::spawn(async move {
        deadlines.orders.keep_deadlines(&deadlines).await;
    }));
    let follower = Arc::clone(&running);
    let _names = AbortOnDropHandle::new(tokio::spawn(async move {
        follower.names.follow(&follower).await;
    }));
    let scheduler = Arc::clone(&running);
    let _schedules = AbortOnDropHandle::new(tokio::spawn(async move {
        schedules::follow(&scheduler).await;
    }));
    let sharer = running.services.clone();
    let _shares = AbortOnDropHandle::new(tokio::spawn(async move {
        services::share(&sharer).await;
    }));
    let protector = Arc::clone(&running);
    let _protection = AbortOnDropHandle::new(tokio::spawn(async move {
        protection::follow(&protector).await;
    }));
    running.tell("started", format!("version {}", env!("CARGO_PKG_VERSION")));
    tracing::info!(config = %config.display(), "running");
    while signals.next().await == Asked::Reload {
        let running = Arc::clone(&running);
        // On its own, so that a stop need not wait to be heard; it tells its result itself.
        tokio::spawn(async move { reload(&running).await });
    }
    shutdown(&running, &mut signals).await;
    tracing::info!("stopped");
    Ok(())
}
