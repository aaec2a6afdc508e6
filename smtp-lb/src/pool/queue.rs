//! Where sessions wait for a member with room.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use super::line::{Line, Ticket};
use super::{Lease, Pool, Refusal, Request};
use crate::{chance, clock};

/// The line of a pool, over all its reloads.
#[derive(Debug, Default)]
pub(super) struct Queue {
    line: Mutex<Line<Arc<Notify>>>,
    /// Copy of the line's length, for who has nobody to wake.
    waiting: AtomicUsize,
    pub(super) queued: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Queue {
    /// Sessions that wait now.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Something may have come free.
    pub(super) fn wake(&self) {
        if self.waiting() == 0 {
            return;
        }
        if let Some(bell) = self.lock().first() {
            bell.notify_one();
        }
    }

    fn join(&self, length: usize, picky: bool) -> Option<Place<'_>> {
        let bell = Arc::new(Notify::new());
        let mut line = self.lock();
        let ticket = line.join(length, picky, Arc::clone(&bell))?;
        self.waiting.store(line.len(), Ordering::SeqCst);
        drop(line);
        self.queued.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            queue: self,
            ticket,
            bell,
        })
    }

    /// A panic elsewhere leaves a whole line behind.
    fn lock(&self) -> MutexGuard<'_, Line<Arc<Notify>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, for as long as it lives.
struct Place<'a> {
    queue: &'a Queue,
    ticket: Ticket,
    bell: Arc<Notify>,
}

impl Place<'_> {
    fn may_ask(&self) -> bool {
        self.queue.lock().may_ask(self.ticket)
    }

    /// What has come free does not suit: perhaps the next one.
    fn pass_on(&self) {
        if let Some(bell) = self.queue.lock().after(self.ticket) {
            bell.notify_one();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        line.leave(self.ticket);
        self.queue.waiting.store(line.len(), Ordering::SeqCst);
        // It may have been woken for what it now does not take, and there may be more of it.
        if let Some(bell) = line.first() {
            bell.notify_one();
        }
    }
}

impl Pool {
    /// Waits in line for a member with room. `None`: there is no line, it is full, the wait is over,
    /// or no member is up any more. Changes `timer`, which is the session's.
    pub async fn wait(&self, request: &Request<'_>, timer: Pin<&mut Sleep>) -> Option<Lease> {
        let lease = self.wait_in_line(request, timer).await;
        if lease.is_none() {
            self.queue.refused.fetch_add(1, Ordering::Relaxed);
        }
        lease
    }

    async fn wait_in_line(
        &self,
        request: &Request<'_>,
        mut timer: Pin<&mut Sleep>,
    ) -> Option<Lease> {
        let bounds = self.bounds()?;
        let place = self.queue.join(bounds.length, !request.tried.is_empty())?;
        let over = Instant::now() + bounds.wait;
        loop {
            let mut wake = over;
            if place.may_ask() {
                match self.ask(request, clock::coarse(), chance::draw(), true) {
                    Ok(lease) => return Some(lease),
                    Err(Refusal::Down) => return None,
                    Err(Refusal::Full { again }) => {
                        let again = again.map(|after| Instant::now() + after.max(TICK));
                        wake = again.map_or(over, |again| again.min(over));
                        place.pass_on();
                    }
                }
            }
            if Instant::now() >= over {
                return None;
            }
            timer.as_mut().reset(wake);
            tokio::select! {
                biased;
                () = place.bell.notified() => {}
                () = timer.as_mut() => {}
            }
        }
    }
}

/// Who waits for a rate looks no more often than the clock goes on.
const TICK: Duration = Duration::from_millis(4);
