//! From a listening address to sessions.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::server::VirtualServer;
use super::worker::Worker;
use super::{AcceptFilter, Admission, ProxyError, bind, peer, session, socket};
use crate::config::plan::Offence;

/// First and longest pause after the kernel refused an accept for want of files or memory.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Sockets that listen on one address, one to a worker and registered with its runtime.
pub(super) struct Sockets {
    local: SocketAddr,
    sockets: Vec<TcpListener>,
}

impl Sockets {
    pub(super) fn bind(
        address: SocketAddr,
        own: &[SocketAddr],
        workers: &[Worker],
    ) -> Result<Self, ProxyError> {
        let bind = || -> io::Result<Self> {
            let sockets = bind::listen(address, own, workers.len())?
                .into_iter()
                .zip(workers)
                .map(|(socket, worker)| {
                    let _entered = worker.runtime().enter();
                    TcpListener::from_std(socket)
                })
                .collect::<io::Result<Vec<_>>>()?;
            let local = sockets.first().map(TcpListener::local_addr).transpose()?;
            Ok(Self {
                local: local.unwrap_or(address),
                sockets,
            })
        };
        bind().map_err(|source| ProxyError::listen(address, source))
    }
}

/// An address that is listened on, and where it leads now.
pub(super) struct Door {
    /// As bound: the port is known even if the plan left it to the kernel.
    pub(super) local: SocketAddr,
    server: ArcSwap<VirtualServer>,
    filter: Arc<dyn AcceptFilter>,
    sessions: TaskTracker,
    closed: CancellationToken,
}

impl Door {
    /// Begins to accept on every worker.
    pub(super) fn open(
        sockets: Sockets,
        server: Arc<VirtualServer>,
        filter: &Arc<dyn AcceptFilter>,
        sessions: &TaskTracker,
        workers: &[Worker],
    ) -> Arc<Self> {
        let door = Arc::new(Self {
            local: sockets.local,
            server: ArcSwap::new(server),
            filter: Arc::clone(filter),
            sessions: sessions.clone(),
            closed: CancellationToken::new(),
        });
        for (socket, worker) in sockets.sockets.into_iter().zip(workers) {
            let door = Arc::clone(&door);
            worker.runtime().spawn(async move {
                let closed = door.closed.clone();
                closed.run_until_cancelled(door.accept(&socket)).await;
            });
        }
        door
    }

    /// New sessions go to `server`.
    pub(super) fn lead_to(&self, server: Arc<VirtualServer>) {
        self.server.store(server);
    }

    /// Stops listening; sessions in flight go on.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    async fn accept(&self, listener: &TcpListener) {
        let mut pause = BACK_OFF.0;
        loop {
            match listener.accept().await {
                Ok((client, address)) => {
                    pause = BACK_OFF.0;
                    // tokio takes it for readable already; where the server speaks first
                    // that would cost each session a read in vain.
                    socket::is_drained(&client);
                    self.admit(client, address);
                }
                // The client gave up while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let server = self.server.load();
                    server.counters.accept_errors.add(1);
                    if pause == BACK_OFF.0 {
                        tracing::warn!(server = server.name, %error, "cannot accept");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    /// Begins a session, or closes the connection and counts why.
    fn admit(&self, client: TcpStream, address: SocketAddr) {
        let server = self.server.load();
        // A fault in the filter must cost one connection, not the listener.
        let local = self.local(&client);
        let allows = || self.filter.allows(address, local);
        let Ok(allowed) = catch_unwind(AssertUnwindSafe(allows)) else {
            return server.counters.panics.add(1);
        };
        if allowed != Admission::Admitted {
            if allowed == Admission::Reset {
                // It is closed in any case, and then not by a reset.
                let _ = client.set_zero_linger();
            }
            return server.counters.refused_by_filter.add(1);
        }
        let peers = server.peers.as_ref();
        if peers.is_some_and(|peers| !peer::is_trusted(peers, address)) {
            let offence = Offence::ProxyHeader;
            server
                .feedback
                .0
                .report(address.ip(), offence, &server.name);
            return server.counters.headers.untrusted.add(1);
        }
        let Some(place) = server.admit(address, local) else {
            return server.counters.refused_by_limit.add(1);
        };
        server.counters.sessions.add(1);
        if peers.is_some() {
            let filter = Arc::clone(&self.filter);
            self.sessions.spawn(peer::run(client, place, filter));
        } else {
            self.sessions.spawn(session::run(client, place));
        }
    }

    /// What a client connected to.
    fn local(&self, client: &TcpStream) -> SocketAddr {
        if self.local.ip().is_unspecified() {
            client.local_addr().unwrap_or(self.local)
        } else {
            self.local
        }
    }
}
