//! The end of a relayed client that no member takes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

use super::gateway::NO_SERVICE;
use super::server::VirtualServer;
use super::tls::{Channel, linger};
use crate::config::plan::WhenDown;

/// Says so, as the pool's `when_down` wants it, and counts it.
pub(super) async fn no_member(mut client: Channel, server: &VirtualServer, timer: Pin<&mut Sleep>) {
    server.counters.no_member.add(1);
    match server.when_down {
        // By being dropped.
        WhenDown::Reset => return,
        WhenDown::Close => {}
        WhenDown::Reply => {
            let text = NO_SERVICE.as_bytes();
            let said = unconstrained(poll_fn(|cx| Poll::Ready(client.send(cx, text))));
            if said.await.is_err() {
                return;
            }
        }
    }
    linger::close(&mut client, timer).await;
}
