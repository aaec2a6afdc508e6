//! What clients are given.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls::{
    AlertDescription, ClientConfig, Error, HandshakeKind, NamedGroup, ProtocolVersion,
    ServerConnection,
};

use super::fixture::*;
use crate::config::plan::{CipherSuite, Group, Resumption, TlsVersion, Verify};

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let site = Site::new();
    let first = site.certificate("first", &["mx.example.org"]);
    let mut wild = site.certificate("wild", &["*.example.net", "mail.example.com"]);
    let exact = site.certificate("exact", &["one.example.net"]);
    let mut given = site.certificate("given", &["mx.given.example"]);
    given.names = vec!["mx.given.example".to_owned()];
    wild.names.clear();
    let plans = [first.clone(), wild.clone(), exact.clone(), given.clone()];
    let server = accepting(client_tls(plans.to_vec()));
    let client = connecting(site.server_tls(Verify::Ca));
    let table = [
        ("mx.example.org", &first),
        ("MX.Example.ORG", &first),
        ("two.example.net", &wild),
        ("mail.example.com", &wild),
        ("one.example.net", &exact),
        ("mx.given.example", &given),
        // One label, and one at least.
        ("a.b.example.net", &first),
        ("example.net", &first),
        ("unknown.example", &first),
        // No SNI at all.
        ("192.0.2.1", &first),
    ];
    for (name, expected) in table {
        let ends = shaken(&client, &server, name);
        assert!(ends.shown() == leaf(expected), "{name}");
    }
}

#[test]
fn of_one_name_the_client_gets_the_kind_of_key_that_it_knows() {
    let site = Site::new();
    let ecdsa = site.certificate("ecdsa", &["mx.example.org"]);
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let rsa = site.certificate_with("rsa", &["mx.example.org"], &key, |_| {});
    let server = accepting(client_tls(vec![ecdsa.clone(), rsa.clone()]));
    for (suite, expected) in [
        (CipherSuite::EcdheEcdsaAes128GcmSha256, &ecdsa),
        (CipherSuite::EcdheRsaAes128GcmSha256, &rsa),
    ] {
        let mut plan = site.server_tls(Verify::Full);
        plan.cipher_suites = vec![suite];
        // With and without a name.
        for name in ["mx.example.org", "other.example.org"] {
            plan.verify = Verify::Ca;
            let client = connecting(plan.clone());
            let ends = shaken(&client, &server, name);
            assert_eq!(
                ends.client.protocol_version(),
                Some(ProtocolVersion::TLSv1_2)
            );
            assert!(ends.shown() == leaf(expected), "{suite:?} {name}");
        }
    }
}

#[test]
fn all_kinds_of_keys_and_their_forms() {
    let site = Site::new();
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_RSA_SHA256, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let plan = site.certificate_with("key", &["mx.example.org"], &key, |_| {});
        let server = accepting(client_tls(vec![plan]));
        let client = connecting(site.server_tls(Verify::Full));
        shaken(&client, &server, "mx.example.org");
    }
    for form in ["pkcs8.pem", "sec1.pem"] {
        let mut plan = site.certificate("mx", &["mx.example.org"]);
        plan.chain = data("certificate.pem");
        plan.key = crate::config::plan::Secret::File(data(form));
        accepting(client_tls(vec![plan]));
    }
}

#[test]
fn versions_are_1_2_and_1_3_and_no_less_than_asked() {
    let site = Site::new();
    let certificate = site.certificate("mx", &["mx.example.org"]);
    let mut plan = client_tls(vec![certificate]);
    let both = accepting(plan.clone());
    plan.min_version = TlsVersion::V1_3;
    let newest = accepting(plan);
    let client = connecting(site.server_tls(Verify::Full));
    let mut old = site.server_tls(Verify::Full);
    old.cipher_suites
        .retain(|suite| *suite == CipherSuite::EcdheEcdsaAes256GcmSha384);
    let old = connecting(old);

    let version = |ends: Ends| ends.server.protocol_version();
    let name = "mx.example.org";
    assert_eq!(
        version(shaken(&client, &both, name)),
        Some(ProtocolVersion::TLSv1_3)
    );
    assert_eq!(
        version(shaken(&client, &newest, name)),
        Some(ProtocolVersion::TLSv1_3)
    );
    assert_eq!(
        version(shaken(&old, &both, name)),
        Some(ProtocolVersion::TLSv1_2)
    );
    assert!(matches!(shake(&old, &newest, name), Err(Failed::Server(_))));
}

/// Point 7 of the notes.
#[test]
fn a_client_that_names_protocols_must_name_smtp() {
    let site = Site::new();
    let server = accepting(client_tls(vec![
        site.certificate("mx", &["mx.example.org"]),
    ]));
    let with = |protocols: &[&str]| {
        let mut config = ClientConfig::clone(&connecting(site.server_tls(Verify::Full)));
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        shake(&Arc::new(config), &server, "mx.example.org")
    };
    assert!(with(&[]).is_ok());
    let ends = with(&["h2", "smtp"]).unwrap_or_else(|failed| panic!("{failed:?}"));
    assert_eq!(ends.server.alpn_protocol(), Some(&b"smtp"[..]));
    for wrong in [&["h2", "http/1.1"][..], &["ftp"], &["SMTP"]] {
        let failed = with(wrong).err().expect("refused");
        assert!(
            matches!(failed, Failed::Server(Error::NoApplicationProtocol)),
            "{failed:?}"
        );
    }
}

#[test]
fn suites_and_groups_are_those_of_the_profile_in_its_order() {
    let site = Site::new();
    let mut plan = client_tls(vec![site.certificate("mx", &["mx.example.org"])]);
    let client = connecting(site.server_tls(Verify::Full));
    let name = "mx.example.org";
    let group = |ends: &Ends| ends.server.negotiated_key_exchange_group().unwrap().name();

    let ends = shaken(&client, &accepting(plan.clone()), name);
    assert_eq!(group(&ends), NamedGroup::X25519MLKEM768);
    assert_eq!(ends.server.handshake_kind(), Some(HandshakeKind::Full));
    let chosen = |ends: &Ends| {
        format!(
            "{:?}",
            ends.server.negotiated_cipher_suite().unwrap().suite()
        )
    };
    assert_eq!(chosen(&ends), "TLS13_AES_128_GCM_SHA256");

    plan.groups = vec![Group::Secp384r1];
    // The client would rather have AES-128.
    plan.cipher_suites = vec![
        CipherSuite::Tls13Chacha20Poly1305Sha256,
        CipherSuite::Tls13Aes128GcmSha256,
    ];
    let ends = shaken(&client, &accepting(plan), name);
    assert_eq!(group(&ends), NamedGroup::secp384r1);
    assert_eq!(chosen(&ends), "TLS13_CHACHA20_POLY1305_SHA256");
}

#[test]
fn sessions_are_resumed_by_tickets_unless_off() {
    let site = Site::new();
    let mut plan = client_tls(vec![site.certificate("mx", &["mx.example.org"])]);
    let kind = |client: &_, server: &_| {
        let ends = shaken(client, server, "mx.example.org");
        ends.server.handshake_kind().unwrap()
    };
    for suites in [
        SUITES.to_vec(),
        vec![CipherSuite::EcdheEcdsaAes128GcmSha256],
    ] {
        let client = || {
            let mut plan = site.server_tls(Verify::Full);
            plan.cipher_suites.clone_from(&suites);
            connecting(plan)
        };
        plan.resumption = Resumption::Tickets(Duration::from_hours(12));
        let (with, server) = (client(), accepting(plan.clone()));
        assert_eq!(kind(&with, &server), HandshakeKind::Full);
        assert_eq!(kind(&with, &server), HandshakeKind::Resumed);
        // Each making has keys of its own.
        assert_eq!(kind(&with, &accepting(plan.clone())), HandshakeKind::Full);

        plan.resumption = Resumption::Off;
        let (with, server) = (client(), accepting(plan.clone()));
        assert_eq!(kind(&with, &server), HandshakeKind::Full);
        assert_eq!(kind(&with, &server), HandshakeKind::Full);
        assert!(!server.session_storage.can_cache() && !server.ticketer.enabled());
        assert_eq!(server.send_tls13_tickets, 0);
    }
    plan.resumption = Resumption::Tickets(Duration::from_hours(12));
    let mut forgetful = site.server_tls(Verify::Full);
    forgetful.resumption = false;
    let (without, server) = (connecting(forgetful), accepting(plan));
    assert_eq!(kind(&without, &server), HandshakeKind::Full);
    assert_eq!(kind(&without, &server), HandshakeKind::Full);
    assert_eq!(server.max_early_data_size, 0);
}

#[test]
fn the_ocsp_response_is_stapled() {
    let site = Site::new();
    let mut certificate = site.certificate("mx", &["mx.example.org"]);
    certificate.chain = data("certificate.pem");
    certificate.key = crate::config::plan::Secret::File(data("pkcs8.pem"));
    for (file, stapled) in [
        (Some("ocsp.der"), true),
        (Some("ocsp-endless.der"), true),
        (None, false),
    ] {
        certificate.ocsp = file.map(data);
        let server = accepting(client_tls(vec![certificate.clone()]));
        let seen = Arc::new(Seen::default());
        let mut client = ClientConfig::clone(&connecting(site.server_tls(Verify::None)));
        client
            .dangerous()
            .set_certificate_verifier(Arc::clone(&seen) as _);
        let _ = shake(&Arc::new(client), &server, "mx.example.org");
        let expected = file.map(|file| std::fs::read(data(file)).unwrap());
        assert_eq!(seen.take(), expected.unwrap_or_default(), "{stapled}");
    }
}

/// Notes the OCSP response and accepts nobody.
#[derive(Debug, Default)]
struct Seen(std::sync::Mutex<Vec<u8>>);

impl Seen {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl rustls::client::danger::ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        ocsp: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, Error> {
        *self.0.lock().unwrap() = ocsp.to_vec();
        Err(Error::General("seen".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Err(Error::General("seen".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Err(Error::General("seen".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![
            rustls::SignatureScheme::ECDSA_NISTP256_SHA256,
            rustls::SignatureScheme::ED25519,
        ]
    }
}

#[test]
fn alerts_reach_the_other_end_as_such() {
    // What the helper calls a failure of the server is an alert to the client.
    let site = Site::new();
    let server = accepting(client_tls(vec![
        site.certificate("mx", &["mx.example.org"]),
    ]));
    let mut config = ClientConfig::clone(&connecting(site.server_tls(Verify::Full)));
    config.alpn_protocols = vec![b"imap".to_vec()];
    let name = "mx.example.org".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets().unwrap_err();
    let mut wire = Vec::new();
    server.write_tls(&mut wire).unwrap();
    client.read_tls(&mut wire.as_slice()).unwrap();
    let error = client.process_new_packets().unwrap_err();
    assert_eq!(
        error,
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    );
    assert_eq!(client.reader().read(&mut [0]).ok(), None);
}
