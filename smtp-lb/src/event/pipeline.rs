//! The pipeline as a whole: started, changed as one, asked, stopped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::plan::LogPlan;

use super::EventError;
use super::bus::Bus;
use super::destination::{Destination, Ready};
use super::follow::{BEHIND, Follower};
use super::label::Labels;
use super::losses;
use super::model::{Event, Kind, SystemEvent};
use super::packet::{Item, Packets};
use super::publisher::{Counters, Publisher, Table};
use super::routes::Routes;
use super::status::{FollowerStatus, LogStatus, TestReport};
use super::timing::Timing;
use crate::tls::Profiles;

/// Test records that are given at once, and the pause where there is no room.
const TEST_BATCH: usize = 1000;
const TEST_PAUSE: Duration = Duration::from_millis(2);

/// The running event pipeline. It ends by [`Pipeline::shutdown`]; dropped, its tasks go on.
#[derive(Debug)]
pub struct Pipeline {
    bus: Bus,
    tables: watch::Sender<Arc<Table>>,
    followers: broadcast::WeakSender<Arc<Event>>,
    missed: Arc<AtomicU64>,
    counters: Arc<Counters>,
    publisher: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
    timing: Timing,
    /// Those in force, for destinations to shake hands with.
    profiles: Arc<ArcSwap<Profiles>>,
}

/// A change that is ready and cannot fail any more. Dropped, it changes nothing.
#[derive(Debug)]
pub struct Prepared {
    log: LogPlan,
    routes: Routes,
    profiles: Arc<Profiles>,
    destinations: Vec<Next>,
}

#[derive(Debug)]
enum Next {
    Kept(Arc<Destination>),
    New(Box<Ready>),
}

impl Pipeline {
    /// Starts on the current tokio runtime.
    pub fn start(
        log: &LogPlan,
        routes: Routes,
        profiles: &Arc<Profiles>,
    ) -> Result<(Self, Bus), EventError> {
        Self::start_timed(log, routes, profiles, Timing::STANDARD)
    }

    pub(super) fn start_timed(
        log: &LogPlan,
        routes: Routes,
        profiles: &Arc<Profiles>,
        timing: Timing,
    ) -> Result<(Self, Bus), EventError> {
        let shared = Arc::new(ArcSwap::new(Arc::clone(profiles)));
        let prepared = prepare(log, routes, &[], timing, (profiles, &shared))?;
        let (bus, receiver) = Bus::channel(log.bus_capacity);
        let table = prepared.into_table(bus.labels());
        let (tables, watched) = watch::channel(Arc::new(table));
        let (followers, _) = broadcast::channel(BEHIND);
        let counters = Arc::<Counters>::default();
        let stop = CancellationToken::new();
        let pipeline = Self {
            bus: bus.clone(),
            followers: followers.downgrade(),
            missed: Arc::default(),
            counters: Arc::clone(&counters),
            publisher: Mutex::default(),
            stop: stop.clone(),
            timing,
            tables,
            profiles: shared,
        };
        tokio::spawn(losses::watch(bus.clone(), watched.clone(), stop.clone()));
        let publisher = Publisher {
            packets: Packets::new(Arc::clone(bus.labels())),
            bus: receiver,
            tables: watched,
            followers,
            counters,
            stop,
        };
        let task = tokio::spawn(publisher.run());
        *pipeline
            .publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok((pipeline, bus))
    }

    /// Makes ready what `log` needs and does not run yet. Destinations whose plan is the same
    /// will go on with their connection, queue and counters. Of the bus only a restart changes
    /// the capacity.
    pub fn prepare(
        &self,
        log: &LogPlan,
        routes: Routes,
        profiles: &Arc<Profiles>,
    ) -> Result<Prepared, EventError> {
        let table = Arc::clone(&self.tables.borrow());
        let profiles = (profiles, &self.profiles);
        prepare(log, routes, &table.destinations, self.timing, profiles)
    }

    /// Puts a prepared change in force. Destinations that are no more send what they hold, in
    /// their own time, and end. Must be called within the runtime.
    pub fn commit(&self, prepared: Prepared) {
        if prepared.log.bus_capacity != self.bus.status().capacity {
            tracing::warn!("the capacity of the event bus changes with the next restart");
        }
        // Before what is new starts to shake hands.
        self.profiles.store(Arc::clone(&prepared.profiles));
        let table = Arc::new(prepared.into_table(self.bus.labels()));
        for destination in &table.destinations {
            destination.nudge();
        }
        // The old table goes with its last reader, and with it the destinations only it named.
        self.tables.send_replace(table);
    }

    /// State and counters.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let table = Arc::clone(&self.tables.borrow());
        let destinations = table.destinations.iter();
        LogStatus {
            // Of whoever has the filter.
            ring: None,
            destinations: destinations
                .map(|destination| destination.status())
                .collect(),
            publisher: self.counters.status(),
            followers: FollowerStatus {
                count: self
                    .followers
                    .upgrade()
                    .map_or(0, |followers| followers.receiver_count()),
                lost: self.missed.load(Ordering::Relaxed),
            },
            bus: self.bus.status(),
        }
    }

    /// Hands `count` test records to one destination, past bus and profiles, and waits `within` for them to
    /// be sent or lost. `None`: there is no such destination.
    pub async fn test(&self, name: &str, count: usize, within: Duration) -> Option<TestReport> {
        let table = Arc::clone(&self.tables.borrow());
        let mut destinations = table.destinations.iter();
        let destination = destinations.find(|destination| destination.plan().name == name)?;
        let before = destination.status();
        let started = Instant::now();
        let capacity = before.capacity;
        let mut given = 0;
        let mut done = false;
        loop {
            let status = destination.status();
            let settled = status.sent + status.lost.total() - (before.sent + before.lost.total());
            let late = started.elapsed() >= within;
            // With a queue on disk it is enough that they are there, if nothing is sent in time.
            if given == count && (settled >= before.queued + given as u64 || late) {
                done = settled >= before.queued + given as u64;
            }
            if done || late {
                return Some(TestReport::new(
                    given,
                    done,
                    &before,
                    &status,
                    started.elapsed(),
                ));
            }
            let room =
                capacity.saturating_sub(usize::try_from(status.in_memory()).unwrap_or(capacity));
            let next = (count - given).min(room).min(TEST_BATCH);
            if next > 0 {
                let events = (given + 1..=given + next).map(|number| {
                    let detail = format!("test record {number} of {count}");
                    Item::from(Event::now(Kind::System(SystemEvent {
                        what: "log_test",
                        detail,
                    })))
                });
                destination.offer(&mut events.collect());
                given += next;
            } else {
                tokio::time::sleep(TEST_PAUSE).await;
            }
        }
    }

    /// Follows all events from now on, also those that no profile asks for.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower::new(self.followers.upgrade(), Arc::clone(&self.missed))
    }

    /// Takes no more events, sends what is held, and gives up what is left after `within`,
    /// of which no more than 30 s are used. Returns the last counters.
    pub async fn shutdown(&self, within: Duration) -> LogStatus {
        let deadline = Instant::now() + within;
        self.stop.cancel();
        let task = self
            .publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut task) = task
            && tokio::time::timeout_at(deadline, &mut task).await.is_err()
        {
            task.abort();
        }
        let table = Arc::clone(&self.tables.borrow());
        for destination in &table.destinations {
            destination.close();
        }
        for destination in &table.destinations {
            destination.finish(deadline).await;
        }
        self.status()
    }
}

fn prepare(
    log: &LogPlan,
    routes: Routes,
    running: &[Arc<Destination>],
    timing: Timing,
    (profiles, shared): (&Arc<Profiles>, &Arc<ArcSwap<Profiles>>),
) -> Result<Prepared, EventError> {
    let next = log.destinations.iter().map(|plan| {
        let mut running = running.iter();
        match running.find(|destination| destination.plan() == plan) {
            Some(destination) => Ok(Next::Kept(Arc::clone(destination))),
            None => Ok(Next::New(Box::new(Ready::prepare(plan, timing, shared)?))),
        }
    });
    Ok(Prepared {
        destinations: next.collect::<Result<_, _>>()?,
        log: log.clone(),
        routes,
        profiles: Arc::clone(profiles),
    })
}

impl Prepared {
    fn into_table(self, labels: &Arc<Labels>) -> Table {
        let destinations = self.destinations.into_iter().map(|next| match next {
            Next::Kept(destination) => destination,
            Next::New(ready) => ready.start(labels),
        });
        Table::new(&self.log, self.routes, destinations.collect())
    }
}

#[cfg(test)]
mod tests;
