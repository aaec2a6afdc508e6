//! How bytes reach the other end: the one place that knows what carries them.

use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, read, writev};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, listen, socket_with,
    sockopt,
};

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
const BACKLOG: i32 = 4096;

/// One connection, non-blocking, with `TCP_NODELAY`.
pub(crate) struct Stream(OwnedFd);

impl Stream {
    /// Begins to connect; a refusal shows at the first receive.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let socket = socket(address)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self(socket)),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes received, 0 at the end of the stream, `None` if there is nothing yet.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        not_yet(read(&self.0, buffer))
    }

    /// Bytes sent, `None` if none can be now.
    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> Result<Option<usize>> {
        not_yet(writev(&self.0, parts))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
        Ok(not_yet(accept_with(&self.0, FLAGS))?.map(Stream))
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
