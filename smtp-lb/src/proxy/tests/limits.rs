//! Places and time-outs.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::fixture::*;

#[tokio::test]
async fn places_are_counted_over_all_workers() {
    let member = echo(V4, "a").await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.virtual_servers[0].limits.connections = 5;
    let fixture = Fixture::start(&plan);
    let mut inside = Vec::new();
    for _ in 0..5 {
        let mut client = fixture.connect().await;
        expect(&mut client, "a").await;
        inside.push(client);
    }
    for _ in 0..5 {
        let got = match TcpStream::connect(fixture.address()).await {
            Ok(mut client) => client.read(&mut [0]).await,
            Err(error) => Err(error),
        };
        assert_eq!(got.unwrap_or(0), 0, "closed or reset, but not served");
    }
    assert_eq!(fixture.status().refused_by_limit, 5);
    assert_eq!(fixture.status().active, 5);
    drop(inside.pop());
    fixture.until(|vs| vs.active == 4).await;
    expect(&mut fixture.connect().await, "a").await;
}

#[tokio::test]
async fn silence_ends_a_session_on_both_sides() {
    let (listener, member) = listener(V4).await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.virtual_servers[0].limits.idle_timeout = Duration::from_millis(100);
    let fixture = Fixture::start(&plan);
    let mut client = fixture.connect().await;
    let (mut server, _) = listener.accept().await.expect("accept");
    assert!(is_reset(&mut client).await);
    assert!(is_reset(&mut server).await);
    fixture.until(|vs| vs.active == 0 && vs.timeouts == 1).await;
}

#[tokio::test]
async fn one_side_speaking_keeps_a_session_alive() {
    let member = echo(V4, "a").await;
    let mut plan = plan_for(&[V4], &[member]);
    let idle = Duration::from_secs(2);
    plan.virtual_servers[0].limits.idle_timeout = idle;
    let fixture = Fixture::start(&plan);
    let mut client = fixture.connect().await;
    expect(&mut client, "a").await;
    let begun = std::time::Instant::now();
    while begun.elapsed() < idle * 3 / 2 {
        exchange(&mut client, "NOOP").await;
        tokio::time::sleep(idle / 20).await;
    }
    assert_eq!(fixture.status().active, 1);
}

#[tokio::test]
async fn a_session_that_is_too_old_ends_however_busy() {
    let member = echo(V4, "a").await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.virtual_servers[0].limits.session_timeout = Some(Duration::from_millis(300));
    let fixture = Fixture::start(&plan);
    let client = fixture.connect().await;
    let (mut read, mut write) = client.into_split();
    let busy = async {
        loop {
            if let Err(error) = tokio::io::AsyncWriteExt::write_all(&mut write, b"NOOP").await {
                return error.kind();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut rest = Vec::new();
    let (read, written) = tokio::join!(read.read_to_end(&mut rest), busy);
    // The kernel tells of a reset once: to the read or to the write, whichever comes first.
    let expected = std::io::ErrorKind::ConnectionReset;
    let read = read.err().map(|error| error.kind());
    assert!(
        read == Some(expected) || written == expected,
        "{read:?}, {written:?}"
    );
    fixture.until(|vs| vs.active == 0 && vs.timeouts == 1).await;
}
