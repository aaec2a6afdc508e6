//! Collectors that share the records of a destination: which is next, and which is there.

mod share;
mod watch;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::plan::{CollectorPlan, CollectorsPlan};

/// One that failed is left alone for so long, unless all have failed.
const AVOID: Duration = Duration::from_secs(5);

/// The collectors of a destination.
#[derive(Debug)]
pub(super) struct Collectors {
    plan: CollectorsPlan,
    states: Mutex<Vec<State>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    down: bool,
    /// When it came up again.
    up_since: Option<Instant>,
    avoid_until: Option<Instant>,
    /// What it is owed.
    credit: i64,
}

impl Collectors {
    pub(super) fn new(plan: &CollectorsPlan) -> Arc<Self> {
        Arc::new(Self {
            states: Mutex::new(vec![State::default(); plan.members.len()]),
            plan: plan.clone(),
        })
    }

    /// Looks after them until `stop`.
    pub(super) fn watch(self: &Arc<Self>, stop: &CancellationToken) {
        if let Some(how) = self.plan.watch {
            for place in 0..self.plan.members.len() {
                let watch = watch::watch(Arc::clone(self), place, how);
                let stop = stop.clone();
                tokio::spawn(async move { stop.run_until_cancelled(watch).await });
            }
        }
    }

    pub(super) fn is_many(&self) -> bool {
        self.plan.members.len() > 1
    }

    /// Whose turn it is. Where none is up, all are tried.
    pub(super) fn next(&self, now: Instant) -> usize {
        let mut states = self.lock();
        let weights = |fit: fn(&State, Instant) -> bool| {
            let weight = |state: &State| {
                let ramp = self.plan.slow_ramp.unwrap_or_default();
                let up = state
                    .up_since
                    .map(|since| now.saturating_duration_since(since));
                if fit(state, now) {
                    share::weight(up, ramp)
                } else {
                    0
                }
            };
            states.iter().map(weight).collect::<Vec<_>>()
        };
        let mut weights = [
            weights(|state, now| !state.down && state.avoid_until.is_none_or(|until| until <= now)),
            weights(|state, _| !state.down),
            weights(|_, _| true),
        ]
        .into_iter()
        .filter(|weights| weights.iter().any(|weight| *weight > 0));
        let weights = weights.next().unwrap_or_default();
        let mut credits: Vec<i64> = states.iter().map(|state| state.credit).collect();
        let chosen = share::choose(&weights, &mut credits);
        for (state, credit) in states.iter_mut().zip(credits) {
            state.credit = credit;
        }
        chosen.unwrap_or(0)
    }

    pub(super) fn member(&self, place: usize) -> Option<&CollectorPlan> {
        self.plan.members.get(place)
    }

    pub(super) fn address(&self, place: usize) -> Option<SocketAddr> {
        self.member(place).map(|member| member.address)
    }

    /// It failed us.
    pub(super) fn failed(&self, place: usize, now: Instant) {
        if let Some(state) = self.lock().get_mut(place) {
            state.avoid_until = Some(now + AVOID);
        }
    }

    /// What the watch found. Tells whether that is new.
    fn found(&self, place: usize, up: bool, now: Instant) -> bool {
        let mut states = self.lock();
        let Some(state) = states.get_mut(place) else {
            return false;
        };
        let changed = state.down == up;
        if changed {
            state.down = !up;
            state.up_since = up.then_some(now);
        }
        changed
    }

    /// Their addresses, those that are down in brackets.
    pub(super) fn shown(&self) -> String {
        let states = self.lock();
        let members = self.plan.members.iter().zip(states.iter());
        let members = members.map(|(member, state)| {
            if state.down {
                format!("[{} down]", member.address)
            } else {
                member.address.to_string()
            }
        });
        members.collect::<Vec<_>>().join(", ")
    }

    /// A panic elsewhere leaves whole states behind.
    fn lock(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::WatchPlan;

    fn collectors(number: u8) -> Arc<Collectors> {
        Collectors::new(&CollectorsPlan {
            members: (1..=number)
                .map(|last| CollectorPlan {
                    address: ([127, 0, 0, last], 514).into(),
                    host: None,
                })
                .collect(),
            watch: Some(WatchPlan {
                icmp: true,
                interval: Duration::from_secs(30),
                timeout: Duration::from_secs(91),
            }),
            slow_ramp: Some(Duration::from_secs(100)),
        })
    }

    fn counts(collectors: &Collectors, now: Instant, turns: usize) -> Vec<usize> {
        let mut counts = vec![0; collectors.plan.members.len()];
        for _ in 0..turns {
            counts[collectors.next(now)] += 1;
        }
        counts
    }

    #[test]
    fn they_take_turns_and_those_that_are_away_have_none() {
        let collectors = collectors(3);
        let now = Instant::now();
        assert_eq!(counts(&collectors, now, 300), [100, 100, 100]);
        assert!(collectors.found(1, false, now));
        assert!(!collectors.found(1, false, now), "that is known");
        assert_eq!(counts(&collectors, now, 300), [150, 0, 150]);
        assert!(collectors.shown().contains("[127.0.0.2:514 down]"));
        collectors.failed(0, now);
        assert_eq!(counts(&collectors, now, 30), [0, 0, 30]);
        collectors.failed(2, now);
        assert_eq!(
            counts(&collectors, now, 30)[1],
            0,
            "down is worse than failed"
        );
        let later = now + AVOID;
        assert_eq!(counts(&collectors, later, 100)[1], 0);
        collectors.found(0, false, later);
        collectors.found(2, false, later);
        assert_eq!(
            counts(&collectors, later, 300),
            [100, 100, 100],
            "none is up"
        );
    }

    #[test]
    fn one_that_came_up_gets_its_share_slowly() {
        let collectors = collectors(2);
        let now = Instant::now();
        collectors.found(0, false, now);
        collectors.found(0, true, now);
        for (seconds, share) in [(1, 0..5), (50, 28..40), (100, 45..56), (1000, 45..56)] {
            let counts = counts(&collectors, now + Duration::from_secs(seconds), 100);
            assert!(share.contains(&counts[0]), "{seconds} s: {counts:?}");
        }
    }
}
