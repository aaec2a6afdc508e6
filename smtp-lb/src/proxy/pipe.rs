//! Bulk without copies: from socket to socket through a pipe.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::net::TcpStream;

use super::socket::{self, Source};

/// Most bytes in a pipe, and so most that a slow receiver makes a session keep.
const MOST: usize = 256 * 1024;

/// Room asked of the kernel, in bytes at one page to a slot: segments from a network card fill
/// less than half of theirs.
const ROOM: usize = 1024 * 1024;

/// Empty pipes that a worker keeps.
const SPARES: usize = 32;

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

thread_local! {
    static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe, filled only when it is empty.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    held: usize,
}

impl Pipe {
    /// A spare one, or a new one.
    pub(super) fn get() -> io::Result<Self> {
        if let Some(spare) = SPARE.with_borrow_mut(Vec::pop) {
            return Ok(spare);
        }
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Unprivileged users have a quota; a pipe of the usual size serves too.
        let _ = fcntl_setpipe_size(&writer, ROOM);
        Ok(Self {
            reader,
            writer,
            held: 0,
        })
    }

    /// Keeps it for another session if it is empty, else its bytes go with it.
    pub(super) fn put_back(self) {
        SPARE.with_borrow_mut(|spare| {
            if self.is_empty() && spare.len() < SPARES {
                spare.push(self);
            }
        });
    }

    /// Whether all that went in has come out.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes what `from` has; 0 at the end of its stream. The pipe must be empty, so that only
    /// the socket can be what makes us wait.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Source,
        from: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty());
        let read = |from: &TcpStream| Ok(splice(from, None, &self.writer, None, MOST, FLAGS)?);
        let count = ready!(source.poll(cx, from, read))?;
        self.held = count;
        Poll::Ready(Ok(count))
    }

    /// Gives `to` what it takes of what is held. The pipe must not be empty.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        to: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(!self.is_empty());
        let write = |to: &TcpStream| Ok(splice(&self.reader, None, to, None, self.held, FLAGS)?);
        let count = ready!(socket::poll_write(cx, to, write))?;
        if count == 0 {
            // Cannot be while bytes are held; but it must not become a busy loop.
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.held = self.held.saturating_sub(count);
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("bound");
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (one.expect("connect"), other.expect("accept").0)
    }

    #[tokio::test]
    async fn bytes_go_through_and_the_end_is_seen() {
        let (mut sender, from) = pair().await;
        let (to, mut receiver) = pair().await;
        let mut pipe = Pipe::get().expect("pipe");
        let mut source = Source::default();
        sender.write_all(b"mail").await.expect("write");
        let filled = poll_fn(|cx| pipe.poll_fill(cx, &mut source, &from)).await;
        assert_eq!(filled.expect("fill"), 4);
        let drained = poll_fn(|cx| pipe.poll_drain(cx, &to)).await;
        assert_eq!(drained.expect("drain"), 4);
        assert!(pipe.is_empty());
        let mut got = [0; 4];
        receiver.read_exact(&mut got).await.expect("read");
        assert_eq!(&got, b"mail");
        drop(sender);
        let filled = poll_fn(|cx| pipe.poll_fill(cx, &mut source, &from)).await;
        assert_eq!(filled.expect("end"), 0);
    }

    #[tokio::test]
    async fn only_empty_pipes_are_used_again() {
        let (mut sender, from) = pair().await;
        let mut full = Pipe::get().expect("pipe");
        let mut source = Source::default();
        sender
            .write_all(b"someone else's mail")
            .await
            .expect("write");
        poll_fn(|cx| full.poll_fill(cx, &mut source, &from))
            .await
            .expect("fill");
        full.put_back();
        SPARE.with_borrow(|spare| assert!(spare.is_empty()));
        for _ in 0..=SPARES {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("pipe");
            let pipe = Pipe {
                reader,
                writer,
                held: 0,
            };
            pipe.put_back();
        }
        SPARE.with_borrow(|spare| assert_eq!(spare.len(), SPARES));
    }
}
