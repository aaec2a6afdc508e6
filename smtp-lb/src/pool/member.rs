//! A mail server: what is known of it, and what it has carried.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::administration::{Administration, Order};
use super::balance;
use super::bells::Bells;
use super::queue::Queue;
use crate::clock;
use crate::config::plan::MemberPlan;

/// What health says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Not judged yet: gets traffic until proven down.
    Checking,
    /// Gets traffic.
    Up,
    /// Gets no new sessions; those in flight go on.
    Down,
}

/// A state with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Up or down.
    pub state: State,
    /// Why, one line, already safe to show.
    pub reason: String,
    /// When it became so.
    pub since: SystemTime,
}

/// A member of a pool. Counters only grow, over reloads too, as long as name and address stay.
#[derive(Debug)]
pub struct Member {
    name: String,
    /// The name in the file, if this is one of the addresses of a host.
    written: Option<String>,
    address: SocketAddr,
    /// Copy of `standing.state`, for readers on the data path.
    state: AtomicU8,
    standing: Mutex<Standing>,
    /// Copy of `order.state`, for readers on the data path.
    administration: AtomicU8,
    order: Mutex<Order>,
    /// The plan in force does not have it any more.
    gone: AtomicBool,
    /// Its sessions.
    pub(super) bells: Bells,
    /// When it came up, in nanoseconds of [`clock::coarse`]. 0: it was there from the beginning.
    risen: AtomicU64,
    /// Who waits for room at it.
    queue: Arc<Queue>,
    /// What the source hash knows it by.
    key: u64,
    /// Nanoseconds; 0: not known.
    greeting: AtomicU64,
    /// State of its bucket of new connections.
    bucket: AtomicU64,
    active: AtomicUsize,
    connections: AtomicUsize,
    sessions: AtomicU64,
    connect_failures: AtomicU64,
    refused_greetings: AtomicU64,
    faults: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Member {
    /// `risen` is when it was added to others, by [`clock::coarse`].
    pub(super) fn new(
        plan: &MemberPlan,
        monitored: bool,
        risen: Option<Duration>,
        queue: &Arc<Queue>,
    ) -> Self {
        let (state, reason) = if monitored {
            (State::Checking, "not checked yet")
        } else {
            (State::Up, "no monitor")
        };
        Self {
            name: plan.name.clone(),
            written: plan.written.clone(),
            address: plan.address,
            state: AtomicU8::new(state as u8),
            standing: Mutex::new(Standing {
                state,
                reason: reason.to_owned(),
                since: SystemTime::now(),
            }),
            administration: AtomicU8::new(Administration::Enabled as u8),
            order: Mutex::new(Order::none(SystemTime::now())),
            gone: AtomicBool::new(false),
            bells: Bells::default(),
            risen: AtomicU64::new(risen.map_or(0, nanos)),
            queue: Arc::clone(queue),
            key: balance::name_key(&plan.name),
            greeting: AtomicU64::new(0),
            bucket: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            sessions: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            refused_greetings: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }

    /// Unique within the pool.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name in the file, if this is one of the addresses of a host.
    #[must_use]
    pub fn written(&self) -> Option<&str> {
        self.written.as_deref()
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What health said last.
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            up if up == State::Up as u8 => State::Up,
            down if down == State::Down as u8 => State::Down,
            _ => State::Checking,
        }
    }

    /// What health said last, why and since when.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// For health alone: the state as of `now`. `reason` must be safe to show. A state that is
    /// in force already keeps its time and takes the new reason. Returns whether it changed.
    pub fn set_state(&self, state: State, reason: impl Into<String>, now: SystemTime) -> bool {
        let mut standing = self.lock();
        let before = std::mem::replace(&mut standing.state, state);
        let changed = before != state;
        if changed {
            standing.since = now;
        }
        standing.reason = reason.into();
        if before == State::Down && changed {
            self.risen.store(nanos(clock::coarse()), Ordering::Relaxed);
        }
        self.state.store(state as u8, Ordering::SeqCst);
        drop(standing);
        if changed {
            self.queue.wake();
        }
        changed
    }

    /// What an operator said last.
    #[must_use]
    pub fn administration(&self) -> Administration {
        Administration::from_octet(self.administration.load(Ordering::SeqCst))
    }

    /// What an operator said last, and when.
    #[must_use]
    pub fn order(&self) -> Order {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For `app` alone: what an operator says. Its sessions hear of it, and those that wait. Returns
    /// what was said before.
    pub fn set_administration(&self, order: Order) -> Order {
        let mut standing = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *standing, order);
        if order.state.takes_sessions() && !before.state.takes_sessions() {
            self.risen.store(nanos(clock::coarse()), Ordering::Relaxed);
        }
        self.administration
            .store(order.state as u8, Ordering::SeqCst);
        drop(standing);
        self.bells.ring();
        // There may be a member for them now, or none any more.
        self.queue.wake();
        before
    }

    /// Whether the plan in force does not have it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    pub(super) fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Ordering::Relaxed);
    }

    /// How long it has been up as of `now`, by [`clock::coarse`]. None: from the beginning.
    pub(super) fn risen_for(&self, now: Duration) -> Option<Duration> {
        let risen = self.risen.load(Ordering::Relaxed);
        let since = |risen| now.saturating_sub(Duration::from_nanos(risen));
        (risen > 0).then(|| since(risen))
    }

    /// Feeds the smoothed time that it takes to greet, from connect to the first octet. Each new
    /// time moves it by an eighth of the way (as RFC 6298 section 2 smooths round trips).
    pub fn note_greeting(&self, time: Duration) {
        let time = nanos(time);
        let smooth = |before: u64| match before {
            0 => time,
            before => before - before / 8 + time / 8,
        };
        // Never fails: the closure always gives a value.
        let _ = self
            .greeting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                Some(smooth(before).max(1))
            });
    }

    /// The smoothed time that it takes to greet. None: it was never seen to.
    #[must_use]
    pub fn greeting(&self) -> Option<Duration> {
        let nanos = self.greeting.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// The state of its bucket of new connections. Only the pool, under its lock, changes it.
    pub(super) fn bucket(&self) -> u64 {
        self.bucket.load(Ordering::Relaxed)
    }

    pub(super) fn set_bucket(&self, state: u64) {
        self.bucket.store(state, Ordering::Relaxed);
    }

    /// A panic elsewhere leaves whole values behind: they are only ever assigned.
    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions now, those still connecting included.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Connections now, open or opening, those that the gateway keeps for later included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Sessions that were connected, ever.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Connects that failed or timed out, ever.
    #[must_use]
    pub fn connect_failures(&self) -> u64 {
        self.connect_failures.load(Ordering::Relaxed)
    }

    /// Greetings that were no 220, ever.
    #[must_use]
    pub fn refused_greetings(&self) -> u64 {
        self.refused_greetings.load(Ordering::Relaxed)
    }

    /// Times that it broke SMTP or did not answer in time, ever.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Bytes from clients to the member, ever.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    /// Bytes from the member to clients, ever.
    #[must_use]
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// Counts a connect that failed or timed out.
    pub fn count_connect_failure(&self) {
        self.connect_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a member that took the connection and greeted with 421, or with anything but 220.
    pub fn count_refused_greeting(&self) {
        self.refused_greetings.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a member that said what is no reply, or that did not answer in time.
    pub fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes to (`bytes_in`) and from (`bytes_out`) the member.
    pub fn count_bytes(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    pub(super) fn enter(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn open(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    /// A connection ended: there is room for one who waits.
    pub(super) fn close(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
        self.queue.wake();
    }

    pub(super) fn count_session(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }
}

/// What does not fit is 584 years away.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
