//! A session's legs to members: the open one, and those that wait to be used again.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, Waker};

use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

use super::quit;
use crate::config::plan::Start;
use crate::pool::{Administration, Kept, Lease};
use crate::proxy::clock;
use crate::proxy::connect::Attempts;
use crate::proxy::server::{Place, VirtualServer};
use crate::proxy::tls::{Channel, PLAIN, READ, handshake};

/// Legs that one session parks.
pub(in crate::proxy) const PARKED: usize = 8;

/// All legs of a session.
#[derive(Debug)]
pub(super) struct Legs {
    pub(super) open: Option<Open>,
    parked: Vec<Parked>,
    attempts: Attempts,
}

/// The leg in use.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) channel: Channel,
    pub(super) claim: Claim,
    /// The machine was told that the member is to be left.
    pub(super) left: bool,
}

/// A lease, and what moved under it.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) lease: Lease,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.lease.member().count_bytes(self.sent, self.received);
    }
}

/// A leg that waits. Its member has the connection, and no session.
#[derive(Debug)]
struct Parked {
    index: usize,
    channel: Channel,
    kept: Kept,
}

impl Legs {
    pub(super) fn new(server: &VirtualServer) -> Self {
        Self {
            open: None,
            parked: Vec::new(),
            attempts: Attempts::new(server),
        }
    }

    /// Opens a leg to a member, and says which one and whether it was parked. It is not one that
    /// was connected to since the last `fresh` choice.
    pub(super) async fn pick(
        &mut self,
        place: &Place,
        fresh: bool,
        mut timer: Pin<&mut Sleep>,
    ) -> Option<(usize, bool)> {
        if fresh {
            self.attempts = Attempts::new(place);
        }
        loop {
            let kept: Vec<usize> = self.parked.iter().map(|parked| parked.index).collect();
            let choice = self.attempts.choose(place, &kept, timer.as_mut());
            let mut lease = choice.await?;
            let index = lease.index();
            if let Some(channel) = self.unpark(index).await {
                self.begin(channel, lease);
                return Some((index, true));
            }
            // It shall not be asked again, however this ends.
            self.attempts.tried(&lease);
            let Some(member) = self.attempts.connect(place, &lease, timer.as_mut()).await else {
                continue;
            };
            let mut channel = Channel::new(member);
            if let Some(tls) = &place.member_tls
                && tls.connector.start() == Start::Implicit
            {
                let shaken =
                    handshake::with_member(place, tls, index, &mut channel, timer.as_mut());
                if shaken.await.is_err() {
                    continue;
                }
            }
            lease.connected(clock::coarse());
            self.begin(channel, lease);
            return Some((index, false));
        }
    }

    fn begin(&mut self, channel: Channel, lease: Lease) {
        let claim = Claim {
            lease,
            sent: 0,
            received: 0,
        };
        self.open = Some(Open {
            channel,
            claim,
            left: false,
        });
    }

    /// The leg that is parked with the member at `index`, unless something came on it: it would
    /// be its end.
    async fn unpark(&mut self, index: usize) -> Option<Channel> {
        let at = self
            .parked
            .iter()
            .position(|parked| parked.index == index)?;
        let mut parked = self.parked.swap_remove(at);
        let quiet = unconstrained(poll_fn(|cx| {
            Poll::Ready(PLAIN.with_borrow_mut(|plain| {
                plain.clear();
                parked.channel.poll_read(cx, READ, plain).is_pending()
            }))
        }));
        quiet.await.then_some(parked.channel)
    }

    /// Keeps the open leg for later, or ends it where connections are scarce. Its claim on the
    /// member ends.
    pub(super) fn park(&mut self, server: &VirtualServer) {
        let Some(Open { channel, claim, .. }) = self.open.take() else {
            return;
        };
        let parked = Parked {
            index: claim.lease.index(),
            channel,
            kept: claim.lease.keep(),
        };
        let keeps = server.pool.may_keep(&claim.lease) && parked.kept.is_of_use();
        drop(claim);
        if !keeps {
            return retire(server, parked);
        }
        if self.parked.len() >= PARKED {
            let oldest = self.parked.remove(0);
            retire(server, oldest);
        }
        self.parked.push(parked);
    }

    /// Ends the open leg, on which QUIT was said.
    pub(super) fn quit(&mut self, server: &VirtualServer) {
        if let Some(Open { channel, claim, .. }) = self.open.take() {
            let kept = claim.lease.keep();
            server.tasks.spawn(quit::politely(channel, kept));
        }
    }

    /// What an operator says of the open leg's member. The task hears from now on of all members that
    /// the session has a leg to, and legs that wait for one that is not to be used end.
    pub(super) fn heed(&mut self, server: &VirtualServer, waker: &Waker) -> Administration {
        let mut at = 0;
        while let Some(parked) = self.parked.get_mut(at) {
            parked.kept.heed(waker);
            if parked.kept.is_of_use() {
                at += 1;
            } else {
                retire(server, self.parked.remove(at));
            }
        }
        let open = self.open.as_mut();
        open.map_or(Administration::Enabled, |open| open.claim.lease.heed(waker))
    }

    /// Ends all that are parked.
    pub(super) fn retire(&mut self, server: &VirtualServer) {
        for parked in self.parked.drain(..) {
            retire(server, parked);
        }
    }
}

/// Says QUIT on a leg, and ends it.
fn retire(server: &VirtualServer, parked: Parked) {
    let Parked {
        mut channel, kept, ..
    } = parked;
    server.tasks.spawn(async move {
        let said = unconstrained(poll_fn(|cx| Poll::Ready(channel.send(cx, b"QUIT\r\n"))));
        if said.await.is_ok() {
            quit::politely(channel, kept).await;
        }
    });
}
