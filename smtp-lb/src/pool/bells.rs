//! Who is woken when an operator says something of a member: its sessions, which mostly sleep.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A session's place. Small, because every idle session has one.
#[derive(Debug)]
pub(super) struct Bell(NonZeroU32);

/// The sessions of one member. As many places as it ever had sessions at once.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    free: Vec<NonZeroU32>,
}

impl Bells {
    /// Takes a place. A task keeps its waker for life, so it is never renewed.
    pub(super) fn hang(&self, waker: &Waker) -> Option<Bell> {
        let mut places = self.lock();
        let number = if let Some(number) = places.free.pop() {
            number
        } else {
            let next = u32::try_from(places.wakers.len() + 1).ok();
            let next = next.and_then(NonZeroU32::new)?;
            places.wakers.push(None);
            next
        };
        *places.wakers.get_mut(index(number))? = Some(waker.clone());
        Some(Bell(number))
    }

    pub(super) fn take_down(&self, bell: &Bell) {
        let mut places = self.lock();
        let waker = places.wakers.get_mut(index(bell.0)).and_then(Option::take);
        if waker.is_some() {
            places.free.push(bell.0);
        }
        drop(places);
        // A task's last waker takes the task with it, whatever that does.
        drop(waker);
    }

    pub(super) fn ring(&self) {
        let wakers: Vec<Waker> = self.lock().wakers.iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A panic elsewhere leaves whole places behind.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(number: NonZeroU32) -> usize {
    number.get() as usize - 1
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Rung(AtomicUsize);

    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_that_hang_ring_and_places_are_used_again() {
        let bells = Bells::default();
        let rung: Vec<Arc<Rung>> = (0..3).map(|_| Arc::default()).collect();
        let hung: Vec<Bell> = rung
            .iter()
            .filter_map(|rung| bells.hang(&Arc::clone(rung).into()))
            .collect();
        assert_eq!(hung.len(), 3);
        bells.take_down(&hung[1]);
        bells.ring();
        let again: Waker = Arc::clone(&rung[1]).into();
        let fourth = bells.hang(&again).unwrap();
        assert_eq!(fourth.0, hung[1].0);
        bells.ring();
        let counts: Vec<usize> = rung.iter().map(|it| it.0.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [2, 1, 2]);
        assert_eq!(bells.lock().wakers.len(), 3);
        for bell in [&hung[0], &hung[2], &fourth] {
            bells.take_down(bell);
        }
        bells.ring();
        // Nothing is kept of who has left.
        assert_eq!(Arc::strong_count(&rung[0]), 1);
    }
}
