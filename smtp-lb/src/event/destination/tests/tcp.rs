use super::collector::{accept, listen, numbers};
use super::*;
use crate::event::destination::worker::Sink as _;
use crate::event::outgoing::Outgoing;
use crate::event::queue::Done;
use tokio::net::TcpListener;

fn plan(address: SocketAddr, queue: usize) -> DestinationPlan {
    syslog(address, Transport::Tcp(Framing::OctetCounting), queue)
}

#[tokio::test]
async fn all_arrive_in_order_and_whole() {
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 5000));
    let mut connection = accept(&listener).await;
    offer(&destination, 0..2000);
    offer(&destination, 2000..3000);
    let records = connection.records(3000).await;
    assert!(
        records
            .iter()
            .all(|record| record.sequence == record.number + 1)
    );
    assert_eq!(numbers(&records), (0..3000).collect::<Vec<_>>());
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.failures), (3000, 0));
    assert_eq!(connection.until_end().await, [], "closed in good order");
}

#[tokio::test]
async fn over_ipv6() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let destination = start(&plan(listener.local_addr().unwrap(), 10));
    offer(&destination, 0..3);
    let mut connection = accept(&listener).await;
    assert_eq!(numbers(&connection.records(3).await), [0, 1, 2]);
    finish(&destination).await;
}

#[tokio::test]
async fn from_the_chosen_source() {
    let address = lonely_address();
    let source = lonely_address().ip();
    let listener = listen(address);
    let mut plan = plan(address, 10);
    if let DestinationKind::Syslog { source: place, .. } = &mut plan.kind {
        *place = Some(source);
    }
    let destination = start(&plan);
    let connection = accept(&listener).await;
    assert_eq!(connection.stream.peer_addr().unwrap().ip(), source);
    finish(&destination).await;
}

#[tokio::test]
async fn a_collector_that_is_away_costs_only_what_does_not_fit() {
    let address = lonely_address();
    let destination = start(&plan(address, 10));
    offer(&destination, 0..100);
    let status = until("it has failed", || {
        let status = destination.status();
        (status.failures > 2).then_some(status)
    })
    .await;
    assert_eq!((status.queued, status.lost.overflow), (10, 90));
    assert_eq!(status.state, DestinationState::Retrying);
    assert!(status.last_error.unwrap().contains("refused"));

    let listener = listen(address);
    let mut connection = accept(&listener).await;
    assert_eq!(
        numbers(&connection.records(10).await),
        (0..10).collect::<Vec<_>>()
    );
    offer(&destination, 100..105);
    assert_eq!(
        numbers(&connection.records(5).await),
        (100..105).collect::<Vec<_>>()
    );
    assert_eq!(destination.status().state, DestinationState::Up);
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (15, 90));
}

/// A close while idle is seen before the next record is written, also when the record comes
/// right behind it: none is lost.
#[tokio::test]
async fn a_close_while_idle_loses_nothing() {
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 10));
    for number in 0..20 {
        let mut connection = accept(&listener).await;
        offer(&destination, number..number + 1);
        assert_eq!(numbers(&connection.records(1).await), [number]);
        drop(connection);
        if number % 2 == 0 {
            let failures = number as u64 + 1;
            let seen = || (destination.status().failures >= failures).then_some(());
            until("the close is seen", seen).await;
        }
    }
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (20, 0));
}

/// The same without the runtime's help: the socket itself is asked before a write.
#[tokio::test]
async fn nothing_is_written_into_a_closed_connection() {
    let address = lonely_address();
    let listener = listen(address);
    let mut tcp = Tcp::new(
        Collectors::new(&CollectorsPlan::one(address, None)),
        None,
        Framing::OctetCounting,
        QUICK,
        None,
    );
    tcp.open().await.unwrap();
    drop(accept(&listener).await);
    let mut outgoing = Outgoing::default();
    outgoing.push(|bytes| bytes.extend_from_slice(b"record"));
    let error = tcp.write(&mut outgoing).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(outgoing.take_done(), Done::default());
    assert_eq!(outgoing.rest(), b"record");
}

/// What was written to a connection that was then reset may be lost, and nothing else: the next
/// connection begins with a whole record and goes on to the last.
#[tokio::test]
async fn killed_in_the_middle() {
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 50_000));
    let mut connection = accept(&listener).await;
    offer(&destination, 0..50_000);
    let before = connection.records(100).await;
    connection.stream.set_zero_linger().unwrap();
    drop(connection);
    drop(listener);
    until("it has failed", || {
        (destination.status().failures > 1).then_some(())
    })
    .await;

    let listener = listen(address);
    let mut connection = accept(&listener).await;
    let mut after = connection.records(1).await;
    let first = after[0].number;
    assert!(first < 5000, "too much was in the kernel's hands: {first}");
    after.extend(connection.records(50_000 - first - 1).await);
    assert_eq!(numbers(&before), (0..100).collect::<Vec<_>>());
    assert_eq!(numbers(&after), (first..50_000).collect::<Vec<_>>());
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (50_000, 0));
}

/// A collector that takes the connection and does not read is left after the write time-out.
#[tokio::test]
async fn stalled() {
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 100_000));
    let mut stalled = accept(&listener).await;
    offer(&destination, 0..50_000);
    let mut connection = accept(&listener).await;
    let mut after = connection.records(1).await;
    let first = after[0].number;
    assert!(first > 0 && first < 5000, "{first}");
    after.extend(connection.records(50_000 - first - 1).await);
    assert_eq!(numbers(&after), (first..50_000).collect::<Vec<_>>());
    let before = stalled.until_end().await;
    assert_eq!(numbers(&before), (0..before.len()).collect::<Vec<_>>());
    assert!(before.len() <= first, "no record is whole on both");
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (50_000, 0));
    assert!(status.failures >= 1);
}

/// A slow one that goes on reading is waited for.
#[tokio::test]
async fn slow() {
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 1000));
    let mut connection = accept(&listener).await;
    offer(&destination, 0..300);
    let mut records = Vec::new();
    while records.len() < 300 {
        records.extend(connection.records(5).await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(numbers(&records), (0..300).collect::<Vec<_>>());
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.failures), (300, 0));
}

/// What the collector says is read away, and is no reason to leave it.
#[tokio::test]
async fn talkative() {
    use tokio::io::AsyncWriteExt as _;

    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, 1000));
    let mut connection = accept(&listener).await;
    for number in 0..50 {
        connection.stream.write_all(&[b'x'; 3000]).await.unwrap();
        offer(&destination, number..number + 1);
        assert_eq!(numbers(&connection.records(1).await), [number]);
    }
    assert_eq!(finish(&destination).await.failures, 0);
}

#[tokio::test]
async fn what_cannot_be_sent_before_the_deadline_is_lost_by_that_cause() {
    let destination = start(&plan(lonely_address(), 100));
    offer(&destination, 0..30);
    destination
        .finish(Instant::now() + Duration::from_millis(100))
        .await;
    let status = destination.status();
    check(&status);
    assert_eq!(
        (status.queued, status.sent, status.lost.shutdown),
        (0, 0, 30)
    );
    assert_eq!(status.state, DestinationState::Stopped);
}

/// Dropping the handle lets the task send what it holds.
#[tokio::test]
async fn dropped_it_sends_what_it_holds() {
    let address = lonely_address();
    let destination = start(&plan(address, 1000));
    offer(&destination, 0..500);
    drop(destination);
    let listener = listen(address);
    let mut connection = accept(&listener).await;
    assert_eq!(
        numbers(&connection.until_end().await),
        (0..500).collect::<Vec<_>>()
    );
}

/// One that was removed and cannot send gives up after its drain time.
#[tokio::test]
async fn dropped_it_does_not_try_for_ever() {
    let timing = Timing {
        drain: Duration::from_millis(100),
        ..QUICK
    };
    let ready = Ready::prepare(&plan(lonely_address(), 100), timing, &Arc::default()).unwrap();
    let destination = ready.start(&Arc::default());
    offer(&destination, 0..5);
    let desk = Arc::clone(&destination.desk);
    drop(destination);
    until("it has stopped", || {
        (desk.condition.read().0 == DestinationState::Stopped).then_some(())
    })
    .await;
    let ledger = desk.queue.ledger();
    assert_eq!((ledger.lost.shutdown, ledger.queued), (5, 0));
}

/// With nothing to send, the stop does not wait for a connect.
#[tokio::test]
async fn an_idle_one_stops_at_once() {
    let address = lonely_address();
    // One that is full: further connects are neither taken nor refused.
    let listener = std::net::TcpListener::bind(address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = tokio::net::TcpStream::connect(address).await.unwrap();
    let destination = start(&plan(address, 100));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(destination.status().state, DestinationState::Starting);
    let status = finish(&destination).await;
    assert_eq!(
        status.failures, 0,
        "it did not wait for the connect's time-out"
    );
}
