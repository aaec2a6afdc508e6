//! How a connection is closed so that what was said last is heard.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};

use super::channel::Channel;

/// Time for a client to end its side, once we have ended ours.
const LINGER: Duration = Duration::from_secs(2);

/// Ends our side, and waits a little for the end of the other: closing at once would reset the
/// connection if the client sends more, and take from it what it has not read.
pub(in crate::proxy) async fn close(client: &mut Channel, mut timer: Pin<&mut Sleep>) {
    timer.as_mut().reset(Instant::now() + LINGER);
    unconstrained(poll_fn(|cx| {
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if ready!(client.poll_end(cx, false)).is_err() {
            return Poll::Ready(());
        }
        client.poll_drain(cx)
    }))
    .await;
    client.end_well();
}
