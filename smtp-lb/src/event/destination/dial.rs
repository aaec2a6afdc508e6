//! TCP to a collector.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::Timing;

/// Octets that the kernel may hold beyond what is on its way. They are lost with the collector
/// although counted as sent, so they are few; left alone the kernel takes megabytes.
const UNSENT: u32 = 128 * 1024;

/// Connects, within the time for that.
pub(super) async fn dial(
    address: SocketAddr,
    source: Option<IpAddr>,
    timing: Timing,
) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    {
        let options = SockRef::from(&socket);
        options.set_tcp_user_timeout(Some(timing.write))?;
        options.set_tcp_notsent_lowat(UNSENT)?;
    }
    let connected = timeout(timing.connect, socket.connect(address)).await;
    connected.map_err(|_| io::Error::new(ErrorKind::TimedOut, "connect timed out"))?
}
