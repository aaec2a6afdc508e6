//! A virtual server as sessions see it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::counters::Counters;
use crate::config::plan::{LimitsPlan, VirtualServerPlan};
use crate::pool::{Pool, Pools};

/// One virtual server of one plan. A session keeps the one that it began with.
#[derive(Debug)]
pub(super) struct VirtualServer {
    pub(super) name: String,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) limits: LimitsPlan,
    pub(super) pool: Arc<Pool>,
    pub(super) counters: Arc<Counters>,
}

impl VirtualServer {
    pub(super) fn new(plan: &VirtualServerPlan, pools: &Pools, before: Option<&Arc<Self>>) -> Self {
        Self {
            name: plan.name.clone(),
            listen: plan.listen.clone(),
            limits: plan.limits,
            pool: Arc::clone(pools.get(plan.pool)),
            counters: before.map_or_else(Arc::default, |before| Arc::clone(&before.counters)),
        }
    }

    /// Takes one of the virtual server's places, unless all are taken.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Place> {
        let admitted = self.counters.enter(self.limits.connections);
        admitted.then(|| Place(Arc::clone(self)))
    }
}

/// Counts one session on a virtual server for as long as it lives.
#[derive(Debug)]
pub(super) struct Place(Arc<VirtualServer>);

impl std::ops::Deref for Place {
    type Target = VirtualServer;

    fn deref(&self) -> &VirtualServer {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counters.leave();
    }
}
