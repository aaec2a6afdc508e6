//! What is told of a session: its beginning and its end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::chance;
use crate::config::plan::{Plan, Sessions, VirtualServerPlan};
use crate::event::Bus;
use crate::event::model::{Event, Kind, SessionEnd, SessionEvent};

/// Who hears of a virtual server's sessions.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    bus: Bus,
    server: Arc<str>,
    pool: Arc<str>,
    openings: bool,
}

impl Teller {
    /// `None`: nobody asks for them.
    pub(super) fn of(plan: &VirtualServerPlan, all: &Plan, bus: &Bus) -> Option<Self> {
        let profile = plan.log_profile.or(all.firewall.log_profile)?;
        let sessions = all.log.profiles.get(profile.0)?.sessions;
        (sessions != Sessions::None).then(|| Self {
            bus: bus.clone(),
            server: plan.name.as_str().into(),
            pool: all
                .pools
                .get(plan.pool.0)
                .map_or("", |pool| &pool.name)
                .into(),
            openings: sessions == Sessions::All,
        })
    }

    pub(super) fn begin(&self) -> Story {
        Story {
            teller: self.clone(),
            number: chance::draw(),
            began: Instant::now(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            outcome: AtomicU8::new(Outcome::Closed as u8),
            member: Mutex::default(),
            checks: Mutex::default(),
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Closed,
    Reset,
    Timeout,
    Cut,
    NoMember,
    HandshakeFailed,
    Panic,
}

const OUTCOMES: [&str; 7] = [
    "closed",
    "reset",
    "timeout",
    "cut",
    "no_member",
    "handshake_failed",
    "panic",
];

/// What is known of a session so far.
#[derive(Debug)]
pub(super) struct Story {
    teller: Teller,
    number: u64,
    began: Instant,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    outcome: AtomicU8,
    member: Mutex<Option<Arc<str>>>,
    checks: Mutex<String>,
}

impl Story {
    /// What it is known by.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What its checks found.
    pub(super) fn was_checked(&self, results: String) {
        *self.checks.lock().unwrap_or_else(PoisonError::into_inner) = results;
    }

    pub(super) fn moved(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    /// The first thing that went wrong is why it ended.
    pub(super) fn ends(&self, outcome: Outcome) {
        let closed = Outcome::Closed as u8;
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self
            .outcome
            .compare_exchange(closed, outcome as u8, set, get);
    }

    pub(super) fn is_at(&self, member: &str) {
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = Some(member.into());
    }

    pub(super) fn open(&self, client: SocketAddr, local: SocketAddr) {
        if self.teller.openings {
            self.tell("open", client, local, None);
        }
    }

    pub(super) fn close(&self, client: SocketAddr, local: SocketAddr, tls: &'static str) {
        let outcome = usize::from(self.outcome.load(Ordering::Relaxed));
        let member = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let end = SessionEnd {
            member: member.clone().unwrap_or_default(),
            tls,
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            duration_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            result: OUTCOMES.get(outcome).copied().unwrap_or("closed"),
            checks: checks.clone(),
        };
        self.tell("close", client, local, Some(end));
    }

    fn tell(
        &self,
        change: &'static str,
        client: SocketAddr,
        local: SocketAddr,
        end: Option<SessionEnd>,
    ) {
        self.teller.bus.emit(Event::now(Kind::Session(SessionEvent {
            change,
            session: format!("{:016x}", self.number),
            virtual_server: Arc::clone(&self.teller.server),
            pool: Arc::clone(&self.teller.pool),
            src_ip: client.ip().to_canonical(),
            src_port: client.port(),
            dest_ip: local.ip().to_canonical(),
            dest_port: local.port(),
            end,
        })));
    }
}
