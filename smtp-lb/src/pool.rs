//! Pools and their members: state, balance, leases.
//!
//! Health writes a member's state, pools read it, nobody else writes it. What an operator says of a
//! member is a state of its own, which `app` writes: one that is down or not enabled gets nothing. A member that no probe
//! has judged yet is *checking* and gets traffic until it is proven down, so that a start or a
//! reload never begins with an outage of its own making.
//!
//! A choice is made under the pool's lock, so that limits hold and equals take turns over all
//! workers. Who finds all members at their limits may wait in line.

mod administration;
pub mod balance;
mod bells;
mod lease;
mod limit;
mod line;
mod member;
mod queue;
mod status;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use administration::{Administration, Order};
pub use balance::Tried;
pub(crate) use balance::client_key;
use balance::{Candidate, Question, Turn, WHOLE};
pub use lease::{Kept, Lease};
use limit::{Free, Limit};
pub use member::{Member, Standing, State};
use queue::Queue;
pub use status::{MemberStatus, PoolStatus};

use crate::clock;
use crate::config::plan::{Balance, MemberPlan, Plan, PoolId, PoolPlan, QueuePlan, WhenDown};

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

    /// These are in force from now on, in the place of `before`: members that only those have get no
    /// new sessions any more.
    pub fn take_over(&self, before: &Self) {
        for pool in before.iter() {
            let after = self.by_name(&pool.name);
            for member in &pool.members {
                let stays =
                    |pool: &Arc<Pool>| pool.members.iter().any(|it| Arc::ptr_eq(it, member));
                member.set_gone(!after.is_some_and(stays));
            }
            if let Some(after) = after {
                for member in &after.members {
                    member.set_gone(false);
                }
            }
        }
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
    min_active: usize,
    slow_ramp: Option<Duration>,
    limit: Limit,
    bounds: Option<QueuePlan>,
    when_down: WhenDown,
    /// Without monitors nobody judges the members, and all are usable.
    monitored: bool,
    members: Vec<Arc<Member>>,
    /// Names of entries in the file that name hosts.
    hosts: Vec<String>,
    /// What the plan says of each member.
    terms: Vec<Terms>,
    /// Not members any more; pruned when it is looked at.
    leaving: Mutex<Vec<Arc<Member>>>,
    queue: Arc<Queue>,
    desk: Mutex<Desk>,
}

/// What a plan says of a member beyond who it is.
#[derive(Debug, Clone, Copy)]
struct Terms {
    ratio: u32,
    priority: u32,
    limit: Limit,
}

impl Terms {
    /// Of a member that no plan has.
    const NONE: Self = Self {
        ratio: 1,
        priority: 0,
        limit: Limit::NONE,
    };
}

/// What one choice leaves to the next. Choices are made one after the other, so that limits hold
/// and equals take turns over all workers.
#[derive(Debug, Default)]
struct Desk {
    turn: Turn,
    /// State of the pool's bucket of new connections.
    bucket: u64,
    /// Empty; kept for its memory.
    candidates: Vec<Candidate>,
}

/// What a session asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What [`Balance::SourceHash`] knows the client by.
    pub client: u64,
    /// Members that it will not have.
    pub tried: &'a Tried,
    /// Members that it has a connection to already: limits do not bind it there.
    pub kept: &'a [usize],
}

/// Why there is no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None is up, of those that were not tried.
    Down,
    /// Some are up, and at their limits, or others wait for them.
    Full {
        /// When a rate will allow it again, if nothing else changes.
        again: Option<Duration>,
    },
}

impl Pool {
    fn from_plan(plan: &PoolPlan, previous: Option<&Arc<Self>>) -> Self {
        let monitored = !plan.monitors.is_empty();
        let queue = previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.queue));
        // Those that are there from the beginning have nobody to ramp against.
        let risen = previous.map(|_| clock::coarse());
        let member = |member: &MemberPlan| {
            let known = previous.and_then(|pool| pool.find(member));
            known.unwrap_or_else(|| Arc::new(Member::new(member, monitored, risen, &queue)))
        };
        let members: Vec<_> = plan.members.iter().map(member).collect();
        let leaving = previous.map_or_else(Vec::new, |pool| {
            let mut before = pool.leaving();
            before.extend(pool.members.iter().cloned());
            before.retain(|old| !members.iter().any(|member| Arc::ptr_eq(member, old)));
            before
        });
        let terms = plan.members.iter().map(|member| Terms {
            ratio: member.ratio,
            priority: member.priority,
            limit: Limit::new(member.limits),
        });
        Self {
            name: plan.name.clone(),
            balance: plan.balance,
            min_active: plan.min_active,
            slow_ramp: plan.slow_ramp,
            limit: Limit::new(plan.limits),
            bounds: plan.queue,
            when_down: plan.when_down,
            monitored,
            members,
            hosts: plan.hosts.iter().map(|host| host.name.clone()).collect(),
            terms: terms.collect(),
            leaving: Mutex::new(leaving),
            queue,
            desk: Mutex::default(),
        }
    }

    fn find(&self, plan: &MemberPlan) -> Option<Arc<Member>> {
        let same = |m: &&Arc<Member>| m.name() == plan.name && m.address() == plan.address;
        let found = self.members.iter().find(same).cloned();
        found.or_else(|| self.leaving().iter().find(same).cloned())
    }

    /// Unique name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the entries in the file that name hosts, whose addresses are members.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The members, in the order of the plan.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Whether new sessions may go to this member of the pool.
    #[must_use]
    pub fn is_usable(&self, member: &Member) -> bool {
        let healthy = !self.monitored || member.state() != State::Down;
        healthy && member.administration().takes_sessions() && !self.is_left(member)
    }

    /// Whether sessions that keep this pool, after another one took its place, should go elsewhere. If
    /// all that they know has gone they stay.
    fn is_left(&self, member: &Member) -> bool {
        member.is_gone() && !self.members.iter().all(|member| member.is_gone())
    }

    /// Members that a pool before this one had, and that still have connections. They end with these.
    fn leaving(&self) -> Vec<Arc<Member>> {
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.retain(|member| member.connections() > 0);
        leaving.clone()
    }

    /// What relayed clients get that no member takes.
    #[must_use]
    pub fn when_down(&self) -> WhenDown {
        self.when_down
    }

    fn bounds(&self) -> Option<QueuePlan> {
        self.bounds
    }

    /// Chooses a member that is usable, has room, and is not among those tried, and counts a session
    /// on it for as long as the lease lives. `now` is of one clock that never goes back; `chance` is
    /// any number.
    ///
    /// # Errors
    /// There is none; [`wait`](Self::wait) may help if they are full.
    pub fn pick(
        &self,
        request: &Request<'_>,
        now: Duration,
        chance: u64,
    ) -> Result<Lease, Refusal> {
        self.ask(request, now, chance, false)
    }

    /// As [`pick`](Self::pick). Who is not `in_line` gets nothing that others wait for.
    fn ask(
        &self,
        request: &Request<'_>,
        now: Duration,
        chance: u64,
        in_line: bool,
    ) -> Result<Lease, Refusal> {
        // What a panic leaves behind is a choice not made.
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = &mut *desk;
        let nanos = member::nanos(now);
        // After a reload there may be some in line where none forms any more.
        let behind = !in_line && self.bounds.is_some() && self.queue.waiting() > 0;
        let pool_free = self.limit.free(self.connections(), desk.bucket, nanos);
        let mut wanted = false;
        let mut again: Option<Duration> = None;
        desk.candidates.clear();
        for (index, (member, terms)) in self.members.iter().zip(&self.terms).enumerate() {
            let free = if request.kept.contains(&index) {
                Free::Now
            } else if behind {
                Free::Never
            } else {
                let free = terms
                    .limit
                    .free(member.connections(), member.bucket(), nanos);
                free.and(pool_free)
            };
            let usable = self.is_usable(member);
            let untried = !request.tried.contains(index);
            wanted |= usable && untried;
            if let Free::In(after) = free
                && usable
                && untried
            {
                again = Some(again.map_or(after, |soonest| soonest.min(after)));
            }
            let open = usable && free == Free::Now;
            desk.candidates.push(Candidate {
                open,
                eligible: open && untried,
                active: u64::try_from(member.active()).unwrap_or(u64::MAX),
                ratio: terms.ratio,
                priority: terms.priority,
                share: self.share(member, now),
                greeting: member.greeting(),
                key: member.key(),
            });
        }
        let question = Question {
            method: self.balance,
            min_active: self.min_active,
            client: request.client,
            chance,
        };
        let chosen = balance::choose(&question, &mut desk.candidates, &mut desk.turn);
        let found = chosen.and_then(|index| {
            let (member, terms) = (self.members.get(index)?, self.terms.get(index)?);
            Some((index, member, terms))
        });
        let Some((index, member, terms)) = found else {
            return Err(if wanted {
                Refusal::Full { again }
            } else {
                Refusal::Down
            });
        };
        if !request.kept.contains(&index) {
            desk.bucket = self.limit.taken(desk.bucket, nanos);
            member.set_bucket(terms.limit.taken(member.bucket(), nanos));
        }
        Ok(Lease::new(member, index))
    }

    /// Whether the connection of `lease` may be kept without a session: half of each limit is left to
    /// sessions, so that nobody waits for those that idle.
    #[must_use]
    pub fn may_keep(&self, lease: &Lease) -> bool {
        let terms = self.terms.get(lease.index());
        let connections = lease.member().connections();
        terms.is_none_or(|terms| terms.limit.is_roomy(connections))
            && self.limit.is_roomy(self.connections())
    }

    /// Connections to all members now.
    fn connections(&self) -> usize {
        self.members.iter().map(|member| member.connections()).sum()
    }

    /// What slow ramp lets a member have.
    fn share(&self, member: &Member, now: Duration) -> u32 {
        match (self.slow_ramp, member.risen_for(now)) {
            (Some(ramp), Some(elapsed)) => balance::share(elapsed, ramp),
            _ => WHOLE,
        }
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        status::of(self, clock::coarse())
    }
}

#[cfg(test)]
pub(crate) mod tests;
