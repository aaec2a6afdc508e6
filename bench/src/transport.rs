//! How bytes reach the other end: the one place that knows what carries them.

pub(crate) mod tls;

use std::io::{self, IoSlice, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, read, writev};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, listen, socket_with,
    sockopt,
};
use rustls::{Connection, HandshakeKind};

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
const BACKLOG: i32 = 4096;

/// More than rustls keeps of a record that has not come whole (RFC 8446, section 5.2).
const RECORD: usize = 18 * 1024;

/// One connection, non-blocking, with `TCP_NODELAY`; TLS begins when it is told to.
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Connection>>,
}

impl Stream {
    /// Begins to connect; a refusal shows at the first receive or send.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let socket = socket(address)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// From here on all is encrypted; what is sent before the handshake is done waits for it.
    pub(crate) fn begin_tls(&mut self, connection: Connection) {
        self.tls = Some(Box::new(connection));
    }

    /// Whether all is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the handshake took up an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Bytes received, 0 at the end of the stream, `None` if there is nothing yet. With TLS the
    /// buffer must be larger than a record; it takes all that was received.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>> {
        let Some(tls) = &mut self.tls else {
            return not_yet(read(&self.socket, buffer));
        };
        // rustls reads 4 KiB at a time, which is too dear for the socket itself.
        let (plain, raw) = buffer.split_at_mut(usize::midpoint(buffer.len(), RECORD));
        let length = match not_yet(read(&self.socket, &mut *raw))? {
            Some(length) if length > 0 => length,
            end_or_nothing => return Ok(end_or_nothing),
        };
        let (mut rest, mut received, mut ended) = (&raw[..length], 0, false);
        while !rest.is_empty() && !ended {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            let more = state.plaintext_bytes_to_read();
            tls.reader().read_exact(&mut plain[received..][..more])?;
            received += more;
            ended = state.peer_has_closed();
        }
        self.flush()?;
        Ok((received > 0 || ended).then_some(received))
    }

    /// Bytes taken to be sent, `None` if none can be now.
    pub(crate) fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<Option<usize>> {
        self.flush()?;
        match &mut self.tls {
            None => not_yet(writev(&self.socket, parts)),
            Some(tls) if tls.wants_write() => Ok(None),
            Some(tls) => {
                let taken = tls.writer().write_vectored(parts)?;
                self.flush()?;
                Ok(Some(taken))
            }
        }
    }

    /// Whether something taken waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }

    /// Ends in order. The other side may be gone already, which is no fault.
    pub(crate) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
    }
}

impl From<OwnedFd> for Stream {
    fn from(socket: OwnedFd) -> Self {
        Self {
            socket: socket.into(),
            tls: None,
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Accepts connections.
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Listens on an address.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self> {
        let socket = socket(address)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        // Accepted connections inherit it, which saves a call for each.
        sockopt::set_tcp_nodelay(&socket, true)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(Self(socket))
    }

    /// Where it listens, with the port that the kernel chose.
    #[cfg(test)]
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(rustix::net::getsockname(&self.0)?.try_into()?)
    }

    /// The next connection, `None` if there is none yet.
    pub(crate) fn accept(&self) -> Result<Option<Stream>> {
        Ok(not_yet(accept_with(&self.0, FLAGS))?.map(Stream::from))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn socket(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    socket_with(family, SocketType::STREAM, FLAGS, None)
}

fn not_yet<T>(result: rustix::io::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
