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
    mut timer: Pin<&mut Sleep>,
) -> Option<(TcpStream, Lease)> {
    let mut tried = Tried::default();
    for _ in 0..server.limits.connect_attempts {
        let lease = server.pool.pick(&tried)?;
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
            Ok(stream) => {
                lease.connected();
                return Some((stream, lease));
            }
            Err(error) => {
                tracing::debug!(server = server.name, %address, %error, "cannot connect");
                lease.member().count_connect_failure();
                server.counters.connect_failures.add(1);
                tried.insert(lease.index());
            }
        }
    }
    None
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}
