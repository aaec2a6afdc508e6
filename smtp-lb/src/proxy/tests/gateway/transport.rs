//! A message arrives whole, whatever the legs are.

use rustls::version::{TLS12, TLS13};

use super::member::Manner;
use super::*;

const TEXT: &str = "Subject: hello\r\n\r\n..dots\r\n.\x2e.\r\nend\r\n";

/// A client in `mode`, past its EHLO.
fn client(mode: Mode, fixture: &Fixture, material: &Material) -> Client {
    let mut client = Client::silent(fixture);
    if matches!(mode, Mode::Offload | Mode::Bridge) {
        client.secure(material);
    }
    assert_eq!(client.hear(), "220 mx.example.org ESMTP");
    if mode == Mode::StartTls {
        let offered = client.ehlo();
        assert!(
            offered.iter().any(|line| &line[4..] == "STARTTLS"),
            "{offered:?}"
        );
        assert_eq!(&client.say("MAIL FROM:<a@example.org>")[..9], "530 5.7.0");
        client.starttls(material);
    }
    let offered = client.ehlo();
    assert!(
        !offered.iter().any(|line| &line[4..] == "STARTTLS"),
        "{offered:?}"
    );
    client
}

#[test]
fn every_pair_of_legs_carries_messages() {
    for versions in [[&TLS13], [&TLS12]] {
        let material = Material::of(&versions);
        for mode in [
            Mode::Plain,
            Mode::Offload,
            Mode::Bridge,
            Mode::EncryptServerSide,
            Mode::StartTls,
        ] {
            for start in [None, Some(Start::Implicit), Some(Start::StartTls)] {
                if start.is_some() && mode == Mode::Plain {
                    continue;
                }
                let mut manner = Manner::of("a");
                match start {
                    Some(Start::Implicit) => manner.implicit = Some(Arc::clone(&material.server)),
                    Some(Start::StartTls) => manner.starttls = Some(Arc::clone(&material.server)),
                    None => {}
                }
                let member = manner.start();
                let mut plan = gateway_plan(mode, &[&member]);
                if let Some(start) = start {
                    plan = with_server_tls(plan, start);
                }
                let profiles = material.profiles(start.unwrap_or(Start::Implicit));
                let fixture = Fixture::with(&plan, &profiles, AllowAll);
                let mut client = client(mode, &fixture, &material);
                for _ in 0..2 {
                    assert_eq!(
                        client.send(TEXT),
                        "250 2.0.0 a has it",
                        "{mode:?} {start:?}"
                    );
                }
                client.quit();
                drop(client);
                member.until(|memory| memory.quits == 1);
                let memory = member.memory();
                let sent = [TEXT.as_bytes(), b".\r\n"].concat();
                assert_eq!(memory.messages, [sent.clone(), sent], "{mode:?} {start:?}");
                assert_eq!(memory.sessions, 1, "one leg for both");
                ended_well(&fixture);
                let counted = counts(&fixture);
                assert_eq!(counted.messages_accepted, 2);
                assert_eq!(counted.starttls, u64::from(mode == Mode::StartTls));
                assert_eq!(fixture.status().handshake_failures, 0);
            }
        }
    }
}

#[test]
fn a_large_message_arrives_whole() {
    let material = Material::new();
    let mut manner = Manner::of("a");
    manner.starttls = Some(Arc::clone(&material.server));
    let member = manner.start();
    let plan = with_server_tls(gateway_plan(Mode::StartTls, &[&member]), Start::StartTls);
    let fixture = Fixture::with(&plan, &material.profiles(Start::StartTls), AllowAll);
    let mut client = client(Mode::StartTls, &fixture, &material);
    let line = "the quick brown fox jumps over the lazy dog, again and again\r\n";
    let text = line.repeat(8 * 1024 * 1024 / line.len());
    assert_eq!(client.send(&text), "250 2.0.0 a has it");
    assert_eq!(client.send("and a small one\r\n"), "250 2.0.0 a has it");
    client.quit();
    let got = &member.memory().messages[0];
    assert!(got[..got.len() - 3] == *text.as_bytes() && got.ends_with(b"\r\n.\r\n"));
    assert_eq!(counts(&fixture).messages_accepted, 2);
}

/// What the pool offers is known before the first client asks.
#[test]
fn members_are_asked_beforehand() {
    let mut other = Manner::of("b");
    other.offers = &["SIZE 5000", "SMTPUTF8", "8BITMIME", "XCLIENT"];
    let members = [Manner::of("a").start(), other.start()];
    let fixture = start(&gateway_plan(Mode::Plain, &[&members[0], &members[1]]));
    for member in &members {
        member.until(|memory| memory.lines == ["EHLO mx.example.org", "QUIT"]);
    }
    let mut client = Client::connect(&fixture);
    let mut offered = client.ehlo();
    offered.sort();
    assert_eq!(
        offered,
        ["250 8BITMIME", "250-SIZE 5000", "250-mx.example.org"]
    );
    client.quit();
    assert_eq!(
        members[0].memory().lines.len(),
        2,
        "nobody was asked for it"
    );
}

#[test]
fn a_failed_starttls_gets_an_alert() {
    let material = Material::new();
    let member = Manner::of("a").start();
    let plan = gateway_plan(Mode::StartTls, &[&member]);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    assert_eq!(&client.say("STARTTLS")[..3], "220");
    client.0.send(b"EHLO in the clear\r\n").expect("send");
    let got = client.0.rest().expect("orderly end");
    assert!(matches!(got[..], [21, 3, _, 0, 2, 2, _]), "{got:?}");
    until(&fixture, |vs| vs.active == 0 && vs.handshake_failures == 1);
}
