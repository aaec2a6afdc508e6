//! The systemd journal, by its native protocol: an entry a datagram. Larger ones than the socket takes are
//! refused: what is ours is at most 8 KiB.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use rustix::io::Errno;
use tokio::net::UnixDatagram;

use super::super::outgoing::Outgoing;
use super::worker::Sink;

/// The journal's socket.
#[derive(Debug)]
pub(super) struct Journald {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journald {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, socket: None }
    }
}

impl Sink for Journald {
    fn frame(&mut self, _: u64, _: &mut Vec<u8>, _: usize) {}

    async fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            let socket = UnixDatagram::unbound()?;
            socket.connect(&self.path)?;
            self.socket = Some(socket);
        }
        Ok(())
    }

    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(ErrorKind::NotConnected)?;
        if out.is_empty() {
            return Ok(());
        }
        match socket.send(out.record()).await {
            Ok(_) => {
                out.advance(out.record().len());
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                out.refuse();
                Ok(())
            }
            Err(error) => {
                self.socket = None;
                Err(error)
            }
        }
    }

    async fn broken(&mut self) -> io::Error {
        pending().await
    }

    async fn close(self) {}
}
