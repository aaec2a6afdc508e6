//! What goes wrong is contained, passed on as what it is, and counted.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::pool::State;
use crate::proxy::{AcceptFilter, Admission};

#[tokio::test]
async fn the_next_member_is_tried() {
    let members = [nobody().await, nobody().await, echo(V4, "c").await];
    let fixture = Fixture::start(&plan_for(&[V4], &members));
    for _ in 0..6 {
        expect(&mut fixture.connect().await, "c").await;
    }
    let status = fixture.status();
    assert!(status.connect_failures > 0);
    assert_eq!((status.total, status.no_member), (6, 0));
    let members = &fixture.pools.status()[0].members;
    let failures: u64 = members.iter().map(|m| m.connect_failures).sum();
    assert_eq!(failures, status.connect_failures);
    assert_eq!(members[2].sessions, 6);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let members = [nobody().await, nobody().await, echo(V4, "c").await];
    let mut plan = plan_for(&[V4], &members);
    plan.virtual_servers[0].limits.connect_attempts = 2;
    let fixture = Fixture::start(&plan);
    assert!(fixture.resets().await);
    fixture.until(|vs| vs.active == 0).await;
    assert_eq!(fixture.status().no_member, 1);
    assert_eq!(fixture.status().connect_failures, 2);
}

#[tokio::test]
async fn all_members_down() {
    let member = echo(V4, "a").await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.pools[0].monitors = vec![crate::config::plan::MonitorId(0)];
    let fixture = Fixture::start(&plan);
    let health = &fixture.pools.get(crate::config::plan::PoolId(0)).members()[0];
    expect(&mut fixture.connect().await, "a").await;
    health.set_state(State::Down, "refused", SystemTime::now());
    assert!(fixture.resets().await);
    fixture.until(|vs| vs.active == 0).await;
    assert_eq!(
        (
            fixture.status().no_member,
            fixture.status().connect_failures
        ),
        (1, 0)
    );
    health.set_state(State::Up, "ok", SystemTime::now());
    expect(&mut fixture.connect().await, "a").await;
}

/// A member whose queue of connections is full answers no SYN: only time tells.
#[tokio::test]
async fn a_silent_member_is_given_up() {
    let silent =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
    let any: SocketAddr = V4.parse().expect("address");
    silent.bind(&any.into()).expect("bind");
    silent.listen(0).expect("listen");
    let address = silent.local_addr().expect("bound").as_socket().expect("IP");
    let mut filling = Vec::new();
    for _ in 0..8 {
        let connect = tokio::net::TcpStream::connect(address);
        filling.push(tokio::time::timeout(Duration::from_millis(50), connect).await);
    }
    assert!(filling.iter().any(Result::is_err), "the queue is full");
    let mut plan = plan_for(&[V4], &[address, echo(V4, "b").await]);
    plan.virtual_servers[0].limits.connect_timeout = Duration::from_millis(100);
    let fixture = Fixture::start(&plan);
    for _ in 0..3 {
        expect(&mut fixture.connect().await, "b").await;
    }
    assert!(fixture.status().connect_failures > 0);
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset() {
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    for client_resets in [true, false] {
        let mut client = fixture.connect().await;
        let (mut server, _) = listener.accept().await.expect("accept");
        client.write_all(b"DATA").await.expect("write");
        expect(&mut server, "DATA").await;
        let (victim, mut witness) = if client_resets {
            (client, server)
        } else {
            (server, client)
        };
        victim.set_zero_linger().expect("linger");
        drop(victim);
        assert!(
            is_reset(&mut witness).await,
            "client resets: {client_resets}"
        );
    }
    fixture.until(|vs| vs.active == 0 && vs.resets == 2).await;
}

struct Odd;

impl AcceptFilter for Odd {
    fn allows(&self, client: SocketAddr, local: SocketAddr) -> Admission {
        assert_ne!(
            client.ip().to_string(),
            "127.0.0.3",
            "a fault in the filter"
        );
        assert!(!local.ip().is_unspecified());
        match client.ip().to_string().as_str() {
            "127.0.0.1" => Admission::Admitted,
            "127.0.0.4" => Admission::Reset,
            _ => Admission::Closed,
        }
    }
}

async fn try_from(source: &str, to: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    let source: std::net::IpAddr = source.parse().expect("address");
    socket.bind((source, 0).into()).expect("bind");
    socket.connect(to).await
}

async fn connect_from(source: &str, to: SocketAddr) -> tokio::net::TcpStream {
    try_from(source, to).await.expect("connect")
}

#[tokio::test]
async fn the_filter_decides_and_its_panics_are_contained() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::filtered(&plan_for(&["0.0.0.0:0"], &[member]), Odd);
    let to = SocketAddr::from(([127, 0, 0, 1], fixture.address().port()));
    for _ in 0..4 {
        assert_eq!(
            connect_from("127.0.0.2", to)
                .await
                .read(&mut [0])
                .await
                .unwrap_or(0),
            0
        );
        assert_eq!(
            connect_from("127.0.0.3", to)
                .await
                .read(&mut [0])
                .await
                .unwrap_or(0),
            0
        );
        expect(&mut connect_from("127.0.0.1", to).await, "a").await;
    }
    let status = fixture.status();
    assert_eq!(
        (status.refused_by_filter, status.panics, status.total),
        (4, 4, 4)
    );
    let rejected = try_from("127.0.0.4", to).await;
    assert!(is_turned_away(rejected).await, "a rejection is seen");
    fixture.until(|vs| vs.refused_by_filter == 5).await;
}
