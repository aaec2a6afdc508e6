//! Pools and their members: state, balance, leases.
//!
//! Health writes a member's state, pools read it, nobody else writes it. A member that no probe
//! has judged yet is *checking* and gets traffic until it is proven down, so that a start or a
//! reload never begins with an outage of its own making.

pub mod balance;
mod lease;
mod member;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use balance::Tried;
use balance::{Candidate, least_connections};
pub use lease::Lease;
pub use member::{Member, Standing, State};
pub use status::{MemberStatus, PoolStatus};

use crate::config::plan::{Balance, MemberPlan, Plan, PoolId, PoolPlan};

/// All pools of one plan.
#[derive(Debug)]
pub struct Pools {
    pools: Vec<Arc<Pool>>,
}

impl Pools {
    /// Makes the pools of `plan`. Members that `previous` already had, by pool name, member name
    /// and address, are the same objects, so their state and counters live on.
    #[must_use]
    pub fn from_plan(plan: &Plan, previous: Option<&Self>) -> Self {
        let pools = plan.pools.iter().map(|pool| {
            let before = previous.and_then(|pools| pools.by_name(&pool.name));
            Arc::new(Pool::from_plan(pool, before))
        });
        Self {
            pools: pools.collect(),
        }
    }

    /// The pool of an id. The id must be of the plan that these pools were made from.
    #[must_use]
    pub fn get(&self, id: PoolId) -> &Arc<Pool> {
        &self.pools[id.0]
    }

    /// The pool of a name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<Pool>> {
        self.iter().find(|pool| pool.name() == name)
    }

    /// All pools, in the order of the plan, so that the n-th is that of `PoolId(n)`.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Pool>> {
        self.pools.iter()
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> Vec<PoolStatus> {
        self.iter().map(|pool| pool.status()).collect()
    }
}

/// A group of mail servers that can stand in for each other.
#[derive(Debug)]
pub struct Pool {
    name: String,
    balance: Balance,
    /// Without monitors nobody judges the members, and all are usable.
    monitored: bool,
    members: Vec<Arc<Member>>,
    /// Where the search for the next member starts, so that equals take turns.
    start: AtomicUsize,
}

impl Pool {
    fn from_plan(plan: &PoolPlan, previous: Option<&Arc<Self>>) -> Self {
        let monitored = !plan.monitors.is_empty();
        let member = |member: &MemberPlan| {
            previous
                .and_then(|pool| pool.find(member))
                .cloned()
                .unwrap_or_else(|| Arc::new(Member::new(&member.name, member.address, monitored)))
        };
        Self {
            name: plan.name.clone(),
            balance: plan.balance,
            monitored,
            members: plan.members.iter().map(member).collect(),
            start: AtomicUsize::new(0),
        }
    }

    fn find(&self, plan: &MemberPlan) -> Option<&Arc<Member>> {
        let same = |m: &&Arc<Member>| m.name() == plan.name && m.address() == plan.address;
        self.members.iter().find(same)
    }

    /// Unique name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The members, in the order of the plan.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Whether new sessions may go to this member of the pool.
    #[must_use]
    pub fn is_usable(&self, member: &Member) -> bool {
        !self.monitored || member.state() != State::Down
    }

    /// Chooses a member that is usable and not among `tried`, and counts a session on it for as
    /// long as the lease lives. `None`: there is none left.
    #[must_use]
    pub fn pick(&self, tried: &Tried) -> Option<Lease> {
        let candidates = self.members.iter().map(|member| Candidate {
            usable: self.is_usable(member),
            active: member.active(),
        });
        let start = self.start.load(Ordering::Relaxed);
        let index = match self.balance {
            Balance::LeastConnections => least_connections(candidates, tried, start),
        }?;
        self.start.store(index + 1, Ordering::Relaxed);
        Some(Lease::new(Arc::clone(self.members.get(index)?), index))
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        PoolStatus {
            name: self.name.clone(),
            monitored: self.monitored,
            members: self
                .members
                .iter()
                .map(|member| MemberStatus::of(member, self.monitored))
                .collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
