//! Who waits, in their order. First come, first served, save those that what comes free may not suit.

use std::collections::VecDeque;

/// A place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Waiter<W> {
    ticket: Ticket,
    /// It has members that it will not have: the others shall not wait for what suits it.
    picky: bool,
    bell: W,
}

/// The line. A `W` is what wakes who waits.
#[derive(Debug)]
pub(super) struct Line<W> {
    waiters: VecDeque<Waiter<W>>,
    next: u64,
}

impl<W> Default for Line<W> {
    fn default() -> Self {
        Self {
            waiters: VecDeque::new(),
            next: 0,
        }
    }
}

impl<W> Line<W> {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Takes the last place, unless there are `length` already.
    pub(super) fn join(&mut self, length: usize, picky: bool, bell: W) -> Option<Ticket> {
        if self.waiters.len() >= length {
            return None;
        }
        let ticket = Ticket(self.next);
        // Goes round after centuries.
        self.next = self.next.wrapping_add(1);
        self.waiters.push_back(Waiter {
            ticket,
            picky,
            bell,
        });
        Some(ticket)
    }

    /// Gives up a place.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiters.retain(|waiter| waiter.ticket != ticket);
    }

    /// Whether it is this one's turn to ask for a member: all before it are picky.
    pub(super) fn may_ask(&self, ticket: Ticket) -> bool {
        let mut before = self.waiters.iter();
        let mut before = before.by_ref().take_while(|waiter| waiter.ticket != ticket);
        before.all(|waiter| waiter.picky)
    }

    /// Who shall ask when something has come free.
    pub(super) fn first(&self) -> Option<&W> {
        self.waiters.front().map(|waiter| &waiter.bell)
    }

    /// Who shall ask when this one, who was to, found nothing that suits it.
    pub(super) fn after(&self, ticket: Ticket) -> Option<&W> {
        let at = self
            .waiters
            .iter()
            .position(|waiter| waiter.ticket == ticket)?;
        let next = self.waiters.get(at + 1)?;
        self.waiters
            .get(at)
            .filter(|waiter| waiter.picky)
            .map(|_| &next.bell)
    }
}

#[cfg(test)]
mod tests;
