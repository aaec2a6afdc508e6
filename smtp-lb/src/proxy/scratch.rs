//! Bytes between a read and the write that follows at once.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::net::TcpStream;

use super::socket::{self, Source};

/// Bytes taken by one read. Measured with messages of 10 MiB, more gains little once bulk goes
/// through pipes, and what a slow receiver leaves of it is kept by its session.
pub(super) const SIZE: usize = 64 * 1024;

thread_local! {
    /// One for all sessions of a worker: an idle session has no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into());
}

/// What one read and its writes came to.
#[derive(Debug)]
pub(super) struct Passed {
    /// Bytes read; 0 at the end of the stream, [`SIZE`] if there may be more already.
    pub(super) read: usize,
    /// Bytes that the receiver would not take now.
    pub(super) rest: Vec<u8>,
}

/// Reads once, and writes what it got.
pub(super) fn poll_pass(
    cx: &mut Context<'_>,
    source: &mut Source,
    from: &TcpStream,
    to: &TcpStream,
) -> Poll<io::Result<Passed>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let scratch = &mut scratch[..];
        let read = ready!(source.poll(cx, from, |from| {
            let (_, count) = recv(from, &mut *scratch, RecvFlags::empty())?;
            Ok(count)
        }))?;
        if (1..SIZE).contains(&read) {
            socket::is_drained(from);
        }
        let mut rest = scratch.get(..read).unwrap_or_default();
        while !rest.is_empty() {
            match poll_send(cx, to, rest)? {
                Poll::Ready(count) => rest = rest.get(count..).unwrap_or_default(),
                Poll::Pending => break,
            }
        }
        let rest = rest.to_vec();
        Poll::Ready(Ok(Passed { read, rest }))
    })
}

/// Writes once.
pub(super) fn poll_send(
    cx: &mut Context<'_>,
    to: &TcpStream,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    socket::poll_write(cx, to, |to| Ok(send(to, bytes, SendFlags::NOSIGNAL)?))
}
