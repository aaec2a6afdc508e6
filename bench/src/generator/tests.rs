//! The generator against the sink over loopback, and against servers that fail.

use std::io::{Read, Write, pipe};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use super::*;
use crate::credentials::Credentials;
use crate::sink::{self, Arrived};
use crate::transport::Listener;
use crate::transport::tls::{Server, ServerOptions, Start};

fn load(target: SocketAddr) -> Load {
    Load {
        target,
        sessions: 1,
        at_once: 1,
        messages: 1,
        size: 4096,
        hold: false,
        limit: 20,
        tls: ClientOptions::default(),
    }
}

/// Offers a load to a sink of its own.
fn deliver(shape: impl FnOnce(Load) -> Load) -> (Outcome, Arrived) {
    deliver_to(None, shape)
}

/// The same, the sink with TLS.
fn deliver_to(tls: Option<Server>, shape: impl FnOnce(Load) -> Load) -> (Outcome, Arrived) {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let load = shape(load(listener.address().unwrap()));
    let (stop, stopper) = pipe().unwrap();
    let sink = thread::spawn(move || sink::serve(listener, tls, stop).unwrap());
    let (outcome, held) = run(&load).unwrap();
    assert_eq!(held.len() as u64, outcome.opened - outcome.finished);
    drop(stopper);
    (outcome, sink.join().unwrap())
}

#[test]
fn what_is_sent_arrives() {
    for (sessions, at_once, messages, size) in [
        (1, 1, 1, 64),
        (50, 20, 1, 4096),
        (5, 3, 40, 4096),
        (3, 2, 2, 5_000_000),
    ] {
        let (outcome, arrived) = deliver(|load| Load {
            sessions,
            at_once,
            messages,
            size,
            ..load
        });
        assert_eq!(outcome.opened, sessions);
        assert_eq!(outcome.finished, sessions);
        assert_eq!(outcome.tally.messages, sessions * messages);
        assert_eq!(outcome.tally.bytes, sessions * messages * size as u64);
        assert_eq!(outcome.tally, arrived.tally);
        assert_eq!((arrived.opened, arrived.finished), (sessions, sessions));
        assert!(0 < outcome.p50_ns && outcome.p50_ns <= outcome.p99_ns);
        assert!(outcome.p99_ns <= outcome.elapsed_ns);
    }
}

#[test]
fn what_is_sent_in_tls_arrives() {
    let credentials = Credentials::make().unwrap();
    for start in [Start::Implicit, Start::Starttls] {
        for (sessions, at_once, messages, size) in
            [(1, 1, 1, 64), (30, 7, 3, 40_000), (2, 2, 2, 5_000_000)]
        {
            let server = ServerOptions {
                tls: Some(start),
                certificate: Some(credentials.certificate()),
                key: Some(credentials.key()),
            };
            let tls = ClientOptions {
                tls: Some(start),
                ca: Some(credentials.ca()),
                resume: true,
            };
            let (outcome, arrived) = deliver_to(Server::new(&server).unwrap(), |load| Load {
                sessions,
                at_once,
                messages,
                size,
                tls,
                ..load
            });
            assert_eq!(outcome.tally.messages, sessions * messages);
            assert_eq!(outcome.tally.bytes, sessions * messages * size as u64);
            assert_eq!(outcome.tally, arrived.tally);
            assert_eq!((arrived.opened, arrived.finished), (sessions, sessions));
            // The sink gives no tickets.
            assert_eq!(outcome.resumed, 0);
        }
    }
}

#[test]
fn held_sessions_stay_open() {
    let (outcome, arrived) = deliver(|load| Load {
        sessions: 30,
        at_once: 4,
        hold: true,
        ..load
    });
    assert_eq!((outcome.opened, outcome.finished), (30, 0));
    assert_eq!((arrived.opened, arrived.finished), (30, 0));
    assert_eq!(outcome.tally, Tally::default());
}

/// Answers the only client with `script`, whatever it says, then closes.
fn scripted(script: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        for reply in script.split_inclusive(|&byte| byte == b'\n') {
            if client.write_all(reply).is_err() || client.read(&mut buffer).is_err() {
                return;
            }
        }
    });
    address
}

#[test]
fn a_failure_fails_the_load() {
    let cases: [(&[u8], &str); 4] = [
        (
            b"554 No\r\n",
            "at Connect: unexpected reply \"554 No\\r\\n\"",
        ),
        (
            b"220 Hi\r\n250 Hi\r\n451 Later\r\n",
            "at Mail: unexpected reply \"451 Later\\r\\n\"",
        ),
        (b"220 Hi\r\n", "at Hello: the connection was closed"),
        (b"hello\r\n", "at Connect: unexpected reply \"hello\\r\\n\""),
    ];
    for (script, expected) in cases {
        let Err(error) = run(&load(scripted(script))) else {
            panic!("{expected}")
        };
        assert_eq!(format!("{error:#}"), expected);
    }
}

#[test]
fn a_refused_connection_fails_the_load() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(run(&load(closed)).is_err());
}

#[test]
fn a_silent_server_fails_the_load() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let load = Load {
        limit: 0,
        ..load(listener.local_addr().unwrap())
    };
    let Err(error) = run(&load) else {
        panic!("it never answered")
    };
    assert_eq!(error.to_string(), "0 of 1 sessions done in 0ns");
}

#[test]
fn percentiles_by_nearest_rank() {
    let hundred: Vec<u64> = (1..=100).collect();
    assert_eq!(percentile(&hundred, 50), 50);
    assert_eq!(percentile(&hundred, 99), 99);
    assert_eq!(percentile(&[7], 99), 7);
    assert_eq!(percentile(&[], 50), 0);
}
