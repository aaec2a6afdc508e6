//! Syslog over UDP, one record a datagram (RFC 5426).

use std::future::pending;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::super::outgoing::Outgoing;
use super::collectors::Collectors;
use super::worker::{LARGE_BATCH, Sink};

/// Datagrams that one of several collectors has before the next has its turn.
const TURN: usize = 32;
/// Datagrams that the kernel is handed at once: so few that a collector's socket has room for them by
/// the kernel's own default.
const AT_ONCE: usize = 64;

/// Connected sockets, so that the collector's host can say that nobody listens.
#[derive(Debug)]
pub(super) struct Udp {
    collectors: Arc<Collectors>,
    source: Option<IpAddr>,
    /// One for each collector.
    sockets: Vec<Option<UdpSocket>>,
    /// Whose turn it is.
    place: usize,
    /// Datagrams that it had of it.
    sent: usize,
    /// The next datagram goes by itself.
    alone: bool,
}

impl Udp {
    pub(super) fn new(collectors: Arc<Collectors>, source: Option<IpAddr>) -> Self {
        Self {
            collectors,
            source,
            sockets: Vec::new(),
            place: 0,
            sent: 0,
            alone: false,
        }
    }

    fn socket(&mut self) -> Option<&mut Option<UdpSocket>> {
        if self.sockets.len() <= self.place {
            self.sockets.resize_with(self.place + 1, || None);
        }
        self.sockets.get_mut(self.place)
    }

    /// Goes on to whose turn it is.
    async fn turn(&mut self) -> io::Result<()> {
        self.sent = 0;
        self.place = self.collectors.next(Instant::now());
        let Some(address) = self.collectors.address(self.place) else {
            return Err(ErrorKind::NotFound.into());
        };
        if self.socket().is_none_or(|socket| socket.is_none()) {
            let any = match address {
                SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            let source = SocketAddr::new(self.source.unwrap_or(any), 0);
            let socket = UdpSocket::bind(source).await?;
            socket.connect(address).await?;
            if let Some(place) = self.socket() {
                *place = Some(socket);
            }
        }
        Ok(())
    }
}

impl Sink for Udp {
    fn frame(&mut self, _: u64, _: &mut Vec<u8>, _: usize) {}

    async fn open(&mut self) -> io::Result<()> {
        self.turn().await
    }

    /// Some datagrams. An error is often about an earlier one, which is gone and was counted as
    /// sent; the one that met it is kept and tried again.
    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        if self.collectors.is_many() && self.sent >= TURN {
            self.turn().await?;
        }
        let most = if self.alone {
            1
        } else if self.collectors.is_many() {
            TURN - self.sent
        } else {
            AT_ONCE
        };
        let socket = self.socket().and_then(|socket| socket.as_ref());
        let socket = socket.ok_or(ErrorKind::NotConnected)?;
        let asked = out.records().len().min(most);
        let sent = socket.async_io(Interest::WRITABLE, || send(socket, out, most));
        match sent.await {
            Ok(sent) => {
                for _ in 0..sent {
                    out.advance(out.record().len());
                }
                self.sent += sent;
                // Why it did not take all is forgotten with this call: that nobody listens, perhaps. If so, one
                // datagram more makes the next call fail with its first.
                self.alone = sent < asked;
                if !out.is_empty() {
                    // Others have their turn, as they would have between single datagrams.
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                out.refuse();
                Ok(())
            }
            Err(error) => {
                if let Some(place) = self.socket() {
                    *place = None;
                }
                self.collectors.failed(self.place, Instant::now());
                Err(error)
            }
        }
    }

    fn batch(&self) -> usize {
        LARGE_BATCH
    }

    async fn broken(&mut self) -> io::Error {
        pending().await
    }

    async fn close(self) {}
}

/// Hands the next records to the kernel; returns how many it took.
fn send(socket: &UdpSocket, out: &Outgoing, most: usize) -> io::Result<usize> {
    let mut records = out.records();
    let most = records.len().min(most);
    let records: [IoSlice<'_>; AT_ONCE] =
        std::array::from_fn(|_| IoSlice::new(records.next().unwrap_or_default()));
    let mut records = records.iter();
    let mut none: [SendAncillaryBuffer<'_, '_, '_>; AT_ONCE] =
        std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut messages = none.each_mut().map(|none| {
        let record = records.next().map_or(&[][..], std::slice::from_ref);
        MMsgHdr::new(record, none)
    });
    let messages = messages.get_mut(..most).unwrap_or_default();
    Ok(sendmmsg(socket, messages, SendFlags::DONTWAIT)?)
}
