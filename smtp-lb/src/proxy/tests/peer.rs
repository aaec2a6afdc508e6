//! Connections that begin with a PROXY header.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::*;
use super::fixture::*;
use crate::config::plan::{AcceptProxyPlan, Offence, ProxyVersion};
use crate::proxy_protocol::{self, Addresses, Header};

fn plan_from(from: &str, timeout: Duration, members: &[SocketAddr]) -> Plan {
    let mut plan = plan_for(&[V4], members);
    plan.virtual_servers[0].accept_proxy = Some(AcceptProxyPlan {
        from: vec![from.parse().expect("network")],
        timeout,
    });
    plan
}

fn header(source: &str) -> Header {
    Header {
        addresses: Some(Addresses {
            source: source.parse().expect("address"),
            destination: "198.51.100.1:25".parse().expect("address"),
        }),
        unique_id: Some((*b"id-of-the-peer").into()),
        ..Header::default()
    }
}

/// Everything until the end, however it ends.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

#[tokio::test]
async fn what_comes_after_the_header_is_the_clients_wherever_it_is_cut() {
    let member = echo(V4, "220\r\n").await;
    let fixture = Fixture::start(&plan_from("127.0.0.0/8", LONG, &[member]));
    let v1 = proxy_protocol::encode(ProxyVersion::V1, &header("192.0.2.1:1"));
    let v2 = proxy_protocol::encode(ProxyVersion::V2, &header("192.0.2.1:1"));
    let local = proxy_protocol::encode(ProxyVersion::V2, &Header::default());
    for header in [v1, v2, local] {
        let sent = [&header[..], b"EHLO me\r\n"].concat();
        for cut in (1..sent.len()).step_by(7) {
            let mut client = fixture.connect().await;
            client.set_nodelay(true).expect("option");
            client.write_all(&sent[..cut]).await.expect("write");
            tokio::task::yield_now().await;
            client.write_all(&sent[cut..]).await.expect("write");
            expect(&mut client, "220\r\nEHLO me\r\n").await;
        }
    }
    let headers = fixture.status().headers.expect("headers");
    assert_eq!(headers, HeaderStatus::default());
}

#[tokio::test]
async fn peers_that_are_not_trusted_are_closed_whatever_they_say() {
    let member = echo(V4, "220\r\n").await;
    let fixture = Fixture::start(&plan_from("192.0.2.0/24", LONG, &[member]));
    // It claims to be one that is.
    let forged = proxy_protocol::encode(ProxyVersion::V2, &header("192.0.2.1:1"));
    for _ in 0..3 {
        let mut client = fixture.connect().await;
        let _ = client.write_all(&forged).await;
        assert_eq!(rest(&mut client).await, b"");
    }
    let status = fixture.status();
    assert_eq!(status.headers.expect("headers").untrusted, 3);
    assert_eq!((status.total, status.active), (0, 0));
    let client: IpAddr = "127.0.0.1".parse().expect("address");
    assert_eq!(fixture.heard.all(), [(client, Offence::ProxyHeader); 3]);
}

#[tokio::test]
async fn what_is_no_header_is_closed_and_counted_by_cause() {
    let member = echo(V4, "220\r\n").await;
    let timeout = Duration::from_millis(300);
    let fixture = Fixture::start(&plan_from("127.0.0.0/8", timeout, &[member]));
    let good = proxy_protocol::encode(ProxyVersion::V2, &header("192.0.2.1:1"));
    let mut broken = good.clone();
    *broken.last_mut().expect("octets") ^= 1;
    let mut version = good.clone();
    version[12] = 0x11;
    for octets in [&b"EHLO me\r\n"[..], &broken, &version] {
        let mut client = fixture.connect().await;
        client.write_all(octets).await.expect("write");
        assert_eq!(rest(&mut client).await, b"");
    }
    // It ends before the header does.
    let mut client = fixture.connect().await;
    client.write_all(&good[..20]).await.expect("write");
    client.shutdown().await.expect("shutdown");
    assert_eq!(rest(&mut client).await, b"");
    // One says nothing, and one an octet now and then.
    let mut silent = fixture.connect().await;
    assert_eq!(rest(&mut silent).await, b"");
    let mut slow = fixture.connect().await;
    for octet in &good[..30] {
        if slow.write_all(&[*octet]).await.is_err() {
            break;
        }
        tokio::time::sleep(timeout / 10).await;
    }
    assert_eq!(rest(&mut slow).await, b"");
    let headers = fixture.status().headers.expect("headers");
    assert_eq!(
        headers,
        HeaderStatus {
            untrusted: 0,
            malformed: 2,
            checksum: 1,
            timeouts: 2,
            ended: 1,
        }
    );
    fixture.until(|vs| vs.active == 0).await;
    assert_eq!(
        fixture.heard.all(),
        [],
        "nothing is said of a peer that is believed"
    );
}

/// Refuses one address, wherever it connects to.
struct Refuses(&'static str);

impl AcceptFilter for Refuses {
    fn allows(&self, client: SocketAddr, local: SocketAddr) -> Admission {
        // A policy is found by an address of ours, never by one that a peer names.
        if client.ip().to_string() != self.0 && local.ip().is_loopback() {
            Admission::Admitted
        } else {
            Admission::Closed
        }
    }
}

#[tokio::test]
async fn the_filter_judges_the_client_whom_the_header_names() {
    let member = echo(V4, "220\r\n").await;
    let plan = plan_from("127.0.0.0/8", LONG, &[member]);
    let fixture = Fixture::filtered(&plan, Refuses("192.0.2.66"));
    for (header, heard) in [
        ("PROXY TCP4 192.0.2.66 203.0.113.25 1 25\r\n", &b""[..]),
        ("PROXY TCP4 192.0.2.1 203.0.113.25 1 25\r\n", b"220\r\n"),
        // Dressed as IPv6.
        ("PROXY TCP6 ::ffff:192.0.2.66 2001:db8::25 1 25\r\n", b""),
        (
            "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:203.0.113.25 1 25\r\n",
            b"220\r\n",
        ),
    ] {
        let mut client = fixture.connect().await;
        client.write_all(header.as_bytes()).await.expect("write");
        client.shutdown().await.expect("shutdown");
        assert_eq!(rest(&mut client).await, heard, "{header}");
    }
    assert_eq!(fixture.status().refused_by_filter, 2);
}

#[tokio::test]
async fn members_are_told_of_the_client_whom_the_header_names() {
    let (members, member) = listener(V4).await;
    let mut plan = plan_from("127.0.0.0/8", LONG, &[member]);
    plan.virtual_servers[0].send_proxy = Some(ProxyVersion::V2);
    let fixture = Fixture::start(&plan);
    let mut client = fixture.connect().await;
    let said = header("[2001:db8::1]:7");
    let said = Header {
        addresses: Some(Addresses {
            destination: "[2001:db8::2]:25".parse().expect("address"),
            ..said.addresses.expect("addresses")
        }),
        authority: Some((*b"mx.example.org").into()),
        ..said
    };
    let octets = proxy_protocol::encode(ProxyVersion::V2, &said);
    client.write_all(&octets).await.expect("write");
    let (mut member, _) = members.accept().await.expect("accept");
    let mut heard = vec![0; octets.len()];
    member.read_exact(&mut heard).await.expect("read");
    assert_eq!(heard, octets);
}

#[test]
fn policies_are_found_by_the_listener_whatever_the_version_of_ip() {
    let at = |text: &str| text.parse::<SocketAddr>().expect("address");
    let judged = |local, client, listen: &[&str]| {
        let listen: Vec<SocketAddr> = listen.iter().map(|it| at(it)).collect();
        crate::proxy::peer::judged_at(at(local), at(client), &listen).to_string()
    };
    let wildcards = ["0.0.0.0:25", "[::]:25", "0.0.0.0:26"];
    let (v4, v6) = ("192.0.2.66:1", "[2001:db8::66]:1");
    assert_eq!(judged("10.0.0.1:25", v4, &wildcards), "10.0.0.1:25");
    assert_eq!(judged("10.0.0.1:25", v6, &wildcards), "0.0.0.0:25");
    assert_eq!(judged("[fd00::1]:25", v4, &wildcards), "[::]:25");
    assert_eq!(judged("10.0.0.1:25", v6, &["10.0.0.1:25"]), "10.0.0.1:25");
}
