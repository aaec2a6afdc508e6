use std::path::Path;

use super::collector::{accept, listen, numbers};
use super::*;
use crate::config::plan::DiskPlan;

fn plan(address: SocketAddr, folder: &Path, confirm: Duration) -> DestinationPlan {
    DestinationPlan {
        disk: Some(DiskPlan {
            folder: folder.join("queue"),
            size: 16 << 20,
            age: None,
            confirm: Some(confirm),
        }),
        ..syslog(address, Transport::Tcp(Framing::OctetCounting), 100_000)
    }
}

const SOON: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_mins(10);

/// Waits until all that was offered is on disk or gone.
async fn until_spooled(destination: &Destination) {
    until("memory is empty", || {
        (destination.desk.queue.ledger().queued == 0).then_some(())
    })
    .await;
}

fn check_disk(status: &DestinationStatus) {
    let told = status.sent + status.lost.total() + status.queued;
    assert_eq!(status.carried + status.offered, told, "{status:?}");
}

async fn stop(destination: &Destination) -> DestinationStatus {
    destination
        .finish(Instant::now() + Duration::from_secs(10))
        .await;
    let status = destination.status();
    check_disk(&status);
    status
}

/// Whoever asks while records go to disk sees each of them once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_adds_up_while_records_go_to_disk() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens.
    let destination = start(&plan(lonely_address(), folder.path(), SOON));
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (asked, end) = (Arc::clone(&destination), Arc::clone(&over));
    let asking = std::thread::spawn(move || {
        let mut times = 0_u64;
        while !end.load(Ordering::Relaxed) {
            let status = asked.status();
            check_disk(&status);
            times += 1;
        }
        times
    });
    for round in 0..100 {
        offer(&destination, round * 100..(round + 1) * 100);
        until_spooled(&destination).await;
    }
    over.store(true, Ordering::Relaxed);
    assert!(asking.join().expect("it always added up") > 100);
    let status = stop(&destination).await;
    assert_eq!((status.queued, status.lost.total()), (10_000, 0));
}

/// Nothing counts as sent before the collector has read to the end and closed.
#[tokio::test]
async fn what_the_collector_confirmed_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let listener = listen(address);
    let destination = start(&plan(address, folder.path(), SOON));
    let mut connection = accept(&listener).await;
    offer(&destination, 0..2000);
    let records = connection.until_end().await;
    assert_eq!(destination.status().sent, 0, "the collector has not closed");
    drop(connection);
    until_sent(&destination, records.len() as u64).await;
    let mut all = records;
    while all.len() < 2000 {
        all.extend(accept(&listener).await.until_end().await);
    }
    assert_eq!(numbers(&all), (0..2000).collect::<Vec<_>>());
    until_sent(&destination, 2000).await;
    let status = stop(&destination).await;
    assert_eq!((status.queued, status.failures), (0, 0));
}

/// A collector that dies with octets unread gets all again that it had not confirmed.
#[tokio::test]
async fn a_collector_that_dies_gets_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let mut listener = listen(address);
    let destination = start(&plan(address, folder.path(), LATE));
    offer(&destination, 0..5000);
    for _ in 0..3 {
        let mut connection = accept(&listener).await;
        let records = connection.records(500).await;
        assert_eq!(numbers(&records)[..500], (0..500).collect::<Vec<_>>());
        drop(listener);
        drop(connection);
        listener = listen(address);
    }
    let mut connection = accept(&listener).await;
    let records = connection.records(5000).await;
    assert_eq!(numbers(&records), (0..5000).collect::<Vec<_>>());
    assert!(
        records
            .iter()
            .all(|record| record.sequence == record.number + 1)
    );
    assert_eq!(destination.status().sent, 0);
    let stopping = Arc::clone(&destination);
    let stopping = tokio::spawn(async move { stop(&stopping).await });
    connection.until_end().await;
    drop(connection);
    let status = stopping.await.unwrap();
    assert_eq!(
        (status.sent, status.queued),
        (5000, 0),
        "confirmed at the stop"
    );
}

#[tokio::test]
async fn what_is_not_sent_waits_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let plan = plan(address, folder.path(), SOON);
    for round in 0..3 {
        let destination = start(&plan);
        offer(&destination, round * 100..(round + 1) * 100);
        until_spooled(&destination).await;
        let status = stop(&destination).await;
        let queued = (round as u64 + 1) * 100;
        assert_eq!((status.queued, status.lost.total()), (queued, 0));
        assert_eq!(status.carried, queued - 100);
    }
    let destination = start(&plan);
    let listener = listen(address);
    let records = accept(&listener).await.until_end().await;
    assert_eq!(numbers(&records), (0..300).collect::<Vec<_>>());
    assert!(
        records
            .iter()
            .all(|record| record.sequence == record.number + 1)
    );
    until_sent_all(&destination).await;
    assert_eq!(stop(&destination).await.carried, 300);
}

async fn until_sent_all(destination: &Destination) {
    until("all is sent", || {
        (destination.status().queued == 0).then_some(())
    })
    .await;
}

/// What does not fit leaves a gap in the numbers, and is counted.
#[tokio::test]
async fn a_full_queue_leaves_a_gap_that_the_collector_sees() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    for overflow in [Overflow::Newest, Overflow::Oldest] {
        let mut plan = plan(address, &folder.path().join(format!("{overflow:?}")), SOON);
        plan.overflow = overflow;
        plan.disk.as_mut().unwrap().size = 64 << 10;
        let destination = start(&plan);
        offer(&destination, 0..3000);
        until_spooled(&destination).await;
        let status = destination.status();
        check_disk(&status);
        assert!(
            status.lost.overflow > 1000 && status.queued > 100,
            "{status:?}"
        );
        let queued = status.queued;
        let listener = listen(address);
        let mut records = Vec::new();
        while (records.len() as u64) < queued {
            records.extend(accept(&listener).await.until_end().await);
        }
        let numbers = numbers(&records);
        assert_eq!(numbers.contains(&0), overflow == Overflow::Newest);
        assert_eq!(numbers.contains(&2999), overflow == Overflow::Oldest);
        assert!(
            records
                .iter()
                .all(|record| record.sequence == record.number + 1)
        );
        until_sent_all(&destination).await;
        let status = stop(&destination).await;
        assert_eq!(status.sent, queued);
    }
}

/// UDP says nothing of what arrived: written is sent.
#[tokio::test]
async fn over_udp_written_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut plan = plan(socket.local_addr().unwrap(), folder.path(), SOON);
    if let DestinationKind::Syslog { transport, .. } = &mut plan.kind {
        *transport = Transport::Udp;
    }
    let destination = start(&plan);
    offer(&destination, 0..50);
    until_sent(&destination, 50).await;
    assert_eq!(stop(&destination).await.queued, 0);
}

/// The successor of the same name waits until the queue is free, and goes on with it.
#[tokio::test]
async fn a_successor_takes_the_queue_over() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let plan = plan(address, folder.path(), SOON);
    let first = start(&plan);
    offer(&first, 0..100);
    until_spooled(&first).await;
    let second = start(&plan);
    offer(&second, 100..200);
    drop(first);
    let listener = listen(address);
    let mut records = Vec::new();
    while records.len() < 200 {
        records.extend(accept(&listener).await.until_end().await);
    }
    assert_eq!(numbers(&records), (0..200).collect::<Vec<_>>());
    until_sent_all(&second).await;
    assert_eq!(stop(&second).await.lost.total(), 0);
}
