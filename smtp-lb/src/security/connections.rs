//! Connections of each client, at once and of late. Of this host alone, as Postfix's anvil has it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use super::client::Aggregate;
use super::rate::Rate;
use crate::config::plan::ClientRatePlan;
use crate::store::Count;

/// Clients that are counted at once. Past them new ones are not.
const MOST: usize = 65_536;

/// Who has how many.
#[derive(Debug, Default)]
pub struct Connections(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    clients: HashMap<IpNet, Seen>,
    /// The window in which room was last made: once is enough, it takes time.
    swept: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    at_once: u32,
    /// Number of the window.
    window: u64,
    count: Count,
}

/// One connection, for as long as it lives.
#[derive(Debug)]
pub struct Claim {
    connections: Arc<Connections>,
    client: Option<IpNet>,
}

/// What is too much of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Connections at once.
    AtOnce,
    /// New ones.
    Rate,
}

impl Connections {
    /// Counts one, at `now` in seconds.
    pub fn enter(
        self: &Arc<Self>,
        client: IpAddr,
        plan: &ClientRatePlan,
        now: u64,
    ) -> (Claim, Option<Excess>) {
        let client = Aggregate::HOST.of(client);
        let mut table = self.lock();
        let Table { clients, swept } = &mut *table;
        let window = now / u64::from(plan.window.max(1));
        if clients.len() >= MOST && *swept != window {
            *swept = window;
            clients.retain(|_, seen| seen.at_once > 0 || seen.window + 1 >= window);
        }
        let counted = clients.len() < MOST || clients.contains_key(&client);
        let claim = Claim {
            connections: Arc::clone(self),
            client: counted.then_some(client),
        };
        if !counted {
            return (claim, None);
        }
        let seen = clients.entry(client).or_default();
        if seen.window != window {
            let follows = seen.window + 1 == window;
            seen.count = Count {
                before: if follows { seen.count.within } else { 0 },
                within: 0,
            };
            seen.window = window;
        }
        seen.at_once += 1;
        seen.count.within += 1;
        let fast = plan.rate.is_some_and(|limit| {
            let rate = Rate {
                limit,
                window: plan.window,
            };
            rate.exceeded(seen.count, now)
        });
        let excess = if plan.at_once.is_some_and(|most| seen.at_once > most) {
            Some(Excess::AtOnce)
        } else {
            fast.then_some(Excess::Rate)
        };
        (claim, excess)
    }

    /// Nothing is left half done by a panic.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(client) = &self.client else {
            return;
        };
        if let Some(seen) = self.connections.lock().clients.get_mut(client) {
            seen.at_once = seen.at_once.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: ClientRatePlan = ClientRatePlan {
        at_once: Some(2),
        rate: Some(3),
        window: 60,
    };

    fn enter(all: &Arc<Connections>, client: &str, now: u64) -> (Claim, Option<Excess>) {
        all.enter(client.parse().unwrap(), &PLAN, now)
    }

    #[test]
    fn a_client_has_so_many_at_once() {
        let all = Arc::default();
        let first = enter(&all, "192.0.2.1", 600);
        let second = enter(&all, "192.0.2.1", 600);
        assert_eq!((first.1, second.1), (None, None));
        let third = enter(&all, "192.0.2.1", 600);
        assert_eq!(third.1, Some(Excess::AtOnce));
        assert_eq!(enter(&all, "192.0.2.2", 600).1, None);
        drop((first, second, third));
        // Those that were too many count as new ones all the same.
        assert_eq!(enter(&all, "192.0.2.1", 601).1, Some(Excess::Rate));
        assert_eq!(enter(&all, "192.0.2.1", 661).1, Some(Excess::Rate));
        assert_eq!(enter(&all, "192.0.2.1", 780).1, None);
    }

    #[test]
    fn addresses_of_a_64_are_one_client() {
        let all = Arc::default();
        let held: Vec<_> = (1..=2)
            .map(|at| enter(&all, &format!("2001:db8::{at}"), 0))
            .collect();
        assert!(held.iter().all(|(_, excess)| excess.is_none()));
        assert_eq!(enter(&all, "2001:db8::9", 0).1, Some(Excess::AtOnce));
    }

    #[test]
    fn the_table_is_bounded() {
        let all = Arc::default();
        for at in 0..u32::try_from(MOST).unwrap() + 10 {
            let client = IpAddr::from((0x0a00_0000 + at).to_be_bytes());
            let (_, excess) = Connections::enter(&all, client, &PLAN, 0);
            assert_eq!(excess, None);
        }
        assert_eq!(all.lock().clients.len(), MOST);
        // Who is gone for long makes room.
        assert_eq!(enter(&all, "192.0.2.1", 600).1, None);
        assert_eq!(all.lock().clients.len(), 1);
    }
}
