//! Serves the API: accepts, and keeps every client within bounds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::api::Peer;
use super::socket::Claim;
use super::{Control, routes};

/// Bounds on clients of the control socket.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Clients at once; more wait in the listen queue.
    pub connections: usize,
    /// Octets of a request's body.
    pub body: usize,
    /// Time for a request's head to come in, also of the next on a kept connection.
    pub head: Duration,
    /// Time until the head of the answer.
    pub request: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 32,
            body: 16 * 1024,
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

/// The API being served. Dropping it ends it, its clients included, and removes the socket.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<Infallible>,
    _claim: Claim,
}

impl Server {
    /// Serves `control` on a claimed socket. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// The runtime cannot watch the socket.
    pub fn start<C: Control>(
        claim: Claim,
        control: Arc<C>,
        bounds: Bounds,
    ) -> std::io::Result<Self> {
        let listener = UnixListener::from_std(claim.listener()?)?;
        let router = routes::router(control, bounds.body, bounds.request);
        let task = tokio::spawn(accept(listener, router, bounds));
        Ok(Self {
            task,
            _claim: claim,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, router: Router, bounds: Bounds) -> Infallible {
    let slots = Arc::new(Semaphore::new(bounds.connections));
    // Clients live in the set: when this task is aborted they end with it.
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            // Nobody closes the semaphore; were it closed, no client could be taken.
            std::future::pending().await
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let serve = serve(stream, router.clone(), bounds.head);
                clients.spawn(async move {
                    serve.await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: waiting is all that may help.
                tracing::warn!(%error, "control socket: accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, router: Router, head: Duration) {
    let peer = stream.peer_cred().map_or_else(
        |_| Peer::default(),
        |peer| Peer {
            uid: Some(peer.uid()),
            pid: peer.pid(),
        },
    );
    let router = router.layer(Extension(peer));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "control socket: client ended");
    }
}
