//! Bytes one way.

use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::pipe::Pipe;
use super::scratch::{self, Passed};
use super::socket::Source;

/// Reads in one go, so that a busy session does not keep the others waiting.
const TURNS: usize = 4;

/// Bytes of one read that mean bulk. A sender slower than us never fills the scratch buffer.
const BULK: usize = 16 * 1024;

/// Fewer bytes than that in a pipe are a command or a reply, and end the bulk: the pipe is not to
/// be kept by a session that talks. Bulk itself comes in odd pieces, too.
const LITTLE: usize = 512;

/// One direction of a relay.
///
/// Small amounts are copied through the worker's scratch buffer. A large read means bulk, which
/// goes through a pipe until a small amount comes again. While the receiver has not
/// taken all, nothing is read, so that the sender feels the receiver's pace.
#[derive(Debug, Default)]
pub(super) struct Direction {
    source: Source,
    /// Copied and not written yet: the part of `kept` from `written` on.
    kept: Vec<u8>,
    written: usize,
    /// There while bulk goes on.
    pipe: Option<Pipe>,
    /// What the pipe took last was little.
    bulk_ends: bool,
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
        from: &TcpStream,
        to: &TcpStream,
        closing: bool,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..TURNS {
            ready!(self.poll_flush(cx, to))?;
            if self.source_ended {
                self.ended = true;
                self.leave_bulk();
                return Poll::Ready(if closing { Ok(()) } else { end(to) });
            }
            ready!(self.poll_read(cx, from, to))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what an earlier turn read.
    fn poll_flush(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.kept.get(self.written..) {
            let count = ready!(scratch::poll_send(cx, to, rest))?;
            self.written += count;
            self.moved += count as u64;
        }
        if self.written > 0 {
            self.kept = Vec::new();
            self.written = 0;
        }
        if let Some(pipe) = &mut self.pipe {
            while !pipe.is_empty() {
                self.moved += ready!(pipe.poll_drain(cx, to))? as u64;
            }
            if self.bulk_ends {
                self.leave_bulk();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once; what is not written along with it is left to the next flush.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
    ) -> Poll<io::Result<()>> {
        let read = if let Some(pipe) = &mut self.pipe {
            let filled = ready!(pipe.poll_fill(cx, &mut self.source, from))?;
            self.bulk_ends = filled < LITTLE;
            filled
        } else {
            let Passed { read, rest } = ready!(scratch::poll_pass(cx, &mut self.source, from, to))?;
            self.moved += (read - rest.len()) as u64;
            self.kept = rest;
            if read >= BULK {
                // Out of files? Copying needs none.
                self.pipe = Pipe::get().ok();
            }
            read
        };
        self.source_ended = read == 0;
        Poll::Ready(Ok(()))
    }

    fn leave_bulk(&mut self) {
        self.bulk_ends = false;
        if let Some(pipe) = self.pipe.take() {
            pipe.put_back();
        }
    }
}

/// Passes on the end of the stream.
fn end(to: &TcpStream) -> io::Result<()> {
    SockRef::from(to).shutdown(Shutdown::Write)
}
