//! The last events about members, for whoever asks what has happened.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::model::{Event, Kind};

/// Events that are kept, over all pools.
const RECENT: usize = 1000;

/// A bounded ring of what changed of members: health, operators, addresses.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Event>>);

impl Recent {
    /// Keeps the event if it is about a member.
    pub(super) fn note(&self, event: &Event) {
        if !matches!(event.kind, Kind::Health(_) | Kind::Member(_)) {
            return;
        }
        let mut kept = self.lock();
        if kept.len() >= RECENT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
    }

    /// The oldest first.
    pub(super) fn list(&self) -> Vec<Event> {
        self.lock().iter().cloned().collect()
    }

    /// A panic elsewhere leaves a whole list behind.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::samples::{health, member, packet, system};
    use super::*;

    #[test]
    fn only_members_changes_are_kept_and_only_the_last() {
        let recent = Recent::default();
        for event in [
            packet("drop", "mx"),
            health(true, "first"),
            system("started", "x"),
            member("disabled"),
        ] {
            recent.note(&event);
        }
        assert_eq!(recent.list(), [health(true, "first"), member("disabled")]);
        for _ in 1..RECENT {
            recent.note(&health(false, "later"));
        }
        let kept = recent.list();
        assert_eq!((kept.len(), &kept[0]), (RECENT, &member("disabled")));
    }
}
