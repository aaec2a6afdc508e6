//! Either end of a session: a socket with rustls's buffered connection on it, or without.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, HandshakeKind, ServerConfig, ServerConnection,
};

const PATIENCE: Duration = Duration::from_secs(40);

/// Plaintext that a peer holds before it waits for the other side to take some.
const MOST: usize = 256 * 1024;

pub(in super::super) struct Peer {
    pub(in super::super) socket: TcpStream,
    pub(in super::super) tls: Option<Connection>,
    /// For sockets without TLS.
    unsent: Vec<u8>,
    pub(in super::super) inbox: Vec<u8>,
    pub(in super::super) ended: bool,
    /// Octets of one write to the socket.
    pub(in super::super) stride: usize,
}

impl Peer {
    pub(in super::super) fn new(socket: TcpStream, tls: Option<Connection>) -> Self {
        socket.set_nonblocking(true).expect("nonblocking");
        socket.set_nodelay(true).expect("nodelay");
        Self {
            socket,
            tls,
            unsent: Vec::new(),
            inbox: Vec::new(),
            ended: false,
            stride: usize::MAX,
        }
    }

    pub(in super::super) fn connect(
        address: SocketAddr,
        config: Option<&Arc<ClientConfig>>,
    ) -> Self {
        let socket = TcpStream::connect(address).expect("connect");
        let name = ServerName::try_from("localhost").expect("name");
        let tls = config.map(|config| {
            ClientConnection::new(Arc::clone(config), name)
                .expect("client")
                .into()
        });
        Self::new(socket, tls)
    }

    /// Sends and reads what can be now. Whether anything was.
    pub(in super::super) fn step(&mut self) -> io::Result<bool> {
        let sent = self.flush()?;
        Ok(self.take()? || sent)
    }

    pub(in super::super) fn flush(&mut self) -> io::Result<bool> {
        let mut socket = Stride(&self.socket, self.stride);
        let mut any = false;
        loop {
            let written = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut socket),
                None if !self.unsent.is_empty() => socket.write(&self.unsent),
                _ => return Ok(any),
            };
            match written {
                Ok(count) => {
                    any = true;
                    if self.tls.is_none() {
                        self.unsent.drain(..count);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(any),
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let mut buffer = vec![0; 32 * 1024];
        let read = match &mut self.tls {
            Some(tls) => tls.read_tls(&mut &self.socket),
            None => (&self.socket).read(&mut buffer),
        };
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        match &mut self.tls {
            Some(tls) => {
                let outcome = tls.process_new_packets();
                if let Err(error) = outcome {
                    let _ = self.flush();
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
                loop {
                    match tls.reader().read(&mut buffer) {
                        // close_notify.
                        Ok(0) => {
                            self.ended = true;
                            break;
                        }
                        Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            None => self.inbox.extend_from_slice(&buffer[..count]),
        }
        self.ended |= count == 0;
        Ok(true)
    }

    /// Steps until it is so.
    pub(in super::super) fn until(&mut self, done: impl Fn(&Self) -> bool) -> io::Result<()> {
        let begun = Instant::now();
        while !done(self) {
            if !self.step()? {
                if begun.elapsed() > PATIENCE {
                    return Err(ErrorKind::TimedOut.into());
                }
                thread::sleep(Duration::from_micros(200));
            }
        }
        Ok(())
    }

    pub(in super::super) fn handshake(&mut self) -> io::Result<()> {
        self.until(|peer| {
            let shaken = peer.tls.as_ref().is_none_or(|tls| !tls.is_handshaking());
            shaken && peer.is_flushed()
        })
    }

    /// Takes what the buffers have room for.
    fn offer(&mut self, octets: &[u8]) -> usize {
        if let Some(tls) = &mut self.tls {
            tls.writer().write(octets).expect("buffered")
        } else {
            let count = octets.len().min(MOST.saturating_sub(self.unsent.len()));
            self.unsent.extend_from_slice(&octets[..count]);
            count
        }
    }

    fn is_flushed(&self) -> bool {
        let waits = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        !waits && self.unsent.is_empty()
    }

    pub(in super::super) fn send(&mut self, mut octets: &[u8]) -> io::Result<()> {
        self.handshake()?;
        while !octets.is_empty() {
            let count = self.offer(octets);
            octets = &octets[count..];
            if !self.step()? {
                thread::sleep(Duration::from_micros(200));
            }
        }
        self.until(Self::is_flushed)
    }

    /// Sends without reading: what comes then is not for this layer.
    pub(in super::super) fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        let taken = self.offer(octets);
        assert_eq!(taken, octets.len());
        while !self.is_flushed() {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends without end; the octets that went out before nothing moved for a while.
    pub(in super::super) fn flood(&mut self, most: usize) -> io::Result<usize> {
        self.flood_with(&[7; 1024], most)
    }

    /// As [`flood`](Self::flood), with `part` over and over. The last may have been begun only.
    pub(in super::super) fn flood_with(&mut self, part: &[u8], most: usize) -> io::Result<usize> {
        let chunk = part.repeat(64 * 1024 / part.len());
        let (mut sent, mut moved) = (0, Instant::now());
        self.handshake()?;
        while sent < most && moved.elapsed() < Duration::from_millis(700) {
            let count = self.offer(&chunk[sent % part.len()..]);
            sent += count;
            if self.flush()? || count > 0 {
                moved = Instant::now();
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(sent)
    }

    pub(in super::super) fn expect(&mut self, octets: &[u8]) -> io::Result<()> {
        self.until(|peer| peer.inbox.len() >= octets.len() || peer.ended)?;
        let got = self.inbox.len().min(octets.len());
        assert_eq!(
            String::from_utf8_lossy(&self.inbox[..got]),
            String::from_utf8_lossy(octets)
        );
        self.inbox.drain(..got);
        Ok(())
    }

    pub(in super::super) fn exchange(&mut self, octets: &[u8]) -> io::Result<()> {
        self.send(octets)?;
        self.expect(octets)
    }

    /// A line without its end; none at the end of the stream.
    pub(in super::super) fn line(&mut self) -> io::Result<Option<String>> {
        let end = |inbox: &[u8]| inbox.windows(2).position(|two| two == b"\r\n");
        self.until(|peer| peer.ended || end(&peer.inbox).is_some())?;
        let Some(at) = end(&self.inbox) else {
            return Ok(None);
        };
        let line: Vec<u8> = self.inbox.drain(..at + 2).collect();
        Ok(Some(String::from_utf8_lossy(&line[..at]).into_owned()))
    }

    /// Octets up to and with `mark`; all of them at the end of the stream.
    pub(in super::super) fn take_until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        let seen = std::cell::Cell::new(0);
        let end = |inbox: &[u8]| {
            let from = seen.replace(inbox.len().saturating_sub(mark.len()));
            let found = inbox[from..]
                .windows(mark.len())
                .position(|part| part == mark);
            found.map(|at| from + at + mark.len())
        };
        let at = std::cell::Cell::new(None);
        self.until(|peer| {
            at.set(end(&peer.inbox));
            peer.ended || at.get().is_some()
        })?;
        let at = at.get().unwrap_or(self.inbox.len());
        Ok(self.inbox.drain(..at).collect())
    }

    pub(in super::super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.until(|peer| peer.ended)?;
        Ok(std::mem::take(&mut self.inbox))
    }

    /// Ends its direction in order.
    pub(in super::super) fn finish(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.until(Self::is_flushed)?;
        self.socket.shutdown(Shutdown::Write)
    }

    /// Sends `octets` while it reads all until the end.
    pub(in super::super) fn duplex(&mut self, octets: &[u8]) -> io::Result<Vec<u8>> {
        self.handshake()?;
        let (mut sent, mut finished) = (0, false);
        let begun = Instant::now();
        while !(finished && self.ended) {
            if sent < octets.len() {
                sent += self.offer(&octets[sent..]);
            } else if !finished && self.is_flushed() {
                self.finish()?;
                finished = true;
            }
            if !self.step()? {
                assert!(begun.elapsed() < PATIENCE, "{sent} of {}", octets.len());
                thread::sleep(Duration::from_micros(200));
            }
        }
        Ok(std::mem::take(&mut self.inbox))
    }

    /// Sends back what comes, until the end.
    fn echo(&mut self) -> io::Result<()> {
        self.handshake()?;
        let mut rest = Vec::new();
        loop {
            if rest.is_empty() {
                rest = std::mem::take(&mut self.inbox);
            }
            let count = self.offer(&rest);
            rest.drain(..count);
            let moved = if rest.is_empty() {
                self.step()?
            } else {
                self.flush()?
            };
            if rest.is_empty() && self.inbox.is_empty() && self.ended {
                return self.finish();
            }
            if !moved && count == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    }

    /// What the handshake was like.
    pub(in super::super) fn kind(&self) -> Option<HandshakeKind> {
        self.tls.as_ref().and_then(|tls| tls.handshake_kind())
    }
}

/// Writes in small pieces.
struct Stride<'a>(&'a TcpStream, usize);

impl Write for Stride<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = octets.len().min(self.1);
        self.0.write(&octets[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A member, whose connections are given away as they come.
pub(in super::super) fn member(config: Option<&Arc<ServerConfig>>) -> (SocketAddr, Receiver<Peer>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("bound");
    let config = config.cloned();
    let (peers, taken) = mpsc::channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let tls = config.as_ref().map(|config| {
                ServerConnection::new(Arc::clone(config))
                    .expect("server")
                    .into()
            });
            let peer = Peer::new(socket.expect("accept"), tls);
            if peers.send(peer).is_err() {
                return;
            }
        }
    });
    (address, taken)
}

/// A member that sends back what it gets. Tells of each handshake, which kind it was.
pub(super) fn echo(
    config: Option<&Arc<ServerConfig>>,
) -> (SocketAddr, Receiver<Option<HandshakeKind>>) {
    let (address, peers) = member(config);
    let (kinds, told) = mpsc::channel();
    thread::spawn(move || {
        for mut peer in peers {
            let kinds = kinds.clone();
            thread::spawn(move || {
                if peer.handshake().is_ok() {
                    let _ = kinds.send(peer.kind());
                    // Whoever is at the other end finds what is missing.
                    let _ = peer.echo();
                }
            });
        }
    });
    (address, told)
}
