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
use super::member::MemberTls;
use crate::proxy::server::VirtualServer;
use crate::smtp::show;

/// Characters of a cause that are logged.
const SHOWN: usize = 300;

/// Time for a client to hear why its handshake failed.
const LINGER: Duration = Duration::from_secs(2);

/// What a client may still send in that time, in reads.
const LINGER_READS: usize = 16;

/// Shakes hands with a client. `None`: it failed, is counted and the connection is done with.
pub(in crate::proxy) async fn with_client(
    server: &VirtualServer,
    mut client: Channel,
    config: Arc<ServerConfig>,
    mut timer: Pin<&mut Sleep>,
) -> Option<Channel> {
    let outcome = match client.accept(config) {
        Ok(()) => complete(&mut client, server.limits.handshake_timeout, timer.as_mut()).await,
        Err(error) => Err(error),
    };
    let Err(error) = outcome else {
        return Some(client);
    };
    server.counters.handshake_failures.add(1);
    let peer = client.socket().peer_addr().ok();
    tracing::debug!(
        server = server.name,
        client = ?peer,
        error = show(error.to_string().as_bytes(), SHOWN),
        "TLS handshake with a client failed"
    );
    match error.kind() {
        // An alert was sent.
        io::ErrorKind::InvalidData => linger(&mut client, timer).await,
        io::ErrorKind::UnexpectedEof => client.end_well(),
        _ => {}
    }
    None
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

/// Ends a connection so that what was said last is heard: closing at once would reset it if the
/// client has sent more.
async fn linger(client: &mut Channel, mut timer: Pin<&mut Sleep>) {
    timer.as_mut().reset(Instant::now() + LINGER);
    let ended = unconstrained(poll_fn(|cx| {
        if client.poll_drain(cx, LINGER_READS).is_ready() {
            return Poll::Ready(());
        }
        timer.as_mut().poll(cx)
    }));
    ended.await;
    client.end_well();
}
