//! The bounded way in: many producers, one publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::model::{Event, Kind};
use super::recent::Recent;
use super::status::BusStatus;

/// Octets of free text in an event. A queue of so many records is then also bounded in octets.
const TEXT: usize = 2048;

/// Where events are emitted. Clones are cheap and share one queue and its counters.
#[derive(Debug, Clone)]
pub struct Bus {
    sender: Sender<Event>,
    counters: Arc<Counters>,
    recent: Arc<Recent>,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    lost: AtomicU64,
}

impl Bus {
    /// A bus that holds `capacity` events (at least 1), and its other end.
    pub(crate) fn channel(capacity: usize) -> (Self, Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(capacity.clamp(1, Semaphore::MAX_PERMITS));
        let bus = Self {
            sender,
            counters: Arc::default(),
            recent: Arc::default(),
        };
        (bus, receiver)
    }

    /// A bus that nobody listens to: all events are lost, and counted as such.
    #[must_use]
    pub fn null() -> Self {
        Self::channel(1).0
    }

    /// Hands over an event. Never blocks; where there is no room the event is lost and counted.
    pub fn emit(&self, event: Event) {
        self.emit_batch([event]);
    }

    /// Hands over many events, at the cost of one update of the counters.
    pub fn emit_batch(&self, events: impl IntoIterator<Item = Event>) {
        let (mut accepted, mut lost) = (0, 0);
        for event in events {
            match self.sender.try_send(bounded(event)) {
                Ok(()) => accepted += 1,
                Err(_) => lost += 1,
            }
        }
        self.counters
            .accepted
            .fetch_add(accepted, Ordering::Relaxed);
        self.counters.lost.fetch_add(lost, Ordering::Relaxed);
    }

    /// Emits something that happens now.
    pub fn tell(&self, kind: Kind) {
        let event = Event::now(kind);
        self.recent.note(&event);
        self.emit(event);
    }

    /// The last changes of members, the oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Event> {
        self.recent.list()
    }

    /// Room, fill and counters. Exact when nothing is being emitted.
    #[must_use]
    pub fn status(&self) -> BusStatus {
        let capacity = self.sender.max_capacity();
        BusStatus {
            capacity,
            queued: capacity - self.sender.capacity(),
            accepted: self.counters.accepted.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
        }
    }
}

fn bounded(mut event: Event) -> Event {
    let text = match &mut event.kind {
        Kind::Firewall(_) | Kind::Session(_) | Kind::Administration(_) => return event,
        Kind::Health(health) => &mut health.reason,
        Kind::Member(member) => &mut member.reason,
        Kind::System(system) => &mut system.detail,
    };
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT));
        text.shrink_to_fit();
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::model::SystemEvent;

    fn system(detail: &str) -> Event {
        Event {
            time_ns: 1,
            kind: Kind::System(SystemEvent {
                what: "started",
                detail: detail.to_owned(),
            }),
        }
    }

    #[test]
    fn a_full_bus_loses_and_counts() {
        let (bus, mut receiver) = Bus::channel(3);
        bus.emit_batch((0..5).map(|n| system(&n.to_string())));
        bus.clone().emit(system("six"));
        let status = bus.status();
        assert_eq!((status.accepted, status.lost, status.queued), (3, 3, 3));

        assert_eq!(receiver.try_recv().unwrap(), system("0"));
        bus.emit(system("seven"));
        let status = bus.status();
        assert_eq!((status.accepted, status.lost, status.queued), (4, 3, 3));
    }

    #[test]
    fn nobody_listening_is_a_loss() {
        let bus = Bus::null();
        bus.emit(system("x"));
        let status = bus.status();
        assert_eq!((status.accepted, status.lost), (0, 1));
    }

    #[test]
    fn text_is_cut_between_characters() {
        let (bus, mut receiver) = Bus::channel(1);
        bus.emit(system(&"€".repeat(100_000)));
        let Kind::System(event) = receiver.try_recv().unwrap().kind else {
            panic!("another kind");
        };
        assert_eq!(event.detail, "€".repeat(TEXT / 3));
    }
}
