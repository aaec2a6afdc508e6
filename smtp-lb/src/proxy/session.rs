//! The life of a session.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::net::TcpStream;

use super::connect;
use super::counters::Counters;
use super::leg::Leg;
use super::relay::Relay;
use super::server::Place;

/// Serves one client. Never panics: what goes wrong within ends this session and is counted.
pub(super) async fn run(client: TcpStream, place: Place) {
    let counters = std::sync::Arc::clone(&place.counters);
    isolated(serve(client, place), &counters).await;
}

async fn serve(client: TcpStream, place: Place) {
    let client = Leg::new(client);
    // The session's only timer, first for the connect and then for the time-outs.
    let mut timer = pin!(tokio::time::sleep(place.limits.connect_timeout));
    let Some((member, lease)) = connect::to_member(&place, timer.as_mut()).await else {
        place.counters.no_member.add(1);
        return;
    };
    Relay::new(client, member, lease, place).run(timer).await;
}

async fn isolated(session: impl Future<Output = ()>, counters: &Counters) {
    let mut session = pin!(session);
    let outcome = poll_fn(|cx| {
        // After a panic the session is not polled again, only dropped.
        match catch_unwind(AssertUnwindSafe(|| session.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(())),
        }
    });
    if outcome.await.is_err() {
        counters.panics.add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_panic_resets_its_client_and_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("bound");
        let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let client = Leg::new(accepted.expect("accept").0);
        let counters = Counters::default();
        let session = async {
            let _client = client;
            tokio::task::yield_now().await;
            panic!("a fault of our own");
        };
        isolated(session, &counters).await;
        assert_eq!(counters.panics.get(), 1);
        let end = connected.expect("connect").read(&mut [0]).await;
        let error = end.expect_err("reset").kind();
        assert_eq!(error, io::ErrorKind::ConnectionReset);
        isolated(async {}, &counters).await;
        assert_eq!(counters.panics.get(), 1);
    }
}
