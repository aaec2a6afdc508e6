//! Handshakes, and how those that fail end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};

use super::channel::Channel;
use super::linger;
use super::member::MemberTls;
use super::sni;
use crate::config::plan::{Offence, ProxyVersion};
use crate::proxy::server::{Place, VirtualServer};
use crate::proxy::story::Outcome;
use crate::smtp::show;

/// Characters of a cause that are logged.
const SHOWN: usize = 300;

/// Shakes hands with a client. If that fails it is counted, and the connection is done with.
pub(in crate::proxy) async fn with_client(
    server: &Place,
    client: &mut Channel,
    config: Arc<ServerConfig>,
    mut timer: Pin<&mut Sleep>,
) -> io::Result<()> {
    let asked = sni::Asked::default();
    let config = match server.send_proxy {
        Some(ProxyVersion::V2) => sni::overhear(&config, &asked),
        _ => config,
    };
    let outcome = match client.accept(config) {
        Ok(()) => complete(client, server.limits.handshake_timeout, timer.as_mut()).await,
        Err(error) => Err(error),
    };
    let Err(error) = &outcome else {
        if let Some(tls) = client.client_tls(asked.get().map(AsRef::as_ref)) {
            server.has_tls(tls);
        }
        return outcome;
    };
    server.counters.handshake_failures.add(1);
    server.ends(Outcome::HandshakeFailed);
    let peer = client.socket().peer_addr().ok();
    tracing::debug!(
        server = server.name,
        client = ?peer,
        error = show(error.to_string().as_bytes(), SHOWN),
        "TLS handshake with a client failed"
    );
    match error.kind() {
        // An alert was sent.
        io::ErrorKind::InvalidData => {
            if is_garbage(error) {
                server.report(Offence::TlsGarbage);
            }
            client.forsake();
            linger::close(client, timer).await;
        }
        io::ErrorKind::UnexpectedEof => client.end_well(),
        _ => {}
    }
    outcome
}

/// Whether what came is no TLS at all.
fn is_garbage(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}

/// Shakes hands with the member at `index` of the pool.
pub(in crate::proxy) async fn with_member(
    server: &VirtualServer,
    tls: &MemberTls,
    index: usize,
    member: &mut Channel,
    timer: Pin<&mut Sleep>,
) -> io::Result<()> {
    let outcome = match tls.begin(index, member) {
        Ok(()) => complete(member, server.limits.handshake_timeout, timer).await,
        Err(error) => Err(error),
    };
    let changed = tls.note(index, outcome.is_err());
    if let Err(error) = &outcome {
        server.counters.member_handshake_failures.add(1);
        let address = member.socket().peer_addr().ok();
        let error = show(error.to_string().as_bytes(), SHOWN);
        // Every session would say the same.
        if changed {
            tracing::warn!(
                server = server.name,
                ?address,
                error,
                "TLS handshake with a member failed"
            );
        } else {
            tracing::debug!(
                server = server.name,
                ?address,
                error,
                "TLS handshake with a member failed"
            );
        }
        // After the alert a FIN, so that it is heard.
        member.end_well();
    }
    outcome
}

/// Completes a handshake that was begun.
async fn complete(
    channel: &mut Channel,
    limit: Duration,
    mut timer: Pin<&mut Sleep>,
) -> io::Result<()> {
    timer.as_mut().reset(Instant::now() + limit);
    unconstrained(poll_fn(|cx| {
        if let Poll::Ready(outcome) = channel.poll_handshake(cx) {
            return Poll::Ready(outcome);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }))
    .await
}
