//! Bytes arrive, all of them and in order, and ends arrive as ends.

use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::fixture::*;

#[tokio::test]
async fn both_ways_over_both_families() {
    for (front, back) in [(V4, V4), (V4, V6), (V6, V4), (V6, V6)] {
        let member = echo(back, "220 hello\r\n").await;
        let fixture = Fixture::start(&plan_for(&[front], &[member]));
        let mut client = fixture.connect().await;
        expect(&mut client, "220 hello\r\n").await;
        exchange(&mut client, "EHLO me\r\n").await;
        exchange(&mut client, "NOOP\r\n").await;
        drop(client);
        fixture.until(|vs| vs.active == 0).await;
        let status = fixture.status();
        assert_eq!((status.total, status.resets), (1, 0));
        assert_eq!((status.bytes_in, status.bytes_out), (15, 26));
        let member = &fixture.pools.status()[0].members[0];
        assert_eq!((member.bytes_in, member.bytes_out), (15, 26));
        assert_eq!((member.active, member.sessions), (0, 1));
    }
}

#[tokio::test]
async fn ipv6_wildcard_takes_ipv6_only() {
    let member = echo(V4, "x").await;
    // Somebody else may have the port on IPv4 by chance, and not each time.
    for _ in 0..10 {
        let fixture = Fixture::start(&plan_for(&["[::]:0"], &[member]));
        let port = fixture.address().port();
        let six = tokio::net::TcpStream::connect(("::1", port)).await;
        expect(&mut six.expect("IPv6"), "x").await;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return;
        }
    }
    panic!("the port is taken on IPv4, too");
}

#[tokio::test]
async fn after_the_client_ends_the_member_may_still_speak() {
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let mut client = fixture.connect().await;
    let (mut server, _) = listener.accept().await.expect("accept");
    client.write_all(b"QUIT").await.expect("write");
    client.shutdown().await.expect("shutdown");
    let mut heard = String::new();
    server
        .read_to_string(&mut heard)
        .await
        .expect("orderly end");
    assert_eq!(heard, "QUIT");
    server.write_all(b"221 ").await.expect("write");
    expect(&mut client, "221 ").await;
    exchange_end(&mut server, &mut client).await;
    fixture.until(|vs| vs.active == 0 && vs.resets == 0).await;
}

#[tokio::test]
async fn after_the_member_ends_the_client_may_still_speak() {
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let mut client = fixture.connect().await;
    let (mut server, _) = listener.accept().await.expect("accept");
    server.write_all(b"421 ").await.expect("write");
    server.shutdown().await.expect("shutdown");
    let mut heard = String::new();
    client
        .read_to_string(&mut heard)
        .await
        .expect("orderly end");
    assert_eq!(heard, "421 ");
    client.write_all(b"QUIT").await.expect("write");
    expect(&mut server, "QUIT").await;
    exchange_end(&mut client, &mut server).await;
    fixture.until(|vs| vs.active == 0 && vs.resets == 0).await;
}

/// `from` says its last words, which `to` hears with the end.
async fn exchange_end(from: &mut tokio::net::TcpStream, to: &mut tokio::net::TcpStream) {
    from.write_all(b"bye").await.expect("write");
    from.shutdown().await.expect("shutdown");
    let mut heard = String::new();
    to.read_to_string(&mut heard).await.expect("orderly end");
    assert_eq!(heard, "bye");
}

/// Random chunks against a reader that stops and goes, so that every path of a direction is
/// taken: whole writes, writes cut short, and nothing writable at all.
#[tokio::test]
async fn bytes_stay_whole_under_back_pressure() {
    const TOTAL: usize = 24 * 1024 * 1024;
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let client = fixture.connect().await;
    let (server, _) = listener.accept().await.expect("accept");
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let mut tasks = JoinSet::new();
    for (seed, mut from, mut to) in [
        (1u8, client_writes, server_reads),
        (2u8, server_writes, client_reads),
    ] {
        let data = noise(seed, TOTAL);
        let wanted = data.clone();
        tasks.spawn(async move {
            let mut chance = chance(seed + 10);
            let mut rest = &data[..];
            while !rest.is_empty() {
                let count = rest.len().min(1 + chance.next_u32() as usize % 400_000);
                from.write_all(&rest[..count]).await.expect("write");
                rest = &rest[count..];
            }
            from.shutdown().await.expect("shutdown");
        });
        tasks.spawn(async move {
            let mut chance = chance(seed + 20);
            let mut got = 0;
            let mut buffer = vec![0; 300_000];
            loop {
                let size = 1 + chance.next_u32() as usize % buffer.len();
                let count = to.read(&mut buffer[..size]).await.expect("read");
                if count == 0 {
                    break;
                }
                assert_eq!(buffer[..count], wanted[got..got + count]);
                got += count;
                if chance.next_u32().is_multiple_of(16) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            assert_eq!(got, TOTAL);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no assertion failed");
    }
    fixture.until(|vs| vs.active == 0).await;
    let status = fixture.status();
    let total = TOTAL as u64;
    assert_eq!(
        (status.bytes_in, status.bytes_out, status.resets),
        (total, total, 0)
    );
}

/// A sender is held back by a receiver that does not read.
#[tokio::test]
async fn a_stalled_reader_stalls_the_writer() {
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let mut client = fixture.connect().await;
    let (mut server, _) = listener.accept().await.expect("accept");
    let chunk = vec![7; 1024 * 1024];
    let mut sent = 0;
    let blocked = async {
        while sent < 512 {
            client.write_all(&chunk).await.expect("write");
            sent += 1;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(1), blocked).await;
    assert!(
        outcome.is_err(),
        "512 MiB went into a reader that does not read"
    );
    let unread = tokio::spawn(async move {
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.map(|_| all.len())
    });
    // The last chunk may have been written in part.
    client.shutdown().await.expect("shutdown");
    let got = unread.await.expect("task").expect("orderly end");
    assert!(got >= sent * chunk.len() && got < (sent + 1) * chunk.len());
}

#[tokio::test]
async fn a_thousand_sessions_at_once() {
    let members = [echo(V4, "a").await, echo(V4, "b").await];
    let fixture = Fixture::start(&plan_for(&[V4], &members));
    let address = fixture.address();
    let mut opening = JoinSet::new();
    for _ in 0..1000 {
        opening.spawn(async move {
            let mut client = tokio::net::TcpStream::connect(address)
                .await
                .expect("connect");
            client.read_u8().await.expect("greeting");
            exchange(&mut client, "one").await;
            client
        });
    }
    let mut clients = opening.join_all().await;
    assert_eq!(fixture.status().active, 1000);
    let active = fixture.pools.status()[0]
        .members
        .iter()
        .map(|m| m.active)
        .collect::<Vec<_>>();
    assert!(
        active.iter().all(|count| (450..=550).contains(count)),
        "{active:?}"
    );
    for client in &mut clients {
        exchange(client, "two").await;
    }
    drop(clients);
    fixture.until(|vs| vs.active == 0).await;
    assert_eq!(fixture.status().total, 1000);
    assert_eq!(fixture.status().bytes_in, 6000);
}

fn chance(seed: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])
}

fn noise(seed: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    chance(seed).fill_bytes(&mut bytes);
    bytes
}
