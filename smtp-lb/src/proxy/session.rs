//! The life of a session.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::connect;
use super::counters::Counters;
use super::gateway;
use super::leg::Leg;
use super::refusal;
use super::relay::{Legs, Relay};
use super::server::Place;
use super::story::Outcome;
use super::tls::{self, Channel};

/// Serves one client. Never panics: what goes wrong within ends this session and is counted.
pub(super) async fn run(client: TcpStream, place: Place) {
    let counters = Arc::clone(&place.counters);
    let mut session = pin!(serve(client, place));
    poll_fn(|cx| poll_isolated(session.as_mut(), cx, &counters)).await;
}

async fn serve(client: TcpStream, place: Place) {
    place.begins();
    if place.gateway.is_some() {
        return Box::pin(gateway::run(client, place)).await;
    }
    if place.client_tls.is_some() || place.member_tls.is_some() {
        // Apart, so that the state of handshakes costs plain sessions nothing.
        return Box::pin(tls::run(client, place)).await;
    }
    let client = Leg::new(client);
    // The session's only timer, first for the connect and then for the time-outs.
    let mut timer = pin!(tokio::time::sleep(place.limits.connect_timeout));
    // Apart, so that what it takes is given back when the relay begins.
    let connected = Box::pin(connect::to_member(&place, timer.as_mut()));
    let Some((member, lease)) = connected.await else {
        let client = Channel::new(client);
        place.ends(Outcome::NoMember);
        return Box::pin(refusal::no_member(client, &place, timer)).await;
    };
    let legs = Legs::new(client, member);
    Relay::new(legs, lease, place).run(timer).await;
}

/// Polls a session; a panic is its end. It must not be polled after that, only dropped.
fn poll_isolated(
    session: Pin<&mut impl Future<Output = ()>>,
    cx: &mut Context<'_>,
    counters: &Counters,
) -> Poll<()> {
    catch_unwind(AssertUnwindSafe(|| session.poll(cx))).unwrap_or_else(|_| {
        counters.panics.add(1);
        Poll::Ready(())
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// Every idle session holds this, a task around it and two sockets registered with tokio.
    #[test]
    fn a_session_is_small() {
        let size = size_of_future(run);
        assert!(size <= 704, "{size} bytes");
    }

    fn size_of_future<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[tokio::test]
    async fn a_panic_resets_its_client_and_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("bound");
        let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let client = Leg::new(accepted.expect("accept").0);
        let counters = Counters::default();
        let mut session = Box::pin(async {
            let _client = client;
            tokio::task::yield_now().await;
            panic!("a fault of our own");
        });
        poll_fn(|cx| poll_isolated(session.as_mut(), cx, &counters)).await;
        assert_eq!(counters.panics.get(), 1);
        let end = connected.expect("connect").read(&mut [0]).await;
        let error = end.expect_err("reset").kind();
        assert_eq!(error, io::ErrorKind::ConnectionReset);
        poll_fn(|cx| poll_isolated(pin!(async {}), cx, &counters)).await;
        assert_eq!(counters.panics.get(), 1);
    }
}
