use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

type Bell = Rc<Cell<bool>>;

fn ring(bell: Option<&Bell>) {
    if let Some(bell) = bell {
        bell.set(true);
    }
}

/// Sessions that all want a place at one of two members. Who is picky will have the second only.
#[derive(Default)]
struct World {
    line: Line<Bell>,
    waiting: Vec<(Ticket, bool, Bell)>,
    free: [usize; 2],
    busy: Vec<usize>,
    served: Vec<(Ticket, bool)>,
}

impl World {
    /// As [`Pool::wait`](crate::pool::Pool::wait) does: whose bell rang asks.
    fn settle(&mut self) {
        while let Some(at) = self.waiting.iter().position(|(_, _, bell)| bell.get()) {
            let (ticket, picky, bell) = self.waiting[at].clone();
            bell.set(false);
            if !self.line.may_ask(ticket) {
                continue;
            }
            let member = if !picky && self.free[0] > 0 {
                0
            } else if self.free[1] > 0 {
                1
            } else {
                ring(self.line.after(ticket));
                continue;
            };
            self.free[member] -= 1;
            self.busy.push(member);
            self.served.push((ticket, picky));
            self.leave(at);
        }
    }

    fn leave(&mut self, at: usize) {
        let (ticket, _, _) = self.waiting.remove(at);
        self.line.leave(ticket);
        ring(self.line.first());
    }

    fn arrive(&mut self, length: usize, picky: bool) {
        // Its own first question.
        let bell: Bell = Rc::new(Cell::new(true));
        if let Some(ticket) = self.line.join(length, picky, Rc::clone(&bell)) {
            self.waiting.push((ticket, picky, bell));
        }
    }

    fn end(&mut self, at: usize) {
        let member = self.busy.swap_remove(at);
        self.free[member] += 1;
        ring(self.line.first());
    }

    /// Whoever could be served is.
    fn nobody_waits_in_vain(&self) -> bool {
        let first_plain = self.waiting.iter().position(|(_, picky, _)| !picky);
        let suits_plain = self.free[0] + self.free[1] > 0;
        let any_picky = match first_plain {
            Some(at) => at > 0,
            None => !self.waiting.is_empty(),
        };
        !(first_plain.is_some() && suits_plain || any_picky && self.free[1] > 0)
    }
}

proptest! {
    /// Whatever comes and goes, in whatever order: no place stays free that the next in line could
    /// have, those who take any are served in their order, and all are in the end.
    #[test]
    fn a_queue_never_starves(
        free in (0usize..4, 0usize..4),
        length in 1usize..12,
        steps in prop::collection::vec((0u8..4, any::<bool>(), any::<prop::sample::Index>()), 0..200),
    ) {
        let mut world = World { free: [free.0, free.1], ..World::default() };
        for (step, picky, who) in steps {
            match step {
                0 | 1 => world.arrive(length, picky),
                2 if !world.busy.is_empty() => world.end(who.index(world.busy.len())),
                3 if !world.waiting.is_empty() => world.leave(who.index(world.waiting.len())),
                _ => {}
            }
            world.settle();
            prop_assert!(world.nobody_waits_in_vain());
            prop_assert_eq!(world.line.len(), world.waiting.len());
            prop_assert!(world.line.len() <= length);
        }
        let plain = world.served.iter().filter(|(_, picky)| !picky);
        prop_assert!(plain.map(|(ticket, _)| ticket.0).is_sorted());
        // As many ends as it takes: each frees at least one who waits for that member.
        if free.1 > 0 {
            let mut ends = world.waiting.len() + world.busy.len();
            while !world.busy.is_empty() && ends > 0 {
                world.end(0);
                world.settle();
                ends -= 1;
            }
            while !world.busy.is_empty() {
                world.end(0);
                world.settle();
            }
            prop_assert!(world.waiting.is_empty(), "{} wait", world.waiting.len());
        }
    }
}

#[test]
fn a_full_line_takes_nobody() {
    let mut line = Line::default();
    let first = line.join(2, false, ()).expect("empty");
    line.join(2, false, ()).expect("one place");
    assert_eq!(line.join(2, false, ()), None);
    line.leave(first);
    assert!(line.join(2, false, ()).is_some());
}

#[test]
fn only_the_picky_let_others_ask() {
    let mut line = Line::default();
    let [picky, plain, last] = [true, false, false].map(|it| line.join(9, it, ()).expect("room"));
    assert!(line.may_ask(picky) && line.may_ask(plain) && !line.may_ask(last));
    assert!(line.after(picky).is_some() && line.after(plain).is_none());
}
