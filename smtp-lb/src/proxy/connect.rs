//! From a pool to a connected member.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep, timeout};

use super::clock;
use super::identity;
use super::leg::Leg;
use super::server::{Place, VirtualServer};
use super::snat::{self, Port, Way};
use crate::chance;
use crate::pool::{Lease, Refusal, Request, Tried};

/// Connects to the pool's next member, and on failure to another one, as often as the plan lets
/// us. `timer` is the session's.
pub(super) async fn to_member(place: &Place, mut timer: Pin<&mut Sleep>) -> Option<(Leg, Lease)> {
    let mut attempts = Attempts::new(place);
    loop {
        let mut lease = attempts.choose(place, &[], timer.as_mut()).await?;
        if let Some(member) = attempts.connect(place, &lease, timer.as_mut()).await {
            lease.connected(clock::coarse());
            return Some((member, lease));
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
            client: place.key(),
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
        place: &Place,
        lease: &Lease,
        mut timer: Pin<&mut Sleep>,
    ) -> Option<Leg> {
        self.left = self.left.saturating_sub(1);
        timer
            .as_mut()
            .reset(Instant::now() + place.limits.connect_timeout);
        let address = lease.member().address();
        let client = place.client().ip();
        let mut ways = place.source.ways(lease.index(), client, address.ip());
        while let Some(way) = ways.next() {
            let (socket, port) = match bound(address, way) {
                Ok(bound) => bound,
                Err(error) if snat::is_missing(&error) => {
                    ways.next_address();
                    continue;
                }
                Err(error) if snat::is_taken(&error) => {
                    ways.elsewhere();
                    continue;
                }
                Err(error) => return self.no_socket(place, &error),
            };
            let connected = introduced(place, socket.connect(address));
            match within(connected, timer.as_mut()).await {
                Ok(stream) => return Some(Leg::from_port(stream, port)),
                Err(error) if snat::is_taken(&error) => ways.elsewhere(),
                Err(error) => return self.failed(place, lease, &error),
            }
        }
        self.exhausted(place, lease)
    }

    /// Out of files or memory: no fault of the member's, and no better at the next one.
    fn no_socket(&mut self, place: &Place, error: &io::Error) -> Option<Leg> {
        tracing::warn!(server = place.name, %error, "cannot make a socket");
        self.left = 0;
        None
    }

    fn failed(&mut self, place: &Place, lease: &Lease, error: &io::Error) -> Option<Leg> {
        let address = lease.member().address();
        tracing::debug!(server = place.name, %address, %error, "cannot connect");
        lease.member().count_connect_failure();
        place.counters.connect_failures.add(1);
        self.tried(lease);
        None
    }

    /// No fault of the member's either, but another one may be reached.
    fn exhausted(&mut self, place: &Place, lease: &Lease) -> Option<Leg> {
        let address = lease.member().address();
        place.counters.snat_exhausted.add(1);
        tracing::debug!(server = place.name, %address, "no address or port to connect from");
        self.tried(lease);
        None
    }
}

/// The connection, on which a member that expects it was told who the client is.
async fn introduced(
    place: &Place,
    connect: impl Future<Output = io::Result<TcpStream>>,
) -> io::Result<TcpStream> {
    let mut stream = connect.await?;
    if let Some(header) = identity::header(place) {
        stream.write_all(&header).await?;
    }
    Ok(stream)
}

/// The connection, unless time is over.
async fn within(
    connect: impl Future<Output = io::Result<TcpStream>>,
    timer: Pin<&mut Sleep>,
) -> io::Result<TcpStream> {
    tokio::select! {
        biased;
        outcome = connect => outcome,
        () = timer => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Connects to a member's address on behalf of nobody.
pub(super) async fn to(server: &VirtualServer, address: SocketAddr) -> io::Result<TcpStream> {
    let connect = async {
        let mut stream = socket(address)?.connect(address).await?;
        if let Some(version) = server.send_proxy {
            stream.write_all(&identity::nobody(version)).await?;
        }
        Ok(stream)
    };
    timeout(server.limits.connect_timeout, connect).await?
}

/// A socket that connects this way, and the port that it has.
fn bound(address: SocketAddr, way: Way) -> io::Result<(TcpSocket, Option<Box<Port>>)> {
    let socket = socket(address)?;
    let port = way.bind(&socket)?;
    Ok((socket, port.map(Box::new)))
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
