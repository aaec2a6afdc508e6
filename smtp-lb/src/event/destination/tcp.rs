//! Syslog over TCP, with octet counting or newlines (RFC 6587, 3.4.1 and 3.4.2).

use std::future::pending;
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr};

use rustix::net::RecvFlags;
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::super::format::encoder::Encoder;
use super::super::model::Event;
use super::super::outgoing::Outgoing;
use super::Timing;
use super::worker::Sink;
use crate::config::plan::Framing;

/// Octets that the kernel may hold beyond what is on its way. They are lost with the collector
/// although counted as sent, so they are few; left alone the kernel takes megabytes.
const UNSENT: u32 = 128 * 1024;

/// A connection to a collector, made again when it breaks.
#[derive(Debug)]
pub(super) struct Tcp {
    address: SocketAddr,
    source: Option<IpAddr>,
    encoder: Encoder,
    framing: Framing,
    timing: Timing,
    /// The record being framed.
    record: Vec<u8>,
    stream: Option<TcpStream>,
}

impl Tcp {
    pub(super) fn new(
        address: SocketAddr,
        source: Option<IpAddr>,
        (encoder, framing): (Encoder, Framing),
        timing: Timing,
    ) -> Self {
        Self {
            address,
            source,
            encoder,
            framing,
            timing,
            record: Vec::new(),
            stream: None,
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.set_keepalive(true)?;
        socket.set_nodelay(true)?;
        {
            let options = SockRef::from(&socket);
            options.set_tcp_user_timeout(Some(self.timing.write))?;
            options.set_tcp_notsent_lowat(UNSENT)?;
        }
        let connected = timeout(self.timing.connect, socket.connect(self.address)).await;
        connected.map_err(|_| io::Error::new(ErrorKind::TimedOut, "connect timed out"))?
    }

    async fn write_some(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        if out.is_empty() {
            return Ok(());
        }
        // A collector that has gone takes the next write without an error, into nothing.
        read_away(stream)?;
        let written = timeout(self.timing.write, stream.write(out.rest())).await;
        match written.map_err(|_| io::Error::new(ErrorKind::TimedOut, "write timed out"))?? {
            0 => Err(ErrorKind::WriteZero.into()),
            octets => {
                out.advance(octets);
                Ok(())
            }
        }
    }
}

impl Sink for Tcp {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.framing == Framing::Newline {
            // No record has a newline of its own.
            self.encoder.encode(event, out);
            return out.push(b'\n');
        }
        self.record.clear();
        self.encoder.encode(event, &mut self.record);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{} ", self.record.len());
        out.extend_from_slice(&self.record);
    }

    async fn open(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            self.stream = Some(self.connect().await?);
        }
        Ok(())
    }

    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let written = self.write_some(out).await;
        if written.is_err() {
            self.stream = None;
            out.rewind();
        }
        written
    }

    async fn broken(&mut self) -> io::Error {
        let Some(stream) = &self.stream else {
            return pending().await;
        };
        let error = loop {
            if let Err(error) = stream.readable().await {
                break error;
            }
            let mut waste = [0; 512];
            match stream.try_read(&mut waste) {
                Ok(0) => break closed(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => break error,
            }
        };
        self.stream = None;
        error
    }

    async fn close(mut self) {
        if let Some(stream) = &mut self.stream {
            // What is written is already counted, and there is nobody left to tell of an error.
            let _ = timeout(self.timing.write, stream.shutdown()).await;
        }
    }
}

/// Reads what a collector said, which syslog has no use for, to see whether it has gone. The
/// socket is asked itself, because the runtime may not have heard of it yet.
fn read_away(stream: &TcpStream) -> io::Result<()> {
    // More rounds would let a talkative collector keep records waiting.
    for _ in 0..16 {
        let mut waste = [0; 512];
        match rustix::net::recv(stream, &mut waste, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(closed()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "closed by the collector")
}
