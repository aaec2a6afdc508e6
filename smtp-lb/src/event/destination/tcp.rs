//! Syslog over TCP, with octet counting or newlines (RFC 6587, 3.4.1 and 3.4.2), in the clear or within
//! TLS (RFC 5425).

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::net::RecvFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use super::super::outgoing::Outgoing;
use super::Timing;
use super::collectors::Collectors;
use super::dial::dial;
use super::secure::Secure;
use super::worker::{LARGE_BATCH, Sink};
use crate::config::plan::Framing;

/// Time that a connection to one of several collectors is used before the next has its turn.
const TURN: Duration = Duration::from_secs(10);

/// For a collector to read to the end of a connection and to close it.
const CONFIRM: Duration = Duration::from_mins(1);

/// A connection to a collector, made again when it breaks.
#[derive(Debug)]
pub(super) struct Tcp {
    collectors: Arc<Collectors>,
    /// Which of them it is.
    place: usize,
    /// Since when.
    since: Instant,
    source: Option<IpAddr>,
    framing: Framing,
    timing: Timing,
    secure: Option<Secure>,
    link: Option<Link>,
}

#[derive(Debug)]
enum Link {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Tcp {
    pub(super) fn new(
        collectors: Arc<Collectors>,
        source: Option<IpAddr>,
        framing: Framing,
        timing: Timing,
        secure: Option<Secure>,
    ) -> Self {
        Self {
            collectors,
            place: 0,
            since: Instant::now(),
            source,
            framing,
            timing,
            secure,
            link: None,
        }
    }

    async fn connect(&mut self) -> io::Result<Link> {
        self.place = self.collectors.next(Instant::now());
        let Some(collector) = self.collectors.member(self.place) else {
            return Err(ErrorKind::NotFound.into());
        };
        let stream = dial(collector.address, self.source, self.timing).await?;
        let Some(secure) = &self.secure else {
            return Ok(Link::Plain(stream));
        };
        let limit = self.timing.connect;
        let stream = secure.handshake(stream, collector, limit).await?;
        Ok(Link::Secure(Box::new(stream)))
    }

    fn lost(&mut self) {
        self.link = None;
        self.collectors.failed(self.place, Instant::now());
    }

    async fn write_some(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let link = self.link.as_mut().ok_or(ErrorKind::NotConnected)?;
        if out.is_empty() {
            return Ok(());
        }
        let written = timeout(self.timing.write, link.write(out.rest())).await;
        match written.map_err(|_| io::Error::new(ErrorKind::TimedOut, "write timed out"))?? {
            0 => Err(ErrorKind::WriteZero.into()),
            octets => {
                out.advance(octets);
                Ok(())
            }
        }
    }
}

impl Link {
    /// Writes some of it. Within TLS what is written has gone to the kernel, too: else it would count
    /// as sent, and be lost with us.
    async fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => {
                // A collector that has gone takes the next write without an error, into nothing.
                read_away(stream)?;
                stream.write(octets).await
            }
            Self::Secure(stream) => {
                if let Some(read) = stream.read(&mut [0; 512]).now_or_never() {
                    nothing(read)?;
                }
                let written = stream.write(octets).await?;
                stream.flush().await?;
                Ok(written)
            }
        }
    }

    /// Ends with what ended the connection.
    async fn broken(&mut self) -> io::Error {
        let mut waste = [0; 512];
        loop {
            let read = match self {
                Self::Plain(stream) => stream.read(&mut waste).await,
                Self::Secure(stream) => stream.read(&mut waste).await,
            };
            if let Err(error) = nothing(read) {
                return error;
            }
        }
    }

    /// Ends the connection, and sees that the collector has read all of it: it closes its side when it has
    /// read to our end, and our end is acknowledged only behind all before it. A collector that goes
    /// while octets are unread resets the connection. Within TLS it says so itself (RFC 5425, 4.4).
    async fn finish(mut self) -> io::Result<()> {
        self.shutdown().await?;
        let mut waste = [0; 512];
        if let Self::Secure(stream) = &mut self {
            // Only a process that lives can say it: when one is killed, its kernel ends the connection, also if
            // what it had read was lost with it.
            while stream.read(&mut waste).await.map_err(unsaid)? > 0 {}
        }
        let stream = match &mut self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_mut().0,
        };
        while stream.read(&mut waste).await? > 0 {}
        // A socket has no peer any more once both ends are acknowledged.
        let mut pause = Duration::from_millis(1);
        while stream.peer_addr().is_ok() {
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(Duration::from_millis(100));
        }
        stream.take_error()?.map_or(Ok(()), Err)
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Secure(stream) => stream.shutdown().await,
        }
    }
}

/// What a collector says is nothing to us, save that it ends.
fn nothing(read: io::Result<usize>) -> io::Result<()> {
    match read? {
        0 => Err(closed()),
        _ => Ok(()),
    }
}

impl Sink for Tcp {
    fn frame(&mut self, _: u64, out: &mut Vec<u8>, start: usize) {
        if self.framing == Framing::Newline {
            // No record has a newline of its own.
            return out.push(b'\n');
        }
        let mut digits = [0; 20];
        let mut place = digits.len();
        let mut length = out.len() - start;
        loop {
            place -= 1;
            // One digit.
            digits[place] = b'0' + u8::try_from(length % 10).unwrap_or(0);
            length /= 10;
            if length == 0 {
                break;
            }
        }
        let prefix = digits.get(place..).unwrap_or_default();
        out.extend_from_slice(prefix);
        out.push(b' ');
        let moved = prefix.len() + 1;
        if let Some(record) = out.get_mut(start..) {
            record.rotate_right(moved);
        }
    }

    async fn open(&mut self) -> io::Result<()> {
        if self.link.is_none() {
            match self.connect().await {
                Ok(link) => self.link = Some(link),
                Err(error) => {
                    self.lost();
                    return Err(error);
                }
            }
            self.since = Instant::now();
        }
        Ok(())
    }

    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        if self.collectors.is_many() && self.since.elapsed() >= TURN && out.is_whole() {
            if let Some(mut link) = self.link.take() {
                let _ = timeout(self.timing.write, link.shutdown()).await;
            }
            self.open().await?;
        }
        let written = self.write_some(out).await;
        if written.is_err() {
            self.lost();
            out.rewind();
        }
        written
    }

    fn batch(&self) -> usize {
        LARGE_BATCH
    }

    async fn broken(&mut self) -> io::Error {
        let Some(link) = &mut self.link else {
            return pending().await;
        };
        let error = link.broken().await;
        self.lost();
        error
    }

    fn must_confirm(&self) -> bool {
        true
    }

    async fn confirm(&mut self) -> io::Result<()> {
        let link = self.link.take().ok_or(ErrorKind::NotConnected)?;
        let finished = timeout(CONFIRM, link.finish()).await;
        let late = |_| {
            Err(io::Error::new(
                ErrorKind::TimedOut,
                "the collector did not close in time; one that never does needs `confirm = \"none\"`",
            ))
        };
        let finished = finished.unwrap_or_else(late);
        if finished.is_err() {
            self.lost();
        }
        finished
    }

    async fn close(mut self) {
        if let Some(link) = &mut self.link {
            // What is written is already counted, and there is nobody left to tell of an error.
            let _ = timeout(self.timing.write, link.shutdown()).await;
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

/// Within TLS the end came without a word.
fn unsaid(error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::UnexpectedEof {
        return error;
    }
    io::Error::new(
        ErrorKind::UnexpectedEof,
        "the collector closed without close_notify, so what it has is not known; one that never says it \
         needs `confirm = \"none\"`",
    )
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "closed by the collector")
}
