//! Bytes both ways, until both sides have ended.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

use super::clock;
use super::deadline::Deadline;
use super::direction::Direction;
use super::leg::Leg;
use super::server::Place;
use super::story::Outcome;
use crate::pool::Lease;

/// Bytes after which the counters are told, so that a long session shows while it lasts.
const REPORT: u64 = 1024 * 1024;

/// Why a relay ended early.
enum Cut {
    /// The idle or the session time-out.
    Timeout,
    /// A reset or another fault of either side.
    Fault,
    /// An operator took the member away.
    Operator,
}

/// What a session's two sides are, and how bytes get from one to the other.
pub(super) trait Carrier {
    /// Moves what can be moved now, within bounds. Ready when both directions have ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// What was moved since the last call.
    fn take_moved(&mut self) -> Moved;

    /// Close both sides in order. Without it they are reset when dropped.
    fn end_well(&mut self);
}

/// Bytes moved, as client and member count them.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) inward: u64,
    pub(super) outward: u64,
    /// There was something, if not of these.
    pub(super) active: bool,
}

/// Two plain legs.
#[derive(Debug)]
pub(super) struct Legs {
    client: Leg,
    member: Leg,
    inward: Direction,
    outward: Direction,
}

impl Legs {
    pub(super) fn new(client: Leg, member: Leg) -> Self {
        Self {
            client,
            member,
            inward: Direction::default(),
            outward: Direction::default(),
        }
    }
}

impl Carrier for Legs {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (client, member) = (&*self.client, &*self.member);
        let inward = self.inward.poll(cx, client, member, self.outward.ended())?;
        let outward = self.outward.poll(cx, member, client, self.inward.ended())?;
        if inward.is_ready() && outward.is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn take_moved(&mut self) -> Moved {
        Moved {
            inward: self.inward.take_moved(),
            outward: self.outward.take_moved(),
            active: false,
        }
    }

    fn end_well(&mut self) {
        self.client.end_well();
        self.member.end_well();
    }
}

/// A session whose member is connected. Dropped before both directions have ended, it resets
/// both sides.
pub(super) struct Relay<C: Carrier> {
    carrier: C,
    deadline: Deadline,
    bytes_in: u64,
    bytes_out: u64,
    lease: Lease,
    place: Place,
}

impl<C: Carrier> Relay<C> {
    pub(super) fn new(carrier: C, lease: Lease, place: Place) -> Self {
        let limits = &place.limits;
        place.is_at(lease.member().name());
        let now = clock::coarse();
        Self {
            carrier,
            deadline: Deadline::new(limits.idle_timeout, limits.session_timeout, now),
            bytes_in: 0,
            bytes_out: 0,
            lease,
            place,
        }
    }

    /// Relays until the end, and counts how it came.
    pub(super) async fn run(&mut self, mut timer: Pin<&mut Sleep>) {
        // Carriers bound their own turns, and rely on wake-ups that the budget may delay.
        let ended = unconstrained(poll_fn(|cx| self.poll(cx, timer.as_mut()))).await;
        match ended {
            Ok(()) => self.carrier.end_well(),
            Err(Cut::Timeout) => {
                self.place.counters.timeouts.add(1);
                self.place.ends(Outcome::Timeout);
            }
            Err(Cut::Operator) => {
                self.place.counters.cut.add(1);
                self.place.ends(Outcome::Cut);
            }
            Err(Cut::Fault) => {
                self.place.counters.resets.add(1);
                self.place.ends(Outcome::Reset);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<Result<(), Cut>> {
        if self.lease.heed(cx.waker()).cuts() {
            return Poll::Ready(Err(Cut::Operator));
        }
        let relayed = self.carrier.poll(cx).map_err(|error| {
            tracing::debug!(server = self.place.name, %error, "session cut");
            Cut::Fault
        });
        let moved = self.carrier.take_moved();
        if moved.active || moved.inward + moved.outward > 0 {
            let now = clock::coarse();
            self.deadline.touch(now);
            if moved.outward > 0 {
                self.lease.heard(now);
            }
            self.bytes_in += moved.inward;
            self.bytes_out += moved.outward;
            if self.bytes_in + self.bytes_out >= REPORT {
                self.report();
            }
        }
        if relayed.is_pending() {
            ready!(self.deadline.poll(cx, timer));
            return Poll::Ready(Err(Cut::Timeout));
        }
        relayed
    }

    fn report(&mut self) {
        let (bytes_in, bytes_out) = (self.bytes_in, self.bytes_out);
        self.place.counters.bytes_in.add(bytes_in);
        self.place.counters.bytes_out.add(bytes_out);
        self.place.moved(bytes_in, bytes_out);
        self.lease.member().count_bytes(bytes_in, bytes_out);
        self.bytes_in = 0;
        self.bytes_out = 0;
    }
}

impl<C: Carrier> Drop for Relay<C> {
    fn drop(&mut self) {
        self.report();
    }
}
