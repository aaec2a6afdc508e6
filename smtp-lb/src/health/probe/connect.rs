//! TCP to a member.

use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::Cause;
use crate::config::plan::ProxyVersion;
use crate::proxy_protocol::{self, Header};

/// Connects, from `source` if it is of the same family. A PROXY header says that there is no client.
pub(super) async fn tcp(
    address: SocketAddr,
    source: Option<IpAddr>,
    proxy: Option<ProxyVersion>,
) -> Result<TcpStream, Cause> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let mut stream = socket.connect(address).await?;
    if let Some(version) = proxy {
        let header = proxy_protocol::encode(version, &Header::default());
        stream.write_all(&header).await?;
    }
    Ok(stream)
}
