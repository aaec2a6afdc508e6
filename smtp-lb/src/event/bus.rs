//! The bounded way in: many producers, one publisher.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::label::Labels;
use super::model::{Event, Kind};
use super::packet::Item;
use super::recent::Recent;
use super::status::BusStatus;

/// Octets of free text in an event. A queue of so many records is then also bounded in octets.
const TEXT: usize = 2048;

/// Where events are emitted. Clones are cheap and share one queue and its counters.
#[derive(Debug, Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    recent: Arc<Recent>,
}

/// One queue under one lock, which nobody holds longer than it takes to copy a batch.
#[derive(Debug)]
struct Shared {
    capacity: usize,
    inner: Mutex<Inner>,
    /// There is something where there was nothing.
    changed: Notify,
    labels: Arc<Labels>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Item>,
    closed: bool,
    accepted: u64,
    lost: u64,
}

/// The publisher's end. Dropped, it closes the bus: what is emitted then is lost.
#[derive(Debug)]
pub(crate) struct Receiver(Arc<Shared>);

impl Bus {
    /// A bus that holds `capacity` events (at least 1), and its other end.
    pub(crate) fn channel(capacity: usize) -> (Self, Receiver) {
        let shared = Arc::new(Shared {
            capacity: capacity.max(1),
            inner: Mutex::default(),
            changed: Notify::new(),
            labels: Arc::default(),
        });
        let bus = Self {
            shared: Arc::clone(&shared),
            recent: Arc::default(),
        };
        (bus, Receiver(shared))
    }

    /// A bus that nobody listens to: all events are lost, and counted as such.
    #[must_use]
    pub fn null() -> Self {
        Self::channel(1).0
    }

    /// Hands over an event. Never waits for room; where there is none the event is lost and counted.
    pub fn emit(&self, event: Event) {
        self.shared.put(std::iter::once(bounded(event).into()));
    }

    /// Hands over many events.
    pub fn emit_batch(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.emit(event);
        }
    }

    /// Hands over many items at the cost of one, and empties `items`.
    pub(super) fn emit_items(&self, items: &mut Vec<Item>) {
        if !items.is_empty() {
            self.shared.put(items.drain(..));
        }
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

    /// The names of packets on this bus.
    pub(super) fn labels(&self) -> &Arc<Labels> {
        &self.shared.labels
    }

    /// Room, fill and counters, all of one instant.
    #[must_use]
    pub fn status(&self) -> BusStatus {
        let inner = self.shared.lock();
        BusStatus {
            capacity: self.shared.capacity,
            queued: inner.waiting.len(),
            accepted: inner.accepted,
            lost: inner.lost,
        }
    }
}

impl Shared {
    fn put(&self, items: impl ExactSizeIterator<Item = Item>) {
        let offered = items.len();
        let mut inner = self.lock();
        let room = if inner.closed {
            0
        } else {
            offered.min(self.capacity.saturating_sub(inner.waiting.len()))
        };
        let was_empty = inner.waiting.is_empty();
        inner.waiting.extend(items.take(room));
        inner.accepted += room as u64;
        inner.lost += (offered - room) as u64;
        drop(inner);
        // The publisher waits only when it has seen nothing.
        if was_empty && room > 0 {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves a whole queue behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Moves up to `most` events into `batch`, waiting for the first; 0: the bus is closed and empty. Safe
    /// to cancel.
    pub(super) async fn take(&self, batch: &mut Vec<Item>, most: usize) -> usize {
        loop {
            if let Some(taken) = self.try_take(batch, most) {
                return taken;
            }
            self.0.changed.notified().await;
        }
    }

    fn try_take(&self, batch: &mut Vec<Item>, most: usize) -> Option<usize> {
        let mut inner = self.0.lock();
        let taken = inner.waiting.len().min(most);
        if taken == 0 {
            return inner.closed.then_some(0);
        }
        batch.extend(inner.waiting.drain(..taken));
        Some(taken)
    }

    /// No more is taken in.
    pub(super) fn close(&self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

/// One by one, as tests of others want them.
#[cfg(test)]
impl Receiver {
    /// The next event, `None` where there is none yet.
    pub(crate) fn try_recv(&self) -> Option<Event> {
        let mut batch = Vec::new();
        self.try_take(&mut batch, 1)?;
        Self::one(batch)
    }

    /// The next event, `None` once the bus is closed and empty.
    pub(crate) async fn recv(&self) -> Option<Event> {
        let mut batch = Vec::new();
        self.take(&mut batch, 1).await;
        Self::one(batch)
    }

    fn one(mut batch: Vec<Item>) -> Option<Event> {
        match batch.pop()? {
            Item::Other(event) => Some(Arc::unwrap_or_clone(event)),
            Item::Packet(_) => panic!("by the ring reader alone"),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // What is left stays counted as queued.
        self.0.lock().closed = true;
    }
}

fn bounded(mut event: Event) -> Event {
    let text = match &mut event.kind {
        // Of a violation, who tells it has bounded the texts.
        Kind::Firewall(_) | Kind::Flood(_) | Kind::Session(_) | Kind::Violation(_) => {
            return event;
        }
        Kind::Administration(done) => &mut done.object,
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
        let (bus, receiver) = Bus::channel(3);
        let mut batch = Vec::new();
        bus.emit_batch((0..5).map(|n| system(&n.to_string())));
        bus.clone().emit(system("six"));
        let status = bus.status();
        assert_eq!((status.accepted, status.lost, status.queued), (3, 3, 3));

        assert_eq!(receiver.try_take(&mut batch, 1), Some(1));
        assert_eq!(batch, [Item::from(system("0"))]);
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
        let (bus, receiver) = Bus::channel(1);
        bus.emit(system(&"€".repeat(100_000)));
        let mut batch = Vec::new();
        receiver.try_take(&mut batch, 1);
        assert_eq!(batch, [Item::from(system(&"€".repeat(TEXT / 3)))]);
    }

    #[tokio::test]
    async fn a_batch_finds_what_room_there_is_and_the_receiver_the_rest_after_a_close() {
        let (bus, receiver) = Bus::channel(5);
        let mut items: Vec<_> = (0..8).map(|n| system(&n.to_string()).into()).collect();
        let taken = tokio::spawn(async move {
            let mut batch = Vec::new();
            let first = receiver.take(&mut batch, 3).await;
            receiver.close();
            (
                first,
                receiver.take(&mut batch, 9).await,
                receiver.take(&mut batch, 9).await,
            )
        });
        tokio::task::yield_now().await;
        bus.emit_items(&mut items);
        assert!(items.is_empty());
        assert_eq!(taken.await.unwrap(), (3, 2, 0));
        bus.emit(system("late"));
        let status = bus.status();
        assert_eq!((status.accepted, status.lost, status.queued), (5, 4, 0));
    }
}
