//! Bytes arrive, all of them and in order, and ends arrive as ends.

use rustls::version::{TLS12, TLS13};

use super::peer::{Peer, echo, member};
use super::*;

const MODES: [Mode; 4] = [
    Mode::Offload,
    Mode::Bridge,
    Mode::EncryptServerSide,
    Mode::Passthrough,
];

fn noise(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// TLS at the client and at the member, as the mode wants it.
fn ends(mode: Mode) -> (bool, bool) {
    if mode == Mode::Passthrough {
        return (true, true);
    }
    legs(mode)
}

#[test]
fn each_mode_carries_10_mib_both_ways_at_once() {
    let data = noise(10 * 1024 * 1024);
    for versions in [[&TLS13], [&TLS12]] {
        let material = Material::of(&versions);
        for mode in MODES {
            let (client, server) = ends(mode);
            let (address, _kinds) = echo(server.then_some(&material.server));
            let fixture = start(mode, &material, &[address]);
            let mut peer = Peer::connect(fixture.address(), client.then_some(&material.client));
            let got = peer.duplex(&data).expect("echo");
            assert!(got == data, "{mode:?} {versions:?}");
            drop(peer);
            until(&fixture, |vs| vs.active == 0);
            let status = fixture.status();
            assert_eq!(
                (status.resets, status.handshake_failures),
                (0, 0),
                "{mode:?}"
            );
            if mode != Mode::Passthrough {
                let size = data.len() as u64;
                assert_eq!(
                    (status.bytes_in, status.bytes_out),
                    (size, size),
                    "{mode:?}"
                );
            }
        }
    }
}

#[test]
fn after_one_side_ends_the_other_may_still_speak() {
    let material = Material::new();
    for mode in MODES {
        let (client_tls, server_tls) = ends(mode);
        for client_ends in [true, false] {
            let (address, peers) = member(server_tls.then_some(&material.server));
            let fixture = start(mode, &material, &[address]);
            let client = client_tls.then_some(&material.client);
            let mut client = Peer::connect(fixture.address(), client);
            let shaking = std::thread::spawn(move || {
                client.handshake().expect("handshake");
                client
            });
            let mut server = peers.recv().expect("connected");
            server.handshake().expect("handshake");
            let client = shaking.join().expect("shaken");
            let (mut first, mut last) = if client_ends {
                (client, server)
            } else {
                (server, client)
            };
            first.send(b"QUIT").expect("send");
            first.finish().expect("end");
            assert_eq!(last.rest().expect("orderly end"), b"QUIT");
            last.send(b"221 bye").expect("send");
            first.expect(b"221 bye").expect("still there");
            last.send(b"!").expect("send");
            last.finish().expect("end");
            assert_eq!(first.rest().expect("orderly end"), b"!");
            until(&fixture, |vs| vs.active == 0 && vs.resets == 0);
        }
    }
}

#[test]
fn a_fin_without_close_notify_is_an_end_too() {
    let material = Material::new();
    let (address, peers) = member(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    let mut client = Peer::connect(fixture.address(), Some(&material.client));
    client.send(b"QUIT").expect("send");
    client
        .socket
        .shutdown(std::net::Shutdown::Write)
        .expect("end");
    let mut server = peers.recv().expect("connected");
    assert_eq!(server.rest().expect("orderly end"), b"QUIT");
    server.finish().expect("end");
    assert_eq!(client.rest().expect("orderly end"), b"");
    until(&fixture, |vs| vs.active == 0 && vs.resets == 0);
}

/// Clients that have what they came for close without reading our `close_notify`.
#[test]
fn a_client_that_leaves_after_the_last_word_is_no_fault() {
    let material = Material::new();
    let (address, peers) = member(None);
    let fixture = start(Mode::Offload, &material, &[address]);
    for _ in 0..20 {
        let mut client = Peer::connect(fixture.address(), Some(&material.client));
        client.send(b"QUIT").expect("send");
        let mut server = peers.recv().expect("connected");
        server.expect(b"QUIT").expect("heard");
        server.send(b"221 bye").expect("send");
        server.finish().expect("end");
        client.expect(b"221 bye").expect("heard");
        drop(client);
        until(&fixture, |vs| vs.active == 0);
    }
    assert_eq!(fixture.status().resets, 0);
}

#[test]
fn a_stalled_reader_stalls_the_writer() {
    const MOST: usize = 256 * 1024 * 1024;
    let material = Material::new();
    for mode in [Mode::Offload, Mode::Bridge, Mode::EncryptServerSide] {
        let (client, server) = ends(mode);
        let (address, peers) = member(server.then_some(&material.server));
        let fixture = start(mode, &material, &[address]);
        let mut client = Peer::connect(fixture.address(), client.then_some(&material.client));
        let flooding = std::thread::spawn(move || {
            let sent = client.flood(MOST).expect("no fault");
            (client, sent)
        });
        let mut server = peers.recv().expect("connected");
        server.handshake().expect("handshake");
        let (mut client, sent) = flooding.join().expect("stalled");
        assert!(
            sent < MOST,
            "{mode:?}: {MOST} went into a reader that does not read"
        );
        let reading = std::thread::spawn(move || server.rest().expect("orderly end").len());
        client.until(|_| true).expect("flush");
        client.send(b"").expect("flush");
        client.finish().expect("end");
        assert_eq!(reading.join().expect("read"), sent, "{mode:?}");
    }
}

#[test]
fn records_may_come_octet_by_octet() {
    for versions in [[&TLS13], [&TLS12]] {
        let material = Material::of(&versions);
        let (address, _kinds) = echo(Some(&material.server));
        let fixture = start(Mode::Bridge, &material, &[address]);
        let mut client = Peer::connect(fixture.address(), Some(&material.client));
        client.stride = 1;
        client.handshake().expect("handshake");
        for octet in 0..100 {
            client.exchange(&[octet]).expect("echo");
        }
        client.exchange(&noise(20_000)).expect("echo");
    }
}

#[test]
fn keys_may_be_changed() {
    let material = Material::of(&[&TLS13]);
    let (address, peers) = member(Some(&material.server));
    let fixture = start(Mode::Bridge, &material, &[address]);
    let mut client = Peer::connect(fixture.address(), Some(&material.client));
    client.send(b"before").expect("send");
    let mut server = peers.recv().expect("connected");
    server.expect(b"before").expect("heard");
    for round in 0..5 {
        for peer in [&mut client, &mut server] {
            let tls = peer.tls.as_mut().expect("TLS");
            tls.refresh_traffic_keys().expect("asked for");
        }
        let text = noise(50_000 + round);
        client.send(&text).expect("send");
        server.expect(&text).expect("heard");
        server.send(&text).expect("send");
        client.expect(&text).expect("heard");
    }
    assert_eq!(fixture.status().resets, 0);
}

#[test]
fn silence_ends_a_session_on_both_sides() {
    let material = Material::new();
    let (address, peers) = member(Some(&material.server));
    let mut plan = tls_plan(Mode::Bridge, &[address]);
    plan.virtual_servers[0].limits.idle_timeout = Duration::from_millis(300);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    let mut client = Peer::connect(fixture.address(), Some(&material.client));
    let shaking = std::thread::spawn(move || {
        client.handshake().expect("handshake");
        client.rest().expect_err("reset")
    });
    let mut server = peers.recv().expect("connected");
    server.handshake().expect("handshake");
    let kinds = [
        server.rest().expect_err("reset").kind(),
        shaking.join().expect("joined").kind(),
    ];
    assert_eq!(kinds, [std::io::ErrorKind::ConnectionReset; 2]);
    until(&fixture, |vs| vs.active == 0 && vs.timeouts == 1);
}
