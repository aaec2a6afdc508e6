//! Within TLS a collector says that it has read all, by `close_notify` of its own (RFC 5425, 4.4).

use arc_swap::ArcSwap;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::collector::{listen, parse};
use super::*;
use crate::config::plan::{DiskPlan, ServerTlsId, Start};
use crate::tls::Connector;

/// A collector's end, and the profiles of those that trust it.
fn ends() -> (TlsAcceptor, Arc<ArcSwap<Profiles>>) {
    let made = rcgen::generate_simple_self_signed(["logs.example".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Connector::new(Arc::new(client), Start::Implicit, None);
    let profiles = Profiles::new(Vec::new(), vec![Arc::new(connector)]);
    (
        TlsAcceptor::from(Arc::new(server)),
        Arc::new(ArcSwap::from_pointee(profiles)),
    )
}

fn plan(address: SocketAddr, folder: &std::path::Path) -> DestinationPlan {
    let transport = Transport::Tls(Framing::Newline, ServerTlsId(0));
    let mut plan = syslog(address, transport, 10_000);
    if let DestinationKind::Syslog { collectors, .. } = &mut plan.kind {
        *collectors = CollectorsPlan::one(address, Some("logs.example".to_owned()));
    }
    plan.disk = Some(DiskPlan {
        folder: folder.join("queue"),
        size: 16 << 20,
        age: None,
        confirm: Some(Duration::from_millis(50)),
    });
    plan
}

/// Reads a connection to its end, and closes it, with a word or without.
async fn collect(listener: &TcpListener, acceptor: &TlsAcceptor, politely: bool) -> Vec<usize> {
    let (socket, _) = listener.accept().await.unwrap();
    let mut stream = acceptor.accept(socket).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    if politely {
        stream.shutdown().await.unwrap();
    }
    // All is read, so that the kernel ends it by a FIN.
    text.lines().map(|line| parse(line).number).collect()
}

#[tokio::test]
async fn a_collector_that_is_killed_with_what_it_read_gets_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let listener = listen(address);
    let (acceptor, profiles) = ends();
    let plan = plan(address, folder.path());
    let destination = Ready::prepare(&plan, QUICK, &profiles)
        .unwrap()
        .start(&Arc::default());
    offer(&destination, 0..100);
    for round in 0..2 {
        let numbers = collect(&listener, &acceptor, false).await;
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        let error = until("the end is noticed", || {
            let status = destination.status();
            assert_eq!(status.sent, 0, "nobody said that it has them");
            status.last_error.filter(|_| status.failures > round)
        })
        .await;
        assert!(error.contains("without close_notify"), "{error}");
    }
    let numbers = collect(&listener, &acceptor, true).await;
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    until_sent(&destination, 100).await;
    destination
        .finish(Instant::now() + Duration::from_secs(10))
        .await;
    assert_eq!(destination.status().lost.total(), 0);
}
