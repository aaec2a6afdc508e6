//! What operators say of members: heard, put in force, kept over restarts, and its deadlines.

mod book;
mod select;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use self::book::Book;
use self::select::select;
use super::{Current, Running};
use crate::admin::Refusal;
use crate::admin::api::{MemberChange, MemberOrder, MemberSet, Peer};
use crate::event::Bus;
use crate::event::model::{Kind, MemberEvent};
use crate::pool::{Administration, Member, Order, Pools};
use crate::state::Folder;

/// In the state folder.
const FILE: &str = "members.json";
/// Octets of it: of as many entries as there may be.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// Bounds of a drain.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// The wall clock may be set: deadlines are looked at as often.
const LOOK: Duration = Duration::from_secs(30);

/// What was said, and where it is kept.
pub(crate) struct Orders {
    book: Mutex<Book>,
    folder: Option<Arc<Folder>>,
    bus: Bus,
    /// Something was said: the next deadline may be another one.
    said: Notify,
}

impl Orders {
    /// Reads what was said before. Whatever is wrong with the file, mail must flow: it is set aside,
    /// and all members are enabled.
    pub(crate) fn read(folder: Option<Arc<Folder>>, bus: Bus) -> Self {
        let book = folder.as_deref().map(read).unwrap_or_default();
        Self {
            book: Mutex::new(book),
            folder,
            bus,
            said: Notify::new(),
        }
    }

    /// Puts what was said in force in pools that begin with it, or that have new members.
    pub(crate) fn restore(&self, pools: &Pools) {
        let now = SystemTime::now();
        let mut book = self.book();
        for pool in pools.iter() {
            for member in pool.members() {
                let said = book.find(pool.name(), member, now);
                let before = member.order().state;
                if let Some(order) = said
                    && before != order.state
                {
                    member.set_administration(order);
                    tracing::info!(
                        pool = pool.name(),
                        member = member.name(),
                        "member is {}, as an operator has said",
                        order.state.word()
                    );
                }
            }
        }
        book.prune(now);
        drop(book);
        self.said.notify_one();
    }

    /// Does what an operator asks. Blocks while it is written down.
    pub(crate) fn set(
        &self,
        current: &Current,
        request: &MemberOrder,
        peer: Peer,
    ) -> Result<MemberSet, Refusal> {
        let state = match request.state.as_str() {
            "enabled" => Administration::Enabled,
            "disabled" => Administration::Disabled,
            "draining" => Administration::Draining,
            "offline" => Administration::Offline,
            other => {
                let text =
                    format!("{other:?} is no state: write enabled, disabled, draining or offline");
                return Err(Refusal::BadRequest(text));
            }
        };
        let within = request.within_seconds.map(Duration::from_secs);
        if within.is_some() && state != Administration::Draining {
            return Err(Refusal::BadRequest("only a drain has a deadline".into()));
        }
        if within.is_some_and(|within| !(SHORTEST..=LONGEST).contains(&within)) {
            let text = "the deadline of a drain is 1 second to 7 days ahead".to_owned();
            return Err(Refusal::BadRequest(text));
        }
        let now = SystemTime::now();
        let order = Order {
            state,
            since: now,
            until: within.and_then(|within| now.checked_add(within)),
        };
        let chosen = select(&current.pools, &request.member)?;
        let mut book = self.book();
        if let Some(host) = &chosen.host {
            book.set_host(&chosen.pool, host, order, now);
        }
        let members = chosen.members.iter();
        let changed = members
            .map(|member| {
                if chosen.host.is_none() {
                    book.set(&chosen.pool, member, order, now);
                }
                let before = member.set_administration(order);
                self.tell(&chosen.pool, member, order, &peer);
                MemberChange {
                    pool: chosen.pool.clone(),
                    member: member.name().to_owned(),
                    address: member.address().to_string(),
                    before: before.state.word().to_owned(),
                    now: state.word().to_owned(),
                    drain_until: order.until.map(seconds),
                    active: member.active() as u64,
                }
            })
            .collect();
        let kept = self.write(&book);
        drop(book);
        self.said.notify_one();
        Ok(MemberSet {
            changed,
            kept: kept.is_ok(),
            not_kept: kept.err(),
        })
    }

    /// Ends drains whose deadline has come. Never returns.
    pub(crate) async fn keep_deadlines(&self, running: &Running) {
        loop {
            let wait = self.enforce(&running.current.load().pools, SystemTime::now());
            tokio::select! {
                () = self.said.notified() => {}
                () = tokio::time::sleep(wait.min(LOOK)) => {}
            }
        }
    }

    /// Returns how long the next deadline is away.
    fn enforce(&self, pools: &Pools, now: SystemTime) -> Duration {
        let mut book = self.book();
        let mut next = LOOK;
        let mut due = false;
        for pool in pools.iter() {
            for member in pool.members() {
                let order = member.order();
                let Some(until) = order
                    .until
                    .filter(|_| order.state == Administration::Draining)
                else {
                    continue;
                };
                if let Ok(left) = until.duration_since(now)
                    && !left.is_zero()
                {
                    next = next.min(left);
                    continue;
                }
                let order = Order {
                    state: Administration::Drained,
                    since: now,
                    until: order.until,
                };
                due = true;
                book.set(pool.name(), member, order, now);
                member.set_administration(order);
                self.announce(
                    pool.name(),
                    member,
                    "drained",
                    "its drain was to be over",
                    "",
                );
            }
        }
        if due {
            // The operator's word is in the file already; a start finds that its time is over.
            let _ = self.write(&book);
        }
        next
    }

    fn tell(&self, pool: &str, member: &Member, order: Order, peer: &Peer) {
        let within = order
            .until
            .and_then(|until| until.duration_since(order.since).ok());
        let reason = within.map_or_else(
            || "said by an operator".to_owned(),
            |within| format!("to be over within {} s", within.as_secs()),
        );
        let by = peer.to_string();
        self.announce(pool, member, order.state.word(), &reason, &by);
    }

    fn announce(&self, pool: &str, member: &Member, change: &'static str, reason: &str, by: &str) {
        let name = member.name();
        tracing::info!(pool, member = name, by, reason, "member is {change}");
        self.bus.tell(Kind::Member(MemberEvent {
            pool: pool.into(),
            member: name.into(),
            change,
            reason: reason.to_owned(),
            by: by.to_owned(),
        }));
    }

    fn write(&self, book: &Book) -> Result<(), String> {
        let Some(folder) = &self.folder else {
            return Err("there is no folder of state".to_owned());
        };
        let written = book
            .encode()
            .map_err(|e| e.to_string())
            .and_then(|octets| folder.write(FILE, &octets).map_err(|e| e.to_string()));
        written.inspect_err(|error| tracing::warn!("what members are set to is not kept: {error}"))
    }

    /// A panic elsewhere leaves whole entries behind.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(folder: &Folder) -> Book {
    let octets = match folder.read(FILE, FILE_LIMIT) {
        Ok(Some(octets)) => octets,
        Ok(None) => return Book::default(),
        Err(error) => {
            tracing::warn!("what members were set to is not known, all are enabled: {error}");
            return Book::default();
        }
    };
    Book::parse(&octets).unwrap_or_else(|error| {
        let aside = match folder.set_aside(FILE) {
            Ok(to) => format!("it is kept as {}", to.display()),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            "what members were set to makes no sense ({error}), all are enabled; {aside}"
        );
        Book::default()
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
