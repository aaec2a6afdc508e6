//! From the bus to the destinations of each event's log profile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::config::plan::{LogPlan, Sessions};

use super::bus::Receiver;
use super::destination::Destination;
use super::limits::{Bounds, Class, Limiter, PERIOD};
use super::model::{Event, Kind, SystemEvent};
use super::packet::{Item, Packets};
use super::routes::Routes;
use super::status::PublisherStatus;

/// Events taken off the bus at once.
const BATCH: usize = 256;
/// Choices that are kept: a power of two.
const CHOICES: usize = 1024;
/// Time between two looks at what was left out.
const TICK: Duration = Duration::from_secs(1);

/// Who is told what: one configuration's profiles, compiled.
#[derive(Debug)]
pub(super) struct Table {
    routes: Routes,
    profiles: Vec<Profile>,
    pub(super) destinations: Vec<Arc<Destination>>,
}

#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one key of the configuration"
)]
struct Profile {
    name: String,
    accept: bool,
    drop: bool,
    reject: bool,
    staged: bool,
    reputation: bool,
    sessions: Sessions,
    violations: bool,
    bounds: Bounds,
    destinations: Vec<usize>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Offered to the destinations of this one of the table's profiles, unless its bounds are passed.
    Publish(usize, Class),
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
            name: profile.name.clone(),
            accept: profile.accept,
            drop: profile.drop,
            reject: profile.reject,
            staged: profile.staged,
            reputation: profile.reputation,
            sessions: profile.sessions,
            violations: profile.violations,
            bounds: Bounds {
                sample: profile.sample,
                rate: profile.rate,
                rates: profile.rates,
            },
            destinations: members(profile.publisher.0),
        });
        Self {
            routes,
            profiles: profiles.collect(),
            destinations,
        }
    }

    fn choose(&self, event: &Event) -> Choice {
        let id = self.routes.profile(event);
        let Some((id, profile)) = id.and_then(|id| Some((id.0, self.profiles.get(id.0)?))) else {
            return Choice::Unrouted;
        };
        let (class, asked) = match &event.kind {
            Kind::Firewall(packet) if packet.enforced.is_some() => (Class::Staged, profile.staged),
            Kind::Firewall(packet) if packet.reason == "reputation" => {
                (Class::Reputation, profile.reputation)
            }
            Kind::Firewall(packet) if packet.action == "accept" => (Class::Accept, profile.accept),
            Kind::Firewall(packet) if packet.action == "reject" => (Class::Reject, profile.reject),
            Kind::Firewall(_) => (Class::Drop, profile.drop),
            Kind::Session(session) => {
                let asked = match profile.sessions {
                    Sessions::None => false,
                    Sessions::Close => session.end.is_some(),
                    Sessions::All => true,
                };
                (Class::Session, asked)
            }
            Kind::Violation(_) => (Class::Violation, profile.violations),
            Kind::Flood(_)
            | Kind::Health(_)
            | Kind::Member(_)
            | Kind::Administration(_)
            | Kind::System(_) => (Class::Other, true),
        };
        if asked {
            Choice::Publish(id, class)
        } else {
            Choice::Filtered
        }
    }

    /// The states of all profiles, anew.
    fn limiters(&self) -> Vec<Limiter> {
        let profiles = self.profiles.iter();
        profiles
            .map(|profile| Limiter::new(profile.bounds))
            .collect()
    }

    /// Tells the destinations of each profile what it left out.
    fn tell_left_out(&self, limiters: &mut [Limiter], now: Duration) {
        for (profile, limiter) in self.profiles.iter().zip(limiters) {
            let Some(left_out) = limiter.left_out(now) else {
                continue;
            };
            let event = Item::from(Event::now(Kind::System(SystemEvent {
                what: "suppressed",
                detail: format!("log profile {}: {left_out}", profile.name),
            })));
            for &destination in &profile.destinations {
                if let Some(destination) = self.destinations.get(destination) {
                    destination.offer(&mut vec![event.clone()]);
                }
            }
        }
    }
}

/// What tells the ends of a session to belong together.
fn key(item: &Item) -> Option<u64> {
    let Item::Other(event) = item else {
        return None;
    };
    match &event.kind {
        Kind::Session(session) => u64::from_str_radix(&session.session, 16).ok(),
        _ => None,
    }
}

/// Choices made before. That of a packet hangs on its label, verdict and reason alone.
#[derive(Debug, Default)]
struct Choices(Vec<Option<(ChoiceKey, Choice)>>);

/// Label, verdict and reason of a packet.
type ChoiceKey = (u32, u8, u8);

impl Choices {
    fn choose(&mut self, table: &Table, packets: &mut Packets, item: &Item) -> Choice {
        let Item::Packet(packet) = item else {
            return table.choose(packets.event(item));
        };
        let raw = &packet.raw;
        let key = (packet.label, raw.verdict, raw.reason);
        if self.0.is_empty() {
            self.0.resize(CHOICES, None);
        }
        let mixed = packet.label.wrapping_mul(4) ^ u32::from(raw.verdict ^ raw.reason);
        let place = usize::try_from(mixed).unwrap_or_default() % CHOICES;
        match self.0.get(place) {
            Some(Some((known, choice))) if *known == key => *choice,
            _ => {
                let choice = table.choose(packets.event(item));
                if let Some(kept) = self.0.get_mut(place) {
                    *kept = Some((key, choice));
                }
                choice
            }
        }
    }

    /// The table is another.
    fn forget(&mut self) {
        self.0.clear();
    }
}

/// By what a batch is published: profiles, choices, their state, the time.
type Rules<'a> = (&'a Table, &'a mut Choices, &'a mut [Limiter], Duration);

/// Counters that outlive a reload.
#[derive(Debug, Default)]
pub(super) struct Counters {
    published: AtomicU64,
    filtered: AtomicU64,
    suppressed: AtomicU64,
    unrouted: AtomicU64,
}

impl Counters {
    pub(super) fn status(&self) -> PublisherStatus {
        PublisherStatus {
            published: self.published.load(Ordering::Relaxed),
            filtered: self.filtered.load(Ordering::Relaxed),
            suppressed: self.suppressed.load(Ordering::Relaxed),
            unrouted: self.unrouted.load(Ordering::Relaxed),
        }
    }
}

/// The publisher's task.
pub(super) struct Publisher {
    pub(super) bus: Receiver,
    pub(super) packets: Packets,
    pub(super) tables: watch::Receiver<Arc<Table>>,
    pub(super) followers: broadcast::Sender<Arc<Event>>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// Runs until `stop`, then hands on what the bus still holds and ends.
    pub(super) async fn run(mut self) {
        let mut events = Vec::with_capacity(BATCH);
        let mut staged: Vec<Vec<Item>> = Vec::new();
        let mut choices = Choices::default();
        let mut table = self.tables.borrow().clone();
        let mut limiters = table.limiters();
        let began = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let taken = tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.bus.is_closed() => {
                    self.bus.close();
                    continue;
                }
                _ = ticks.tick() => None,
                taken = self.bus.take(&mut events, BATCH) => Some(taken),
            };
            if taken == Some(0) {
                // Whatever was left out until now.
                table.tell_left_out(&mut limiters, began.elapsed() + PERIOD);
                return;
            }
            let newest = self.tables.borrow().clone();
            if !Arc::ptr_eq(&newest, &table) {
                table.tell_left_out(&mut limiters, began.elapsed() + PERIOD);
                limiters = newest.limiters();
                choices.forget();
                table = newest;
            }
            let now = began.elapsed();
            if taken.is_none() {
                table.tell_left_out(&mut limiters, now);
                continue;
            }
            let rules = (&*table, &mut choices, &mut *limiters, now);
            self.publish(rules, &mut events, &mut staged);
        }
    }

    /// Hands on a batch, taking each destination's lock once.
    fn publish(
        &mut self,
        (table, choices, limiters, now): Rules<'_>,
        events: &mut Vec<Item>,
        staged: &mut Vec<Vec<Item>>,
    ) {
        staged.resize_with(table.destinations.len(), Vec::new);
        let (mut published, mut filtered, mut suppressed, mut unrouted) = (0, 0, 0, 0);
        let followed = self.followers.receiver_count() > 0;
        for item in events.drain(..) {
            if followed {
                // An error says that the last follower has just left.
                let _ = self.followers.send(self.packets.shared(&item));
            }
            match choices.choose(table, &mut self.packets, &item) {
                Choice::Publish(profile, class) => {
                    let limiter = limiters.get_mut(profile);
                    if limiter.is_some_and(|it| !it.admits(class, key(&item), now)) {
                        suppressed += 1;
                        continue;
                    }
                    published += 1;
                    let profile = table.profiles.get(profile);
                    let destinations = profile.map(|profile| &*profile.destinations);
                    let (last, others) = destinations
                        .and_then(<[usize]>::split_last)
                        .map_or((None, &[][..]), |(last, others)| (Some(*last), others));
                    for &destination in others {
                        if let Some(records) = staged.get_mut(destination) {
                            records.push(item.clone());
                        }
                    }
                    if let Some(records) = last.and_then(|last| staged.get_mut(last)) {
                        records.push(item);
                    }
                }
                Choice::Filtered => filtered += 1,
                Choice::Unrouted => unrouted += 1,
            }
        }
        for (destination, records) in table.destinations.iter().zip(staged) {
            destination.offer(records);
        }
        let counters = &self.counters;
        counters.published.fetch_add(published, Ordering::Relaxed);
        counters.filtered.fetch_add(filtered, Ordering::Relaxed);
        counters.suppressed.fetch_add(suppressed, Ordering::Relaxed);
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
        let profile = |accept, drop, reject| LogProfilePlan {
            accept,
            drop,
            reject,
            staged: reject,
            ..LogProfilePlan::of("p", PublisherId(0))
        };
        let staged = |server: &str| {
            let mut event = samples::staged("drop", "accept");
            if let Kind::Firewall(packet) = &mut event.kind {
                packet.virtual_server = server.into();
            }
            event
        };
        let log = LogPlan {
            destinations: Vec::new(),
            publishers: Vec::new(),
            profiles: vec![
                profile(true, false, false),
                profile(false, true, false),
                profile(false, false, false),
                profile(false, false, true),
            ],
            system_profile: None,
            bus_capacity: 1,
        };
        let routes = Routes::of(&[("a", 0), ("d", 1), ("r", 3), ("gone", 7)], None, Some(2));
        let table = Table::new(&log, routes, Vec::new());
        let cases = [
            (samples::packet("accept", "a"), true),
            (samples::packet("drop", "a"), false),
            (samples::packet("accept", "d"), false),
            (samples::packet("drop", "d"), true),
            (samples::packet("reject", "d"), false),
            (samples::packet("reject", "r"), true),
            (samples::packet("drop", "r"), false),
            // A class of its own, whatever would have been done.
            (staged("r"), true),
            (staged("d"), false),
            (samples::packet("drop", "gone"), false),
            (samples::packet("drop", ""), false),
            (samples::session("a"), false),
            (samples::health(true, "x"), true),
            (samples::administration("x"), true),
            (samples::system("started", "x"), true),
        ];
        assert_eq!(
            table.choose(&samples::packet("drop", "gone")),
            Choice::Unrouted
        );
        assert_eq!(
            table.choose(&samples::packet("drop", "a")),
            Choice::Filtered
        );
        for (event, choice) in cases {
            let told = matches!(table.choose(&event), Choice::Publish(..));
            assert_eq!(told, choice, "{event:?}");
        }
    }
}
