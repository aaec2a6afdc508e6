//! Syslog over UDP, one record a datagram (RFC 5426).

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use tokio::net::UdpSocket;

use super::super::outgoing::Outgoing;
use super::worker::Sink;

/// A connected socket, so that the collector's host can say that nobody listens.
#[derive(Debug)]
pub(super) struct Udp {
    address: SocketAddr,
    source: Option<IpAddr>,
    socket: Option<UdpSocket>,
}

impl Udp {
    pub(super) fn new(address: SocketAddr, source: Option<IpAddr>) -> Self {
        Self {
            address,
            source,
            socket: None,
        }
    }
}

impl Sink for Udp {
    fn frame(&mut self, _: u64, _: &mut Vec<u8>, _: usize) {}

    async fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            let any = match self.address {
                SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            let source = SocketAddr::new(self.source.unwrap_or(any), 0);
            let socket = UdpSocket::bind(source).await?;
            socket.connect(self.address).await?;
            self.socket = Some(socket);
        }
        Ok(())
    }

    /// One datagram. An error is often about an earlier one, which is gone and was counted as
    /// sent; this one is kept and tried again.
    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(ErrorKind::NotConnected)?;
        if out.is_empty() {
            return Ok(());
        }
        match socket.send(out.record()).await {
            Ok(_) => {
                out.advance(out.record().len());
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                out.refuse();
                Ok(())
            }
            Err(error) => {
                self.socket = None;
                Err(error)
            }
        }
    }

    async fn broken(&mut self) -> io::Error {
        pending().await
    }

    async fn close(self) {}
}
