//! Bytes one way, where TLS is on either side.

use std::io;
use std::task::{Context, Poll, ready};

use super::buffers::{PLAIN, READ};
use super::channel::Channel;
use crate::proxy::relay::{Carrier, Moved};

/// Reads in one go, so that a busy session does not keep the others waiting.
const TURNS: usize = 4;

/// Both directions between two channels.
#[derive(Debug)]
pub(super) struct Channels {
    client: Channel,
    member: Channel,
    inward: Flow,
    outward: Flow,
}

impl Channels {
    pub(super) fn new(client: Channel, member: Channel) -> Self {
        Self {
            client,
            member,
            inward: Flow::default(),
            outward: Flow::default(),
        }
    }
}

impl Carrier for Channels {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (client, member) = (&mut self.client, &mut self.member);
        let inward = self.inward.poll(cx, client, member, self.outward.ended)?;
        let outward = self.outward.poll(cx, member, client, self.inward.ended)?;
        if inward.is_ready() && outward.is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn take_moved(&mut self) -> Moved {
        let (client, member) = (self.client.take_active(), self.member.take_active());
        Moved {
            inward: std::mem::take(&mut self.inward.moved),
            outward: std::mem::take(&mut self.outward.moved),
            active: client || member,
        }
    }

    fn end_well(&mut self) {
        self.client.end_well();
        self.member.end_well();
    }
}

/// One direction. While the receiver has not taken all, nothing is read, so that the sender feels
/// the receiver's pace.
#[derive(Debug, Default)]
struct Flow {
    source_ended: bool,
    ended: bool,
    moved: u64,
}

impl Flow {
    /// As [`Direction::poll`](crate::proxy::direction::Direction::poll).
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Channel,
        to: &mut Channel,
        closing: bool,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..TURNS {
            if self.source_ended {
                ready!(to.poll_end(cx, closing))?;
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            ready!(to.poll_flush(cx))?;
            ready!(self.poll_pass(cx, from, to))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_pass(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Channel,
        to: &mut Channel,
    ) -> Poll<io::Result<()>> {
        PLAIN.with_borrow_mut(|plain| {
            plain.clear();
            ready!(from.poll_read(cx, READ, plain))?;
            if plain.is_empty() {
                self.source_ended = true;
                return Poll::Ready(Ok(()));
            }
            self.moved += plain.len() as u64;
            Poll::Ready(to.send(cx, plain))
        })
    }
}
