//! Members by host name: looked up at the start, and again as long as the daemon runs.

mod kept;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Running;
use crate::admin::api::NameStatus;
use crate::clock;
use crate::config::plan::{Plan, PoolPlan};
use crate::dns::{Answer, DnsError, Noted, PATIENCE, Resolver, Table};
use crate::event::Bus;
use crate::event::model::{Kind, SystemEvent};
use crate::reload::readdress;
use crate::state::Folder;

/// Names that are asked at once.
const AT_ONCE: usize = 32;
/// A start and a reload wait for names of which nothing is known for so long at most.
const FIRST: Duration = Duration::from_secs(5);
/// Where there is nothing to ask, or a change cannot be taken up.
const IDLE: Duration = Duration::from_mins(1);
/// No busier than that, whatever happens.
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of the names of members.
pub(crate) struct Names {
    resolver: Resolver,
    table: Mutex<Table>,
    folder: Option<Arc<Folder>>,
    bus: Bus,
    /// The plan in force is another one.
    changed: Notify,
    /// What is known is not in the file.
    unkept: AtomicBool,
}

impl Names {
    /// With what was known before a restart.
    pub(crate) fn read(folder: Option<Arc<Folder>>, bus: Bus) -> Self {
        let known = folder.as_deref().map(kept::read).unwrap_or_default();
        Self {
            resolver: Resolver::default(),
            table: Mutex::new(Table::remembered(known)),
            folder,
            bus,
            changed: Notify::new(),
            unkept: AtomicBool::new(false),
        }
    }

    /// Gives the members of a plan the addresses that are known, after asking for a while for names of
    /// which none are. That the others have none yet must not keep a daemon from starting.
    pub(crate) async fn fill(&self, plan: &mut Plan) {
        let hosts: Vec<String> = plan.hosts().into_iter().map(str::to_owned).collect();
        let unknown: Vec<String> = {
            let table = self.table();
            hosts
                .into_iter()
                .filter(|host| !table.knows(host))
                .collect()
        };
        for some in unknown.chunks(AT_ONCE) {
            self.ask(some, FIRST).await;
        }
        self.settle(&mut plan.pools);
    }

    /// Gives members the addresses that are known.
    pub(crate) fn settle(&self, pools: &mut [PoolPlan]) {
        let table = self.table();
        let known = |host: &str| -> Vec<IpAddr> { table.addresses(host) };
        for pool in pools {
            pool.settle(&known);
        }
    }

    /// For `pool show`.
    pub(crate) fn status(&self, plan: &Plan) -> Vec<NameStatus> {
        let (table, now) = (self.table(), clock::coarse());
        let hosts = plan.hosts().into_iter();
        hosts
            .filter_map(|host| {
                let shown = table.show(host, now)?;
                let has = |pool: &&PoolPlan| pool.hosts.iter().any(|own| own.host == host);
                let pools = plan.pools.iter().filter(has);
                Some(NameStatus {
                    host: host.to_owned(),
                    pools: pools.map(|pool| pool.name.clone()).collect(),
                    addresses: shown.addresses.iter().map(ToString::to_string).collect(),
                    again_seconds: shown.again.as_secs(),
                    failures: shown.failures,
                    failure: shown.failure.map(|error| error.to_string()),
                })
            })
            .collect()
    }

    /// The plan in force is another one.
    pub(crate) fn plan_changed(&self) {
        self.changed.notify_one();
    }

    /// Keeps members at the addresses of their names. Never returns.
    pub(crate) async fn follow(&self, running: &Arc<Running>) {
        loop {
            let wait = self.round(running).await;
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep(wait) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks what is due. Returns how long nothing is.
    async fn round(&self, running: &Arc<Running>) -> Duration {
        let plan = Arc::clone(&running.current.load().plan);
        let hosts: BTreeSet<&str> = plan.hosts();
        let due = {
            let mut table = self.table();
            table.watch(&hosts);
            table.due(clock::coarse())
        };
        for some in due.chunks(AT_ONCE) {
            self.ask(some, PATIENCE).await;
        }
        if self.unkept.swap(false, Ordering::Relaxed)
            && let Some(folder) = &self.folder
        {
            let written = kept::write(folder, &self.table());
            if let Err(error) = written {
                // The next round tries again.
                self.unkept.store(true, Ordering::Relaxed);
                tracing::warn!("addresses of members' names are not kept: {error}");
            }
        }
        let mut pools = plan.pools.clone();
        self.settle(&mut pools);
        if pools != plan.pools && !readdress(running).await {
            return IDLE;
        }
        let next = self.table().next();
        next.map_or(IDLE, |next| next.saturating_sub(clock::coarse()))
    }

    /// Asks these names at once.
    async fn ask(&self, hosts: &[String], patience: Duration) {
        let asked = hosts.iter().map(|host| async move {
            let answer = timeout(patience, self.resolver.addresses(host)).await;
            (host, answer.unwrap_or(Err(DnsError::Timeout)))
        });
        for (host, answer) in join_all(asked).await {
            let noted = self.table().note(host, &answer, clock::coarse());
            if noted == Noted::Changed {
                self.unkept.store(true, Ordering::Relaxed);
            }
            self.tell(host, &answer, noted);
        }
    }

    fn tell(&self, host: &str, answer: &Result<Answer, DnsError>, noted: Noted) {
        let system = |what, detail| self.bus.tell(Kind::System(SystemEvent { what, detail }));
        match (noted, answer) {
            (Noted::Failing, Err(error)) => {
                let known = self.table().addresses(host).len();
                tracing::warn!(
                    host,
                    "the name cannot be resolved, {known} addresses are known: {error}"
                );
                system("resolution_failed", format!("{host}: {error}"));
            }
            (Noted::Mended, _) => {
                tracing::info!(host, "the name is resolved again");
                system("resolved_again", host.to_owned());
            }
            (Noted::Changed, Ok(answer)) => {
                let count = answer.addresses.len();
                tracing::info!(host, "the name has {count} addresses");
            }
            _ => {}
        }
    }

    /// A panic elsewhere leaves whole names behind.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
