//! From a pool to a connected member.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep, timeout};

use super::clock;
use super::server::{Place, VirtualServer};
use crate::chance;
use crate::pool::{Lease, Refusal, Request, Tried};

/// Connects to the pool's next member, and on failure to another one, as often as the plan lets
/// us. `timer` is the session's.
pub(super) async fn to_member(
    place: &Place,
    mut timer: Pin<&mut Sleep>,
) -> Option<(TcpStream, Lease)> {
    let mut attempts = Attempts::new(place);
    loop {
        let mut lease = attempts.choose(place, &[], timer.as_mut()).await?;
        if let Some(stream) = attempts.connect(place, &lease, timer.as_mut()).await {
            lease.connected(clock::coarse());
            return Some((stream, lease));
        }
    }
}

/// Members tried for one purpose, and how many more may be.
#[derive(Debug)]
pub(super) struct Attempts {
    tried: Tried,
    left: usize,
}

impl Attempts {
    pub(super) fn new(server: &VirtualServer) -> Self {
        Self {
            tried: Tried::default(),
            left: server.limits.connect_attempts,
        }
    }

    /// A member that was not tried, in time if all are at their limits. `kept` are those that the
    /// session has a connection to.
    pub(super) async fn choose(
        &self,
        place: &Place,
        kept: &[usize],
        timer: Pin<&mut Sleep>,
    ) -> Option<Lease> {
        if self.left == 0 {
            return None;
        }
        let request = Request {
            client: place.client,
            tried: &self.tried,
            kept,
        };
        match place.pool.pick(&request, clock::coarse(), chance::draw()) {
            Ok(lease) => Some(lease),
            Err(Refusal::Down) => None,
            // Its state is held by those that wait only.
            Err(Refusal::Full { .. }) => Box::pin(place.pool.wait(&request, timer)).await,
        }
    }

    /// Does not choose this member again.
    pub(super) fn tried(&mut self, lease: &Lease) {
        self.tried.insert(lease.index());
    }

    /// Connects to a chosen member. Whoever is content with it says so to the lease.
    pub(super) async fn connect(
        &mut self,
        server: &VirtualServer,
        lease: &Lease,
        mut timer: Pin<&mut Sleep>,
    ) -> Option<TcpStream> {
        self.left = self.left.saturating_sub(1);
        let address = lease.member().address();
        let socket = match socket(address) {
            Ok(socket) => socket,
            // Out of files or memory: no fault of the member's, and no better at the next one.
            Err(error) => {
                tracing::warn!(server = server.name, %error, "cannot make a socket");
                self.left = 0;
                return None;
            }
        };
        timer
            .as_mut()
            .reset(Instant::now() + server.limits.connect_timeout);
        let outcome = tokio::select! {
            biased;
            outcome = socket.connect(address) => outcome,
            () = timer => Err(io::ErrorKind::TimedOut.into()),
        };
        match outcome {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::debug!(server = server.name, %address, %error, "cannot connect");
                lease.member().count_connect_failure();
                server.counters.connect_failures.add(1);
                self.tried(lease);
                None
            }
        }
    }
}

/// Connects to one address, not on behalf of a session.
pub(super) async fn to(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    timeout(limit, socket(address)?.connect(address)).await?
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Point 22 of the notes.
    #[test]
    fn connections_to_members_send_without_delay() {
        for address in ["192.0.2.1:25", "[2001:db8::1]:25"] {
            let socket = socket(address.parse().expect("address")).expect("socket");
            assert!(socket.nodelay().expect("option"));
        }
    }
}
