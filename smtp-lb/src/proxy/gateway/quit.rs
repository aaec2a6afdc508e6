//! How a leg is ended politely.

use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use crate::pool::Kept;
use crate::proxy::tls::{Channel, PLAIN};

/// Time for a member to take QUIT and to answer it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Octets that an answer to QUIT takes at most.
const ANSWER: usize = 4096;

/// Ends a leg on which QUIT is the last that was said: when the answer has come, in order. A task of
/// its own.
pub(super) async fn politely(mut member: Channel, _kept: Kept) {
    member.adopt();
    let answered = unconstrained(poll_fn(|cx| {
        if ready!(member.poll_flush(cx)).is_err() {
            return Poll::Ready(());
        }
        PLAIN.with_borrow_mut(|plain| {
            plain.clear();
            // Whatever comes: nothing is made of it.
            member.poll_read(cx, ANSWER, plain).map(|_| ())
        })
    }));
    if timeout(PATIENCE, answered).await.is_ok() {
        // As far as the socket takes it now.
        unconstrained(poll_fn(|cx| {
            let _ = member.poll_end(cx, true);
            Poll::Ready(())
        }))
        .await;
        member.end_well();
    }
}
