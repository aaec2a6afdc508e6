//! Reads and writes that ask the kernel and tokio no more often than they must.
//!
//! A relay's task polls both directions whenever anything happens, so what costs nothing when
//! nothing happened counts: an awaited socket is one atomic load. Must run outside of tokio's
//! cooperative budget, under which "pending" does not always mean "you will be woken".

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::net::TcpStream;

/// The readable side of a socket.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// tokio has promised to wake this task when there is something to read.
    awaited: bool,
}

impl Source {
    /// Runs `read` when the socket may be readable, until it does not want to wait any more.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        mut read: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let outcome = socket.try_io(Interest::READABLE, || {
                self.awaited = false;
                read(socket)
            });
            if !waits(&outcome) {
                return Poll::Ready(outcome);
            }
            if !self.awaited {
                self.awaited = socket.poll_read_ready(cx)?.is_pending();
            }
            if self.awaited {
                return Poll::Pending;
            }
        }
    }
}

/// Runs `write` when the socket may be writable, until it does not want to wait any more.
pub(super) fn poll_write(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        let outcome = socket.try_io(Interest::WRITABLE, || write(socket));
        if !waits(&outcome) {
            return Poll::Ready(outcome);
        }
        ready!(socket.poll_write_ready(cx))?;
    }
}

/// Tells tokio that there is nothing to read for now, which saves the read that would find out.
/// True after a read that did not fill its buffer: what comes later is an event of its own, which
/// the driver, being on this thread, has not seen yet.
pub(super) fn is_drained(socket: &TcpStream) {
    let _ = socket.try_io(Interest::READABLE, || -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    });
}

fn waits(outcome: &io::Result<usize>) -> bool {
    matches!(outcome, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
