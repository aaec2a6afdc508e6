//! Where health and pools meet: health writes the state of the pools' members.

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::plan::Plan;
use crate::health::{MemberState, Target};
use crate::pool::{Member, Pools, State};
use crate::tls::Profiles;

impl MemberState for Member {
    fn set(&self, up: bool, reason: &str) {
        let state = if up { State::Up } else { State::Down };
        self.set_state(state, reason, SystemTime::now());
    }

    fn failures(&self) -> u64 {
        self.connect_failures()
            .saturating_add(self.refused_greetings())
            .saturating_add(self.faults())
    }
}

/// What health watches: the members of pools that have monitors.
pub(crate) fn targets(plan: &Plan, pools: &Pools, tls: &Arc<Profiles>) -> Vec<Target> {
    let pairs = plan.pools.iter().zip(pools.iter());
    pairs
        .flat_map(|(pool_plan, pool)| {
            let monitors = pool_plan.monitors.iter();
            let monitors: Vec<_> = monitors
                .filter_map(|id| plan.monitors.get(id.0))
                .cloned()
                .collect();
            let members = pool.members().iter().zip(&pool_plan.members);
            members.map(move |(member, member_plan)| Target {
                pool: pool.name().into(),
                member: member.name().into(),
                address: member.address(),
                host: member_plan.host.as_deref().map(Arc::from),
                monitors: monitors.clone(),
                min_monitors: pool_plan.min_monitors,
                tls: Arc::clone(tls),
                state: Arc::clone(member) as Arc<dyn MemberState>,
            })
        })
        .filter(|target| !target.monitors.is_empty())
        .collect()
}
