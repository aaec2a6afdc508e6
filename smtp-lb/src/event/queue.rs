//! A destination's bounded queue and its ledger, kept under one lock so that the ledger adds up
//! at every instant: `offered = sent + lost + queued`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::packet::Item;
use super::status::Lost;
use crate::config::plan::Overflow;

/// Queue between the publisher and one destination's task.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    overflow: Overflow,
    inner: Mutex<Inner>,
    changed: Notify,
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Numbered>,
    /// Taken by the task and not yet settled; they hold room until they are.
    in_hand: usize,
    nudged: bool,
    offered: u64,
    sent: u64,
    lost: Lost,
}

/// An event and its number among all that were offered: what is lost leaves a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) item: Item,
}

/// The counters at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) offered: u64,
    pub(super) queued: u64,
    pub(super) sent: u64,
    pub(super) lost: Lost,
}

/// What [`Queue::take`] has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At least one record.
    Records,
    /// None, but the task was asked to look after its file.
    Nudge,
    /// None, and none will come.
    Closed,
}

/// Records that are done with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) sent: usize,
    pub(super) too_large: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            capacity: capacity.max(1),
            overflow,
            inner: Mutex::default(),
            changed: Notify::new(),
            closing: CancellationToken::new(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Adds the records in order; where there is no room the oldest that wait or the newest are lost.
    pub(super) fn offer(&self, records: &mut Vec<Item>) {
        if records.is_empty() {
            return;
        }
        let mut inner = self.lock();
        let offered = records.len();
        let held = inner.waiting.len() + inner.in_hand;
        let lost = (held + offered).saturating_sub(self.capacity);
        let first = inner.offered + 1;
        let numbered = (first..).zip(records.drain(..));
        let numbered = numbered.map(|(number, item)| Numbered { number, item });
        match self.overflow {
            Overflow::Newest => {
                let room = offered.saturating_sub(lost);
                inner.waiting.extend(numbered.take(room));
                inner.lost.overflow += count(offered - room);
            }
            Overflow::Oldest => {
                let old = lost.min(inner.waiting.len());
                inner.waiting.drain(..old);
                // What is in hand cannot be taken back: then even the new find no room.
                inner.waiting.extend(numbered.skip(lost - old));
                inner.lost.overflow += count(lost);
            }
        }
        inner.offered += count(offered);
        drop(inner);
        self.changed.notify_one();
    }

    /// Moves up to `most` records into `batch`, waiting for the first. Safe to cancel. The
    /// caller settles each of them by [`Queue::settle`].
    pub(super) async fn take(&self, batch: &mut Vec<Numbered>, most: usize) -> Taken {
        loop {
            if let Some(taken) = self.try_take(batch, most) {
                return taken;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    fn try_take(&self, batch: &mut Vec<Numbered>, most: usize) -> Option<Taken> {
        // Asked before the lock is taken: what was offered before the close is then seen.
        let closing = self.closing.is_cancelled();
        let mut inner = self.lock();
        if std::mem::take(&mut inner.nudged) {
            return Some(Taken::Nudge);
        }
        let taken = inner.waiting.len().min(most);
        if taken == 0 {
            return closing.then_some(Taken::Closed);
        }
        batch.extend(inner.waiting.drain(..taken));
        inner.in_hand += taken;
        Some(Taken::Records)
    }

    /// Strikes records off that were taken. What was abandoned meanwhile has been counted as lost.
    pub(super) fn settle(&self, done: Done) {
        if done == Done::default() {
            return;
        }
        let mut inner = self.lock();
        let sent = done.sent.min(inner.in_hand);
        let too_large = done.too_large.min(inner.in_hand - sent);
        inner.in_hand -= sent + too_large;
        inner.sent += count(sent);
        inner.lost.too_large += count(too_large);
    }

    /// Wakes the task to look after its file.
    pub(super) fn nudge(&self) {
        self.lock().nudged = true;
        self.changed.notify_one();
    }

    /// No more will be offered; the task ends once all is taken.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Cancelled when it is closed.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.closing
    }

    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Gives up all that is still held.
    pub(super) fn abandon(&self) {
        self.close();
        let mut inner = self.lock();
        let left = inner.waiting.len() + std::mem::take(&mut inner.in_hand);
        inner.waiting.clear();
        inner.lost.shutdown += count(left);
    }

    /// Time of the oldest record that waits.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.lock()
            .waiting
            .front()
            .map(|record| record.item.time_ns())
    }

    pub(super) fn ledger(&self) -> Ledger {
        let inner = self.lock();
        Ledger {
            offered: inner.offered,
            queued: count(inner.waiting.len() + inner.in_hand),
            sent: inner.sent,
            lost: inner.lost,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(records: usize) -> u64 {
    records as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::format::samples;
    use proptest::prelude::*;

    fn records(number: usize) -> Vec<Item> {
        (0..number)
            .map(|n| samples::system("started", &n.to_string()).into())
            .collect()
    }

    #[test]
    fn the_newest_are_lost_and_those_in_hand_hold_room() {
        let queue = Queue::new(4, Overflow::Newest);
        let offered = records(6);
        queue.offer(&mut offered.clone());
        let mut batch = Vec::new();
        assert_eq!(queue.try_take(&mut batch, 3), Some(Taken::Records));
        let taken: Vec<_> = batch.iter().map(|it| it.item.clone()).collect();
        assert_eq!(taken, offered[..3]);
        queue.offer(&mut records(1));
        assert_eq!(queue.ledger().lost.overflow, 3, "room is still held");
        queue.settle(Done {
            sent: 2,
            too_large: 1,
        });
        queue.offer(&mut records(1));
        let expected = Ledger {
            offered: 8,
            queued: 2,
            sent: 2,
            lost: Lost {
                overflow: 3,
                too_large: 1,
                ..Lost::default()
            },
        };
        assert_eq!(queue.ledger(), expected);
    }

    #[test]
    fn by_the_other_policy_the_oldest_that_wait_are_lost() {
        let queue = Queue::new(4, Overflow::Oldest);
        queue.offer(&mut records(3));
        let mut batch = Vec::new();
        queue.try_take(&mut batch, 1);
        queue.offer(&mut records(3));
        batch.clear();
        queue.try_take(&mut batch, 9);
        let numbers: Vec<_> = batch.iter().map(|record| record.number).collect();
        assert_eq!(numbers, [4, 5, 6], "2 and 3 made room");
        queue.offer(&mut records(2));
        assert_eq!(queue.ledger().lost.overflow, 4, "all room is in hand");
    }

    #[test]
    fn closes_only_when_empty() {
        let queue = Queue::new(4, Overflow::Newest);
        queue.offer(&mut records(1));
        queue.close();
        queue.nudge();
        let mut batch = Vec::new();
        assert_eq!(queue.try_take(&mut batch, 8), Some(Taken::Nudge));
        assert_eq!(queue.try_take(&mut batch, 8), Some(Taken::Records));
        assert_eq!(queue.try_take(&mut batch, 8), Some(Taken::Closed));
    }

    #[test]
    fn what_was_abandoned_is_not_sent_afterwards() {
        let queue = Queue::new(4, Overflow::Newest);
        queue.offer(&mut records(3));
        let mut batch = Vec::new();
        queue.try_take(&mut batch, 2);
        queue.abandon();
        queue.settle(Done {
            sent: 2,
            too_large: 0,
        });
        let ledger = queue.ledger();
        assert_eq!(
            (ledger.sent, ledger.lost.shutdown, ledger.queued),
            (0, 3, 0)
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Offer(usize),
        Take(usize),
        Settle(usize, bool),
        Abandon,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..9_usize).prop_map(Step::Offer),
            4 => (1..9_usize).prop_map(Step::Take),
            4 => (0..9_usize, any::<bool>()).prop_map(|(n, sent)| Step::Settle(n, sent)),
            1 => Just(Step::Abandon),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn the_ledger_adds_up_after_every_step(
            capacity in 1..12_usize, oldest in any::<bool>(), steps in steps(),
        ) {
            let overflow = if oldest { Overflow::Oldest } else { Overflow::Newest };
            let queue = Queue::new(capacity, overflow);
            let mut newest = 0;
            let (mut offered, mut in_hand) = (0, 0_usize);
            for step in steps {
                match step {
                    Step::Offer(n) => {
                        queue.offer(&mut records(n));
                        offered += n as u64;
                    }
                    Step::Take(most) => {
                        let mut batch = Vec::new();
                        queue.try_take(&mut batch, most);
                        prop_assert!(batch.len() <= most);
                        for record in &batch {
                            prop_assert!(record.number > newest);
                            newest = record.number;
                        }
                        in_hand += batch.len();
                    }
                    Step::Settle(n, sent) => {
                        let n = n.min(in_hand);
                        in_hand -= n;
                        queue.settle(if sent {
                            Done { sent: n, too_large: 0 }
                        } else {
                            Done { sent: 0, too_large: n }
                        });
                    }
                    Step::Abandon => {
                        queue.abandon();
                        in_hand = 0;
                        prop_assert_eq!(queue.ledger().queued, 0);
                    }
                }
                let ledger = queue.ledger();
                prop_assert_eq!(ledger.offered, offered);
                prop_assert!(ledger.queued <= capacity as u64);
                prop_assert_eq!(ledger.offered, ledger.sent + ledger.lost.total() + ledger.queued);
            }
        }
    }
}
