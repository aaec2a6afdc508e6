use std::path::Path;
use std::sync::Arc;

use super::{Program, Target, Tls, base64};
use crate::certs::{Certs, Key, Usage, Valid};
use crate::corpus;
use crate::exim::Exim;
use crate::mailbox;
use crate::netns::Netns;
use crate::postfix::Setup;
use crate::smtp_client::{Client, Message};
use crate::tls_client::TlsClient;
use crate::wait::LONG;

const NAME: &str = "mx.inside.example";

/// A message for a recipient that no other has.
fn message(number: usize) -> Message {
    Message {
        to: vec![format!("m{number}@inside.example")],
        ..Message::new(&format!("m{number}"), 500)
    }
}

#[test]
fn base64_is_right() {
    for (octets, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
    ] {
        assert_eq!(base64(octets.as_bytes()), text);
    }
}

/// Each client with each way of TLS, both versions of IP, each kind of key.
#[test]
fn every_client_reaches_postfix_and_exim() {
    let certs = Certs::new().unwrap();
    let rsa = certs
        .issue("rsa", &[NAME], Key::Rsa, Valid::Now, Usage::Server)
        .unwrap();
    let ecdsa = certs.server("ecdsa", &[NAME]).unwrap();
    let postfix_netns = Arc::new(Netns::new("mx").unwrap());
    let postfix = Setup::new(NAME)
        .tls(&rsa)
        .user("user", "geheim")
        .start(&postfix_netns)
        .unwrap();
    let exim_netns = Arc::new(Netns::new("exim").unwrap());
    let exim = Exim::start(&exim_netns, NAME, &ecdsa).unwrap();

    let mut sent = Vec::new();
    for (netns, login) in [(&postfix_netns, true), (&exim_netns, false)] {
        for (number, (tls, port)) in [(Tls::None, 25), (Tls::StartTls, 25), (Tls::Implicit, 465)]
            .into_iter()
            .enumerate()
        {
            let ip: std::net::IpAddr = if number == 1 { "::1" } else { "127.0.0.1" }
                .parse()
                .unwrap();
            let mut target = Target::new((ip, port).into(), tls, NAME, &certs.ca());
            if login {
                target.login = Some(("user@inside.example".into(), "geheim".into()));
            }
            for program in Program::ALL {
                if target.suits(program) {
                    let message = message(sent.len());
                    target.send(netns, program, &message).unwrap();
                    sent.push(message);
                }
            }
        }
    }
    let sent: Vec<&Message> = sent.iter().collect();
    let maildirs = [postfix.maildir(), exim.maildir()];
    let maildirs: Vec<&Path> = maildirs.iter().map(AsRef::as_ref).collect();
    mailbox::await_all(&sent, &maildirs, LONG).unwrap();
    for mail in postfix.delivered().unwrap() {
        let received = mail.header("Received").unwrap();
        assert!(
            received.contains("Authenticated sender: user@inside.example"),
            "{received}"
        );
    }
}

/// What must fail does.
#[test]
fn clients_and_postfix_verify() {
    let certs = Certs::new().unwrap();
    let strangers = Certs::new().unwrap();
    let netns = Arc::new(Netns::new("mx").unwrap());
    let leaf = certs.server("mx", &[NAME]).unwrap();
    let own = certs.client("client", &["client.example"]).unwrap();
    let postfix = Setup::new(NAME)
        .tls(&leaf)
        .client_ca(&certs.ca())
        .start(&netns)
        .unwrap();
    let address = "127.0.0.1:465".parse().unwrap();
    let target = Target::new(address, Tls::Implicit, NAME, &certs.ca());
    let with_own = Target {
        certificate: Some(own.clone()),
        ..target.clone()
    };
    let mut sent = Vec::new();
    for program in Program::ALL {
        let wrong_name = Target {
            name: "other.example".into(),
            ..with_own.clone()
        };
        // swaks looks at the chain alone.
        if program != Program::Swaks {
            wrong_name.send(&netns, program, &message(0)).unwrap_err();
        }
        let wrong_ca = Target {
            ca: strangers.ca(),
            ..with_own.clone()
        };
        wrong_ca.send(&netns, program, &message(0)).unwrap_err();
        target.send(&netns, program, &message(0)).unwrap_err();
        let message = message(sent.len());
        with_own.send(&netns, program, &message).unwrap();
        sent.push(message);
    }
    let tls = TlsClient::with_certificate(&certs.ca(), NAME, &own).unwrap();
    let socket = crate::smtp_client::connect(Some(&netns), None, address, LONG).unwrap();
    let mut client = Client::over_tls(socket, &tls).unwrap();
    client.greeted().unwrap();
    client.hello().unwrap();
    let last = message(sent.len());
    client.send_chunked(&last, 7).unwrap();
    client.quit().unwrap();
    sent.push(last);
    let sent: Vec<&Message> = sent.iter().collect();
    mailbox::await_all(&sent, &[&postfix.maildir()], LONG).unwrap();
}

/// What the servers alone do to a message, nobody between them and the client: nothing.
#[test]
fn the_corpus_arrives_as_it_is_sent() {
    let certs = Certs::new().unwrap();
    let leaf = certs.server("mx", &[NAME]).unwrap();
    let netns = Arc::new(Netns::new("mx").unwrap());
    let postfix = Setup::new(NAME).tls(&leaf).start(&netns).unwrap();
    let exim_netns = Arc::new(Netns::new("exim").unwrap());
    let exim = Exim::start(&exim_netns, NAME, &leaf).unwrap();
    let messages = corpus::messages();
    let all: Vec<&Message> = messages.iter().collect();
    for (netns, maildir) in [(&netns, postfix.maildir()), (&exim_netns, exim.maildir())] {
        let address = "127.0.0.1:465".parse().unwrap();
        let tls = TlsClient::new(&certs.ca(), NAME).unwrap();
        let socket = crate::smtp_client::connect(Some(netns), None, address, LONG).unwrap();
        let mut client = Client::over_tls(socket, &tls).unwrap();
        client.greeted().unwrap();
        client.hello().unwrap();
        for message in &all {
            client.send(message).unwrap();
        }
        client.quit().unwrap();
        mailbox::await_all(&all, &[&maildir], LONG).unwrap();
    }
}
