//! A virtual server as sessions see it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::counters::Counters;
use super::draining::Draining;
use super::gateway::Gateway;
use super::snat::{Registry, Source};
use super::tls::MemberTls;
use crate::config::plan::{LimitsPlan, Mode, Plan, VirtualServerPlan, WhenDown};
use crate::pool::{Pool, Pools, client_key};
use crate::tls::{Acceptor, Profiles};

/// One virtual server of one plan. A session keeps the one that it began with.
#[derive(Debug)]
pub(super) struct VirtualServer {
    pub(super) name: String,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) limits: LimitsPlan,
    pub(super) pool: Arc<Pool>,
    /// What members see.
    pub(super) source: Source,
    /// What clients get that no member takes, if they are relayed.
    pub(super) when_down: WhenDown,
    /// TLS that clients begin with.
    pub(super) client_tls: Option<Arc<Acceptor>>,
    /// TLS that we begin with towards members.
    pub(super) member_tls: Option<MemberTls>,
    /// What it takes to read SMTP, if it does.
    pub(super) gateway: Option<Gateway>,
    pub(super) counters: Arc<Counters>,
    /// All that must have ended before the daemon does.
    pub(super) tasks: TaskTracker,
    pub(super) draining: Arc<Draining>,
}

impl VirtualServer {
    /// `plan` is one of those in `all`, from which pools and profiles were made.
    pub(super) fn new(
        plan: &VirtualServerPlan,
        all: &Plan,
        pools: &Pools,
        profiles: &Profiles,
        before: Option<&Arc<Self>>,
        (tasks, draining, registry): (&TaskTracker, &Arc<Draining>, &Registry),
    ) -> Self {
        let pool = pools.get(plan.pool);
        let gateway_before =
            before.and_then(|before| Some((before.gateway.as_ref()?, &*before.pool)));
        let member_tls = plan.server_tls.and_then(|id| {
            let pool = all.pools.get(plan.pool.0)?;
            Some(MemberTls::new(profiles.server(id), pool))
        });
        Self {
            name: plan.name.clone(),
            listen: plan.listen.clone(),
            limits: plan.limits,
            pool: Arc::clone(pool),
            source: Source::new(plan.snat, all, pool, registry),
            when_down: match (plan.mode, pool.when_down()) {
                // In a client's TLS there is no word of ours.
                (Mode::Passthrough, WhenDown::Reply) => WhenDown::Reset,
                (_, when_down) => when_down,
            },
            client_tls: plan.client_tls.map(|id| Arc::clone(profiles.client(id))),
            member_tls,
            gateway: Gateway::new(plan, all, pool, gateway_before),
            counters: before.map_or_else(Arc::default, |before| Arc::clone(&before.counters)),
            tasks: tasks.clone(),
            draining: Arc::clone(draining),
        }
    }

    /// Takes one of the virtual server's places for a client, unless all are taken.
    pub(super) fn admit(self: &Arc<Self>, client: SocketAddr) -> Option<Place> {
        let admitted = self.counters.enter(self.limits.connections);
        admitted.then(|| {
            Place(Box::new(Taken {
                server: Arc::clone(self),
                key: client_key(client.ip()),
                client,
            }))
        })
    }
}

/// Counts one session on a virtual server for as long as it lives. A pointer, because a session's state
/// holds it several times.
#[derive(Debug)]
pub(super) struct Place(Box<Taken>);

#[derive(Debug)]
struct Taken {
    server: Arc<VirtualServer>,
    /// What the pool knows the client by.
    key: u64,
    client: SocketAddr,
}

impl Place {
    /// What the pool knows the client by.
    pub(super) fn key(&self) -> u64 {
        self.0.key
    }

    /// The client.
    pub(super) fn client(&self) -> SocketAddr {
        self.0.client
    }
}

impl std::ops::Deref for Place {
    type Target = VirtualServer;

    fn deref(&self) -> &VirtualServer {
        &self.0.server
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.leave();
    }
}
