//! What is told of sessions with TLS.

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::plan::Sessions;
use crate::proxy::tests::fixture::echo;
use crate::proxy::tests::sessions::{next, telling_with};

#[tokio::test]
async fn the_version_of_the_clients_tls_and_its_own_octets() {
    for (version, name) in [(&TLS13, "TLSv1_3"), (&TLS12, "TLSv1_2")] {
        let material = Material::of(&[version]);
        let member = echo(V4, "greeting").await;
        let plan = tls_plan(Mode::Offload, &[member]);
        let profiles = material.profiles(Start::Implicit);
        let (fixture, mut events) = telling_with(plan, &profiles, Sessions::All);
        let connector = TlsConnector::from(Arc::clone(&material.client));
        let host = ServerName::try_from("localhost").expect("name");
        let socket = fixture.connect().await;
        let mut client = connector.connect(host, socket).await.expect("handshake");
        let mut octets = [0; 12];
        client.read_exact(&mut octets[..8]).await.expect("greeting");
        client.write_all(b"1234").await.expect("write");
        client.read_exact(&mut octets[8..]).await.expect("echo");
        assert_eq!(&octets, b"greeting1234");
        client.shutdown().await.expect("shutdown");
        let (open, close) = (next(&mut events).await, next(&mut events).await);
        assert_eq!((open.change, &open.session), ("open", &close.session));
        assert_eq!((&*close.pool, close.change), ("p", "close"));
        let end = close.end.expect("an end");
        assert_eq!((end.tls, end.result), (name, "closed"));
        assert_eq!(&*end.member, member.to_string());
        assert_eq!((end.bytes_in, end.bytes_out), (4, 12));
    }
}

#[tokio::test]
async fn a_handshake_that_fails() {
    let material = Material::new();
    let member = echo(V4, "greeting").await;
    let plan = tls_plan(Mode::Offload, &[member]);
    let profiles = material.profiles(Start::Implicit);
    let (fixture, mut events) = telling_with(plan, &profiles, Sessions::Close);
    let mut client = fixture.connect().await;
    client
        .write_all(b"EHLO client.example\r\n")
        .await
        .expect("write");
    let end = next(&mut events).await.end.expect("an end");
    assert_eq!(
        (end.result, &*end.member, end.tls),
        ("handshake_failed", "", "")
    );
}
