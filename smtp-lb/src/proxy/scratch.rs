//! Bytes between a read and the write that follows at once.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
    from: &mut TcpStream,
    to: &mut TcpStream,
) -> Poll<io::Result<Passed>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        // A read that does not fill the buffer tells tokio that the socket is empty now, which
        // saves asking again.
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        let mut rest = buffer.filled();
        let read = rest.len();
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest)? {
                Poll::Ready(count) => rest = rest.get(count..).unwrap_or_default(),
                Poll::Pending => break,
            }
        }
        let rest = rest.to_vec();
        Poll::Ready(Ok(Passed { read, rest }))
    })
}
