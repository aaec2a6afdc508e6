use super::collector::{accept, listen, numbers};
use super::*;
use crate::config::plan::{CollectorPlan, WatchPlan};
use tokio::net::UdpSocket;

fn pool(
    addresses: &[SocketAddr],
    transport: Transport,
    watch: Option<WatchPlan>,
) -> DestinationPlan {
    let mut plan = syslog(addresses[0], transport, 10_000);
    if let DestinationKind::Syslog { collectors, .. } = &mut plan.kind {
        collectors.members = addresses
            .iter()
            .map(|&address| CollectorPlan {
                address,
                host: None,
            })
            .collect();
        collectors.watch = watch;
    }
    plan
}

#[tokio::test]
async fn over_udp_they_take_turns() {
    let (a, b) = (
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    );
    let addresses = [a.local_addr().unwrap(), b.local_addr().unwrap()];
    let destination = start(&pool(&addresses, Transport::Udp, None));
    offer(&destination, 0..256);
    until_sent(&destination, 256).await;
    let count = |socket: UdpSocket| {
        let mut buffer = [0; 9000];
        std::iter::from_fn(|| socket.try_recv(&mut buffer).ok()).count()
    };
    // The runtime learns of what has come.
    a.readable().await.unwrap();
    b.readable().await.unwrap();
    assert_eq!((count(a), count(b)), (128, 128));
    finish(&destination).await;
}

/// One that is away costs nothing: what it did not take another one gets.
#[tokio::test]
async fn over_tcp_another_takes_the_place_of_one_that_dies() {
    let addresses = [lonely_address(), lonely_address()];
    let listeners = addresses.map(listen);
    let destination = start(&pool(
        &addresses,
        Transport::Tcp(Framing::OctetCounting),
        None,
    ));
    offer(&destination, 0..10);
    let (first, mut connection) = tokio::select! {
        connection = accept(&listeners[0]) => (0, connection),
        connection = accept(&listeners[1]) => (1, connection),
    };
    assert_eq!(connection.records(10).await.len(), 10);
    let mut listeners = listeners.map(Some);
    listeners[first] = None;
    drop(connection);
    offer(&destination, 10..20);
    let other = listeners[1 - first].take().unwrap();
    let mut connection = accept(&other).await;
    assert_eq!(
        numbers(&connection.records(10).await),
        (10..20).collect::<Vec<_>>()
    );
    finish(&destination).await;
}

/// The watch takes one down that does not answer, and up again.
#[tokio::test]
async fn the_watch_sees_who_is_there() {
    let addresses = [lonely_address(), lonely_address()];
    let _there = listen(addresses[0]);
    let watch = WatchPlan {
        icmp: false,
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(70),
    };
    let destination = start(&pool(
        &addresses,
        Transport::Tcp(Framing::OctetCounting),
        Some(watch),
    ));
    let down = format!("[{} down]", addresses[1]);
    until("the second is down", || {
        destination.status().target.contains(&down).then_some(())
    })
    .await;
    let _second = listen(addresses[1]);
    until("the second is up", || {
        (!destination.status().target.contains("down")).then_some(())
    })
    .await;
    finish(&destination).await;
}
