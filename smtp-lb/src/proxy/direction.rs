//! Bytes one way.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes taken by one read.
const SCRATCH: usize = 256 * 1024;

/// Reads in one turn, so that a busy session does not keep the others waiting.
const TURNS: usize = 4;

thread_local! {
    /// Bytes between a read and the write that follows at once. Sessions keep no buffer: only
    /// what the receiver would not take.
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// One direction of a relay.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Read and not written yet, at most one scratch buffer; while there is any, nothing is read,
    /// so that the sender feels the receiver's pace.
    unsent: Vec<u8>,
    sent: usize,
    source_ended: bool,
    ended: bool,
    moved: u64,
}

impl Direction {
    /// Whether everything was passed on, the end included.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes passed on since the last call.
    pub(super) fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// Moves what can be moved now. Ready when this direction has ended. `closing` says that the
    /// other one has: then closing the sockets will tell the receiver, without a call of its own.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        closing: bool,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..TURNS {
            ready!(self.flush(cx, to))?;
            if self.source_ended {
                self.ended = true;
                return Poll::Ready(if closing { Ok(()) } else { end(to) });
            }
            ready!(self.pass(cx, from, to))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what an earlier turn had to keep.
    fn flush(&mut self, cx: &mut Context<'_>, to: &mut TcpStream) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.unsent.get(self.sent..) {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            self.sent += count;
            self.moved += count as u64;
        }
        if !self.unsent.is_empty() {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// One read and its write.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        SCRATCH_BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
            let mut rest = buffer.filled();
            self.source_ended = rest.is_empty();
            while !rest.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, rest)? {
                    Poll::Ready(count) => {
                        self.moved += count as u64;
                        rest = rest.get(count..).unwrap_or_default();
                    }
                    Poll::Pending => {
                        self.unsent = rest.to_vec();
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
    }
}

/// Passes on the end of the stream.
fn end(to: &TcpStream) -> io::Result<()> {
    SockRef::from(to).shutdown(Shutdown::Write)
}
