//! TCP to a member.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use super::Cause;

/// Connects, from `source` if it is of the same family.
pub(super) async fn tcp(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Cause> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket.connect(address).await?)
}
