//! TLS on either side, with rustls's own connections as peers.

mod faults;
mod handshake;
mod identity;
pub(super) mod peer;
mod relay;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::super::*;
use super::fixture::{Fixture, V4, plan_for};
use crate::config::plan::{ClientTlsId, Mode, ServerTlsId, Start};
use crate::tls::{Acceptor, Connector};

/// A certificate for `localhost` and 127.0.0.1, and who trusts it.
pub(super) struct Material {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Material {
    pub(super) fn new() -> Self {
        Self::of(rustls::DEFAULT_VERSIONS)
    }

    pub(super) fn of(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("certificate");
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let mut server = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))
            .expect("server");
        server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().expect("ticketer");
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("root");
        let client = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }

    pub(super) fn profiles(&self, start: Start) -> Profiles {
        let connector = Connector::new(Arc::clone(&self.client), start, None);
        Profiles::new(
            vec![Arc::new(Acceptor::new(Arc::clone(&self.server)))],
            vec![Arc::new(connector)],
        )
    }
}

/// TLS towards clients, TLS towards members.
fn legs(mode: Mode) -> (bool, bool) {
    match mode {
        Mode::Offload => (true, false),
        Mode::Bridge => (true, true),
        Mode::EncryptServerSide => (false, true),
        Mode::Plain | Mode::Passthrough | Mode::StartTls => (false, false),
    }
}

pub(super) fn tls_plan(mode: Mode, members: &[SocketAddr]) -> Plan {
    let mut plan = plan_for(&[V4], members);
    let server = &mut plan.virtual_servers[0];
    let (client, member) = legs(mode);
    server.mode = mode;
    server.client_tls = client.then_some(ClientTlsId(0));
    server.server_tls = member.then_some(ServerTlsId(0));
    plan
}

fn start(mode: Mode, material: &Material, members: &[SocketAddr]) -> Fixture {
    Fixture::with(
        &tls_plan(mode, members),
        &material.profiles(Start::Implicit),
        AllowAll,
    )
}

pub(super) fn until(fixture: &Fixture, wanted: impl Fn(&VirtualServerStatus) -> bool) {
    let begun = Instant::now();
    while !wanted(&fixture.status()) {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "not reached: {:?}",
            fixture.status()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
