//! Handshakes that succeed.

use std::io::{ErrorKind, Read};
use std::thread;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use super::peer::{Peer, echo, member};
use super::*;

#[test]
fn sessions_are_resumed_on_both_sides() {
    for versions in [[&TLS13], [&TLS12]] {
        let material = Material::of(&versions);
        let (address, kinds) = echo(Some(&material.server));
        let fixture = start(Mode::Bridge, &material, &[address]);
        // Workers keep no state of their own, so that any of them resumes any session.
        for round in 0..6 {
            let mut client = Peer::connect(fixture.address(), Some(&material.client));
            client.exchange(b"tickets come with this").expect("echo");
            let (client, member) = (client.kind(), kinds.recv().expect("shaken"));
            if round > 0 {
                assert_eq!(client, Some(HandshakeKind::Resumed), "{versions:?}");
                assert_eq!(member, Some(HandshakeKind::Resumed), "{versions:?}");
            }
        }
    }
}

#[test]
fn tickets_wait_for_the_banner() {
    let material = Material::of(&[&TLS13]);
    let (address, peers) = member(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    let mut client = Peer::connect(fixture.address(), Some(&material.client));
    client.handshake().expect("handshake");
    let mut server = peers.recv().expect("connected");
    thread::sleep(Duration::from_millis(50));
    let early = (&client.socket).read(&mut [0; 1024]);
    assert_eq!(early.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));
    server.send(b"220 hello\r\n").expect("send");
    client.expect(b"220 hello\r\n").expect("banner");
    assert_eq!(
        client.tls.as_ref().map(|tls| tls.handshake_kind()),
        Some(Some(HandshakeKind::Full))
    );
}

/// A client may talk before the member is connected.
#[test]
fn what_comes_with_the_handshake_is_not_lost() {
    let material = Material::new();
    let (address, _kinds) = echo(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    for _ in 0..10 {
        let mut client = Peer::connect(fixture.address(), Some(&material.client));
        let tls = client.tls.as_mut().expect("TLS");
        std::io::Write::write_all(&mut tls.writer(), b"at once").expect("buffered");
        client.expect(b"at once").expect("echo");
    }
}

#[test]
fn a_member_is_known_by_its_host_name() {
    let material = Material::new();
    let (address, peers) = member(Some(&material.server));
    for (host, good) in [
        (Some("localhost"), true),
        (None, true),
        (Some("other.example"), false),
    ] {
        let mut plan = tls_plan(Mode::EncryptServerSide, &[address]);
        plan.pools[0].members[0].host = host.map(str::to_owned);
        let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
        let mut client = Peer::connect(fixture.address(), None);
        let mut server = peers.recv().expect("connected");
        assert_eq!(
            server.handshake().is_ok() && server.send(b"220").is_ok(),
            good,
            "{host:?}"
        );
        assert_eq!(client.expect(b"220").is_ok(), good, "{host:?}");
        if !good {
            until(&fixture, |vs| vs.active == 0);
            let status = fixture.status();
            assert_eq!((status.member_handshake_failures, status.no_member), (1, 1));
        }
    }
}
