//! From a pool to a connected member.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep};

use super::server::VirtualServer;
use crate::pool::{Lease, Tried};

/// Connects to the pool's next member, and on failure to another one, as often as the plan lets
/// us. `timer` is the session's.
pub(super) async fn to_member(
    server: &VirtualServer,
    timer: Pin<&mut Sleep>,
) -> Option<(TcpStream, Lease)> {
    let (stream, lease) = Attempts::new(server).next(timer).await?;
    lease.connected();
    Some((stream, lease))
}

/// Members tried for one purpose, and how many more may be.
pub(super) struct Attempts<'a> {
    server: &'a VirtualServer,
    tried: Tried,
    left: usize,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(server: &'a VirtualServer) -> Self {
        Self {
            server,
            tried: Tried::default(),
            left: server.limits.connect_attempts,
        }
    }

    /// Does not choose this member again.
    pub(super) fn failed(&mut self, lease: &Lease) {
        self.tried.insert(lease.index());
    }

    /// The next member that takes a connection. Whoever is content with it says so to the lease.
    pub(super) async fn next(&mut self, mut timer: Pin<&mut Sleep>) -> Option<(TcpStream, Lease)> {
        let server = self.server;
        while self.left > 0 {
            self.left -= 1;
            let lease = server.pool.pick(&self.tried)?;
            timer
                .as_mut()
                .reset(Instant::now() + server.limits.connect_timeout);
            let address = lease.member().address();
            let socket = match socket(address) {
                Ok(socket) => socket,
                // Out of files or memory: no fault of the member's, and no better at the next one.
                Err(error) => {
                    tracing::warn!(server = server.name, %error, "cannot make a socket");
                    return None;
                }
            };
            let outcome = tokio::select! {
                biased;
                outcome = socket.connect(address) => outcome,
                () = timer.as_mut() => Err(io::ErrorKind::TimedOut.into()),
            };
            match outcome {
                Ok(stream) => return Some((stream, lease)),
                Err(error) => {
                    tracing::debug!(server = server.name, %address, %error, "cannot connect");
                    lease.member().count_connect_failure();
                    server.counters.connect_failures.add(1);
                    self.failed(&lease);
                }
            }
        }
        None
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}
