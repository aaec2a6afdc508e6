//! What goes wrong is told by an alert where TLS has one, and counted.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::peer::{Peer, echo, member};
use super::*;
use crate::config::plan::{Offence, WhenDown};

/// Handshake record with a `ClientHello` of TLS 1.1: no `supported_versions`, one old suite.
const HELLO_TLS_1_1: [u8; 50] = {
    let mut hello = [0; 50];
    let head = [22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    // After the random: no session id, one suite (TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), no
    // compression.
    let tail = [0, 0, 2, 0xc0, 0x13, 1, 0];
    at = 0;
    while at < tail.len() {
        hello[43 + at] = tail[at];
        at += 1;
    }
    hello
};

fn all(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut got = Vec::new();
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    socket.read_to_end(&mut got).map(|_| got)
}

#[test]
fn foreign_talk_gets_an_alert_and_an_orderly_end() {
    const PROTOCOL_VERSION: u8 = 70;
    let material = Material::new();
    let (address, peers) = member(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    let table: [(&[u8], Option<u8>); 3] = [
        (&HELLO_TLS_1_1, Some(PROTOCOL_VERSION)),
        (b"EHLO client.example\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: mx.example\r\n\r\n", None),
    ];
    for (sent, alert) in table {
        let mut client = TcpStream::connect(fixture.address()).expect("connect");
        client.write_all(sent).expect("write");
        let got = all(&mut client).expect("orderly end");
        assert!(matches!(got[..], [21, 3, _, 0, 2, 2, _]), "{got:?}");
        if let Some(alert) = alert {
            assert_eq!(got[6], alert);
        }
    }
    until(&fixture, |vs| vs.active == 0);
    let status = fixture.status();
    assert_eq!((status.handshake_failures, status.no_member), (3, 0));
    assert!(peers.try_recv().is_err(), "no member hears of it");
    // An old client is no scanner.
    let offences: Vec<Offence> = fixture.heard.all().iter().map(|it| it.1).collect();
    assert_eq!(offences, [Offence::TlsGarbage; 2]);
}

#[test]
fn a_stalled_handshake_times_out() {
    let material = Material::new();
    let (address, _peers) = member(None);
    let mut plan = tls_plan(Mode::Offload, &[address]);
    plan.virtual_servers[0].limits.handshake_timeout = Duration::from_millis(100);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    for sent in [&[][..], &[22], &[22, 3, 1, 0, 200, 1]] {
        let mut client = TcpStream::connect(fixture.address()).expect("connect");
        client.write_all(sent).expect("write");
        let error = all(&mut client).expect_err("reset").kind();
        assert_eq!(error, ErrorKind::ConnectionReset);
    }
    until(&fixture, |vs| vs.active == 0 && vs.handshake_failures == 3);
}

/// A client that sends an octet now and then is no better than one that sends none.
#[test]
fn a_dribbled_handshake_times_out() {
    let material = Material::new();
    let (address, _peers) = member(None);
    let mut plan = tls_plan(Mode::Offload, &[address]);
    plan.virtual_servers[0].limits.handshake_timeout = Duration::from_millis(200);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    let mut client = TcpStream::connect(fixture.address()).expect("connect");
    client
        .write_all(&[22, 3, 1, 64, 0, 1, 0, 63])
        .expect("write");
    let mut refused = false;
    for _ in 0..2000 {
        std::thread::sleep(Duration::from_millis(5));
        if client.write_all(&[0]).is_err() {
            refused = true;
            break;
        }
    }
    assert!(refused);
    assert_eq!(fixture.status().handshake_failures, 1);
}

#[test]
fn a_member_that_refuses_tls_is_passed_over() {
    let material = Material::new();
    let other = Material::new();
    let (plain, plain_peers) = member(None);
    let (stranger, stranger_peers) = member(Some(&other.server));
    let (good, _kinds) = echo(Some(&material.server));
    // One greets in the clear, the other has a certificate that nobody trusts.
    std::thread::spawn(move || {
        for mut peer in plain_peers {
            let _ = peer.send(b"220 plain\r\n");
            let _ = peer.rest();
        }
    });
    std::thread::spawn(move || {
        for mut peer in stranger_peers {
            let _ = peer.handshake();
            let _ = peer.rest();
        }
    });
    let fixture = start(Mode::EncryptServerSide, &material, &[plain, stranger, good]);
    for _ in 0..6 {
        let mut client = Peer::connect(fixture.address(), None);
        client.exchange(b"NOOP").expect("echo");
    }
    let status = fixture.status();
    assert!(status.member_handshake_failures > 1);
    assert_eq!((status.no_member, status.connect_failures), (0, 0));
    let members = &fixture.pools.status()[0].members;
    let sessions: Vec<_> = members.iter().map(|member| member.sessions).collect();
    assert_eq!(sessions, [0, 0, 6]);
}

#[test]
fn a_member_that_does_not_shake_hands_is_given_up() {
    let material = Material::new();
    let (silent, _peers) = member(None);
    let (good, _kinds) = echo(Some(&material.server));
    let mut plan = tls_plan(Mode::Bridge, &[silent, good]);
    plan.virtual_servers[0].limits.handshake_timeout = Duration::from_secs(1);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    for _ in 0..2 {
        let mut client = Peer::connect(fixture.address(), Some(&material.client));
        client.exchange(b"NOOP").expect("echo");
    }
    assert!(fixture.status().member_handshake_failures > 0);
}

#[test]
fn a_broken_record_cuts_the_session() {
    let material = Material::new();
    let (address, peers) = member(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    let mut client = Peer::connect(fixture.address(), Some(&material.client));
    client.send(b"DATA").expect("send");
    let mut server = peers.recv().expect("connected");
    server.expect(b"DATA").expect("heard");
    let forged = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
    (&client.socket).write_all(&forged).expect("write");
    let error = server.rest().expect_err("reset").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    assert!(client.rest().is_err());
    until(&fixture, |vs| vs.active == 0 && vs.resets == 1);
}

/// Whom no member takes hears so within its TLS, which ends in order.
#[test]
fn no_member_is_told_within_tls() {
    let material = Material::new();
    for mode in [Mode::Offload, Mode::Bridge, Mode::EncryptServerSide] {
        for (when_down, wanted) in [
            (
                WhenDown::Reply,
                Some("421 4.3.2 No mail server can be had, closing\r\n"),
            ),
            (WhenDown::Close, Some("")),
            (WhenDown::Reset, None),
        ] {
            let nobody = std::net::TcpListener::bind(V4).and_then(|it| it.local_addr());
            let mut plan = tls_plan(mode, &[nobody.expect("bound")]);
            plan.pools[0].when_down = when_down;
            let profiles = material.profiles(Start::Implicit);
            let fixture = Fixture::with(&plan, &profiles, AllowAll);
            let client = (mode != Mode::EncryptServerSide).then_some(&material.client);
            let mut client = Peer::connect(fixture.address(), client);
            let heard = client.handshake().and_then(|()| client.rest());
            let heard = heard.map(|heard| String::from_utf8_lossy(&heard).into_owned());
            assert_eq!(heard.ok().as_deref(), wanted, "{mode:?}, {when_down:?}");
            drop(client);
            until(&fixture, |vs| vs.active == 0 && vs.no_member == 1);
        }
    }
}
