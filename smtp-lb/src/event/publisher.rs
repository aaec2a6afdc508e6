//! From the bus to the destinations of each event's log profile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::plan::LogPlan;

use super::destination::Destination;
use super::model::{Event, Kind};
use super::routes::Routes;
use super::status::PublisherStatus;

/// Events taken off the bus at once.
const BATCH: usize = 256;

/// Who is told what: one configuration's profiles, compiled.
#[derive(Debug)]
pub(super) struct Table {
    routes: Routes,
    profiles: Vec<Profile>,
    pub(super) destinations: Vec<Arc<Destination>>,
}

#[derive(Debug)]
struct Profile {
    accept: bool,
    drop: bool,
    destinations: Vec<usize>,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
enum Choice<'a> {
    /// Offered to these of the table's destinations.
    Publish(&'a [usize]),
    /// Its profile does not ask for it.
    Filtered,
    /// It has no profile.
    Unrouted,
}

impl Table {
    /// `destinations` are those of `log`, in its order.
    pub(super) fn new(log: &LogPlan, routes: Routes, destinations: Vec<Arc<Destination>>) -> Self {
        let members = |publisher: usize| {
            let publisher = log.publishers.get(publisher);
            let ids = publisher.map(|publisher| publisher.destinations.iter());
            let mut members: Vec<usize> = ids.into_iter().flatten().map(|id| id.0).collect();
            members.retain(|&id| id < destinations.len());
            members.sort_unstable();
            members.dedup();
            members
        };
        let profiles = log.profiles.iter().map(|profile| Profile {
            accept: profile.accept,
            drop: profile.drop,
            destinations: members(profile.publisher.0),
        });
        Self {
            routes,
            profiles: profiles.collect(),
            destinations,
        }
    }

    fn choose(&self, event: &Event) -> Choice<'_> {
        let profile = self.routes.profile(event);
        let Some(profile) = profile.and_then(|id| self.profiles.get(id.0)) else {
            return Choice::Unrouted;
        };
        let asked = match &event.kind {
            Kind::Firewall(packet) if packet.action == "accept" => profile.accept,
            Kind::Firewall(_) => profile.drop,
            Kind::Health(_) | Kind::Member(_) | Kind::System(_) => true,
        };
        if asked {
            Choice::Publish(&profile.destinations)
        } else {
            Choice::Filtered
        }
    }
}

/// Counters that outlive a reload.
#[derive(Debug, Default)]
pub(super) struct Counters {
    published: AtomicU64,
    filtered: AtomicU64,
    unrouted: AtomicU64,
}

impl Counters {
    pub(super) fn status(&self) -> PublisherStatus {
        PublisherStatus {
            published: self.published.load(Ordering::Relaxed),
            filtered: self.filtered.load(Ordering::Relaxed),
            unrouted: self.unrouted.load(Ordering::Relaxed),
        }
    }
}

/// The publisher's task.
pub(super) struct Publisher {
    pub(super) bus: mpsc::Receiver<Event>,
    pub(super) tables: watch::Receiver<Arc<Table>>,
    pub(super) followers: broadcast::Sender<Arc<Event>>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// Runs until `stop`, then hands on what the bus still holds and ends.
    pub(super) async fn run(mut self) {
        let mut events = Vec::with_capacity(BATCH);
        let mut staged: Vec<Vec<Arc<Event>>> = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.bus.is_closed() => self.bus.close(),
                taken = self.bus.recv_many(&mut events, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    let table = self.tables.borrow().clone();
                    self.publish(&table, &mut events, &mut staged);
                }
            }
        }
    }

    /// Hands on a batch, taking each destination's lock once.
    fn publish(&self, table: &Table, events: &mut Vec<Event>, staged: &mut Vec<Vec<Arc<Event>>>) {
        staged.resize_with(table.destinations.len(), Vec::new);
        let (mut published, mut filtered, mut unrouted) = (0, 0, 0);
        let followed = self.followers.receiver_count() > 0;
        for event in events.drain(..) {
            let event = Arc::new(event);
            match table.choose(&event) {
                Choice::Publish(destinations) => {
                    published += 1;
                    for &destination in destinations {
                        if let Some(records) = staged.get_mut(destination) {
                            records.push(Arc::clone(&event));
                        }
                    }
                }
                Choice::Filtered => filtered += 1,
                Choice::Unrouted => unrouted += 1,
            }
            if followed {
                // An error says that the last follower has just left.
                let _ = self.followers.send(event);
            }
        }
        for (destination, records) in table.destinations.iter().zip(staged) {
            destination.offer(records);
        }
        let counters = &self.counters;
        counters.published.fetch_add(published, Ordering::Relaxed);
        counters.filtered.fetch_add(filtered, Ordering::Relaxed);
        counters.unrouted.fetch_add(unrouted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{LogProfilePlan, PublisherId};
    use crate::event::format::samples;

    #[test]
    fn profiles_filter_packets_only() {
        let profile = |accept, drop| LogProfilePlan {
            name: "p".to_owned(),
            publisher: PublisherId(0),
            accept,
            drop,
        };
        let log = LogPlan {
            destinations: Vec::new(),
            publishers: Vec::new(),
            profiles: vec![
                profile(true, false),
                profile(false, true),
                profile(false, false),
            ],
            system_profile: None,
            bus_capacity: 1,
        };
        let routes = Routes::of(&[("a", 0), ("d", 1), ("gone", 7)], None, Some(2));
        let table = Table::new(&log, routes, Vec::new());
        let publish = || Choice::Publish(&[]);
        let cases = [
            (samples::packet("accept", "a"), publish()),
            (samples::packet("drop", "a"), Choice::Filtered),
            (samples::packet("accept", "d"), Choice::Filtered),
            (samples::packet("drop", "d"), publish()),
            (samples::packet("drop", "gone"), Choice::Unrouted),
            (samples::packet("drop", ""), Choice::Unrouted),
            (samples::health(true, "x"), publish()),
            (samples::system("started", "x"), publish()),
        ];
        for (event, choice) in cases {
            assert_eq!(table.choose(&event), choice, "{event:?}");
        }
    }
}
