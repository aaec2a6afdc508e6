use super::collector::{numbers, parse};
use super::*;
use crate::event::destination::worker::Sink as _;
use crate::event::outgoing::Outgoing;
use crate::event::queue::Done;
use tokio::net::UdpSocket;
use tokio::time::timeout;

async fn receive(socket: &UdpSocket, count: usize) -> Vec<usize> {
    let mut records = Vec::new();
    let mut buffer = [0; 9000];
    while records.len() < count {
        let received = timeout(Duration::from_secs(20), socket.recv(&mut buffer)).await;
        let length = received.unwrap().unwrap();
        records.push(parse(std::str::from_utf8(&buffer[..length]).unwrap()));
    }
    numbers(&records)
}

#[tokio::test]
async fn one_record_a_datagram() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let socket = UdpSocket::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let destination = start(&syslog(address, Transport::Udp, 200));
        offer(&destination, 0..100);
        assert_eq!(receive(&socket, 100).await, (0..100).collect::<Vec<_>>());
        let status = finish(&destination).await;
        assert_eq!((status.sent, status.failures), (100, 0));
    }
}

/// The host of a collector that is away says so; from then on records are kept.
#[tokio::test]
async fn keeps_records_while_nobody_listens() {
    let address = lonely_address();
    let destination = start(&syslog(address, Transport::Udp, 1000));
    offer(&destination, 0..500);
    until("it has failed", || {
        (destination.status().failures > 0).then_some(())
    })
    .await;
    let socket = UdpSocket::bind(address).await.unwrap();
    let mut first = receive(&socket, 1).await;
    assert!(first[0] < 500);
    first.extend(receive(&socket, 500 - first[0] - 1).await);
    assert_eq!(first, (first[0]..500).collect::<Vec<_>>());
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (500, 0));
}

#[tokio::test]
async fn a_datagram_too_large_is_given_up_and_the_next_goes() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut udp = Udp::new(
        Collectors::new(&CollectorsPlan::one(socket.local_addr().unwrap(), None)),
        None,
    );
    let mut outgoing = Outgoing::default();
    outgoing.push(|bytes| bytes.resize(70_000, b'x'));
    outgoing.push(|bytes| bytes.extend_from_slice(b"next"));
    udp.open().await.unwrap();
    udp.write(&mut outgoing).await.unwrap();
    assert_eq!(
        outgoing.take_done(),
        Done {
            sent: 0,
            too_large: 1
        }
    );
    udp.write(&mut outgoing).await.unwrap();
    assert_eq!(
        outgoing.take_done(),
        Done {
            sent: 1,
            too_large: 0
        }
    );
    let mut buffer = [0; 100];
    let length = socket.recv(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"next");
}
