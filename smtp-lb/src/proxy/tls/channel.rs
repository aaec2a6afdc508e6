//! One side of a session, in TLS or in the clear.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::buffers::{INCOMING, KEPT, OUTGOING, Outgoing, READ};
use super::connection::Connection;
use crate::proxy::identity::ClientTls;
use crate::proxy::leg::Leg;
use crate::proxy::scratch;
use crate::proxy::socket::{self, Source};

/// Reads in one go that may bring nothing to tell, such as tickets.
const READS: usize = 4;

/// How far our direction has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sending {
    Open,
    /// `close_notify`, if there is TLS, is in `unsent` or sent.
    Ended,
    /// A FIN, too.
    Shut,
}

/// A socket, TLS over it once it began, and what the peer has not taken yet. As with
/// [`Source`], it must be polled outside of tokio's cooperative budget.
#[derive(Debug)]
pub(in crate::proxy) struct Channel {
    leg: Leg,
    source: Source,
    tls: Option<Box<Connection>>,
    /// Sent by the peer along with its handshake.
    early: Vec<u8>,
    /// Not sent yet: the part of `unsent` from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
    /// What is unsent can wait for what comes next.
    may_wait: bool,
    sending: Sending,
    /// Octets were sent since this was last asked for.
    active: bool,
}

impl Channel {
    pub(in crate::proxy) fn new(leg: Leg) -> Self {
        Self {
            leg,
            source: Source::default(),
            tls: None,
            early: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            may_wait: false,
            sending: Sending::Open,
            active: false,
        }
    }

    pub(in crate::proxy) fn socket(&self) -> &TcpStream {
        &self.leg
    }

    /// From now on another task polls it, whom nobody has promised to wake yet.
    pub(in crate::proxy) fn adopt(&mut self) {
        self.source = Source::default();
    }

    /// Close in order, with a FIN, when dropped.
    pub(in crate::proxy) fn end_well(&mut self) {
        self.leg.end_well();
    }

    /// Begins TLS as the server.
    pub(in crate::proxy) fn accept(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let connection = Connection::server(config).map_err(foul)?;
        self.tls = Some(Box::new(connection));
        Ok(())
    }

    /// What was agreed upon with a client, which asked for the host of this name.
    pub(super) fn client_tls(&self, name: Option<&str>) -> Option<ClientTls> {
        self.tls.as_ref()?.client_tls(name)
    }

    /// Begins TLS as the client.
    pub(in crate::proxy) fn connect(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<()> {
        let connection = OUTGOING.with_borrow_mut(|out| {
            out.clear();
            let connection = Connection::client(config, name, out);
            self.unsent.extend_from_slice(out.filled());
            connection.map_err(foul)
        })?;
        self.tls = Some(Box::new(connection));
        Ok(())
    }

    /// Ready when the handshake that was begun is complete. On an error the alert has been sent,
    /// as far as the socket took it.
    pub(in crate::proxy) fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            let Some(tls) = &self.tls else {
                return Poll::Ready(Ok(()));
            };
            if !tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            let mut early = std::mem::take(&mut self.early);
            let read = self.poll_records(cx, READ, &mut early);
            self.early = early;
            let more = ready!(read)?;
            if let Some(tls) = &self.tls {
                self.may_wait = tls.only_tickets_left();
                if tls.is_handshaking() && !more {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
    }

    /// Adds to `plain` what there is to read, nothing at the end of the stream. At most `most`
    /// octets are taken from the socket, and [`READ`]; with those of a record that was begun
    /// before they may say more.
    pub(in crate::proxy) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        plain: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            plain.append(&mut self.early);
            self.early = Vec::new();
            return Poll::Ready(Ok(()));
        }
        if self.tls.is_none() {
            return self.poll_plain(cx, most, plain);
        }
        let before = plain.len();
        for _ in 0..READS {
            let more = ready!(self.poll_records(cx, most, plain))?;
            if plain.len() > before || !more {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_plain(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        plain: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        plain.reserve(READ);
        let bulk = most >= READ;
        let room = if bulk {
            plain.capacity() - plain.len()
        } else {
            most
        };
        let socket: &TcpStream = &self.leg;
        let read = self.source.poll(cx, socket, |socket| {
            if bulk {
                return Ok(recv(socket, spare_capacity(plain), RecvFlags::empty())?.1);
            }
            INCOMING.with_borrow_mut(|incoming| {
                let room = incoming.get_mut(..room).unwrap_or_default();
                let (_, count) = recv(socket, &mut *room, RecvFlags::empty())?;
                plain.extend_from_slice(room.get(..count).unwrap_or_default());
                Ok(count)
            })
        });
        let count = ready!(read)?;
        if (1..room).contains(&count) {
            socket::is_drained(socket);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads records once. False at the end of the stream.
    fn poll_records(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        plain: &mut Vec<u8>,
    ) -> Poll<io::Result<bool>> {
        let Some(tls) = &mut self.tls else {
            return Poll::Ready(Ok(false));
        };
        if tls.ended() {
            return Poll::Ready(Ok(false));
        }
        let socket: &TcpStream = &self.leg;
        let digested = INCOMING.with_borrow_mut(|incoming| {
            let (before, fresh) = incoming.split_at_mut(KEPT);
            let most = most.clamp(1, fresh.len());
            let fresh = fresh.get_mut(..most).unwrap_or_default();
            let read = self.source.poll(cx, socket, |socket| {
                let (_, count) = recv(socket, &mut *fresh, RecvFlags::empty())?;
                Ok(count)
            });
            let count = match ready!(read) {
                // Who has heard our end may close without reading it, which the kernel tells by a
                // reset.
                Err(error) if self.sending > Sending::Open && is_gone(&error) => 0,
                other => other?,
            };
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
            if count < most {
                socket::is_drained(socket);
            }
            let kept = tls.kept();
            let start = KEPT.saturating_sub(kept.len());
            if let Some(before) = before.get_mut(start..) {
                before.copy_from_slice(kept);
            }
            OUTGOING.with_borrow_mut(|out| {
                out.clear();
                let input = incoming.get_mut(start..KEPT + count).unwrap_or_default();
                let digested = tls.digest(input, plain, out);
                self.unsent.extend_from_slice(out.filled());
                Poll::Ready(digested.map(|()| true).map_err(foul))
            })
        });
        if let Poll::Ready(Err(_)) = digested {
            // The alert, if it can be sent at all.
            let _ = self.poll_flush(cx);
        }
        digested
    }

    /// Takes all of `text`; what cannot be sent now is sent by [`poll_flush`](Self::poll_flush),
    /// which is best ready before: nothing else bounds what is unsent.
    pub(in crate::proxy) fn send(&mut self, cx: &mut Context<'_>, text: &[u8]) -> io::Result<()> {
        if self.tls.is_none() {
            if !self.unsent.is_empty() {
                self.unsent.extend_from_slice(text);
                return Ok(());
            }
            let taken = send_all(cx, &self.leg, text)?;
            self.active |= taken > 0;
            self.unsent = text.get(taken..).unwrap_or_default().to_vec();
            return Ok(());
        }
        OUTGOING.with_borrow_mut(|out| {
            self.encode(out, |tls, out| tls.encrypt(text, out))?;
            let records = out.filled();
            let taken = send_all(cx, &self.leg, records)?;
            self.active |= taken > 0;
            self.unsent = records.get(taken..).unwrap_or_default().to_vec();
            Ok(())
        })
    }

    /// Fills `out` with what is unsent and what `add` adds.
    fn encode(
        &mut self,
        out: &mut Outgoing,
        add: impl FnOnce(&mut Connection, &mut Outgoing) -> Result<(), rustls::Error>,
    ) -> io::Result<()> {
        out.clear();
        out.push(self.unsent.get(self.sent..).unwrap_or_default());
        self.unsent = Vec::new();
        self.sent = 0;
        self.may_wait = false;
        match &mut self.tls {
            Some(tls) => add(tls, out).map_err(foul),
            None => Ok(()),
        }
    }

    /// Sends what is unsent; ready when nothing is left that cannot wait.
    pub(in crate::proxy) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.may_wait {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest @ [_, ..]) = self.unsent.get(self.sent..) {
            self.sent += ready!(scratch::poll_send(cx, &self.leg, rest))?;
            self.active = true;
        }
        if self.sent > 0 {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends our direction in order: `close_notify` in TLS, and a FIN unless `closing` says that the
    /// socket is about to be closed. Ready when the kernel has it.
    pub(in crate::proxy) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        closing: bool,
    ) -> Poll<io::Result<()>> {
        if self.sending == Sending::Open {
            self.sending = Sending::Ended;
            if self.tls.is_some() {
                OUTGOING.with_borrow_mut(|out| {
                    self.encode(out, Connection::close)?;
                    self.unsent = out.filled().to_vec();
                    Ok::<_, io::Error>(())
                })?;
            }
        }
        let ended = ready!(self.poll_flush(cx)).and_then(|()| {
            if closing || self.sending == Sending::Shut {
                return Ok(());
            }
            self.sending = Sending::Shut;
            SockRef::from(&*self.leg).shutdown(Shutdown::Write)
        });
        Poll::Ready(match ended {
            // The peer did not wait for it.
            Err(error) if self.tls.is_some() && is_gone(&error) => Ok(()),
            other => other,
        })
    }

    /// Goes on without the TLS that failed: nothing but the end can follow.
    pub(super) fn forsake(&mut self) {
        self.tls = None;
        self.may_wait = false;
    }

    /// Reads what still comes, for nothing. Ready at the end.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        INCOMING.with_borrow_mut(|incoming| {
            for _ in 0..READS {
                let read = self.source.poll(cx, &self.leg, |socket| {
                    let (_, count) = recv(socket, &mut incoming[..], RecvFlags::empty())?;
                    Ok(count)
                });
                if !matches!(ready!(read), Ok(1..)) {
                    return Poll::Ready(());
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Whether octets were sent since the last call.
    pub(in crate::proxy) fn take_active(&mut self) -> bool {
        std::mem::take(&mut self.active)
    }
}

/// Sends as much as the socket takes.
fn send_all(cx: &mut Context<'_>, socket: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest @ [_, ..]) = octets.get(sent..) {
        match scratch::poll_send(cx, socket, rest)? {
            Poll::Ready(count) => sent += count,
            Poll::Pending => break,
        }
    }
    Ok(sent)
}

/// The peer broke TLS, or we could not go on with it.
fn foul(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected
    )
}
