//! What members must prove.

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{KeyPair, PublicKeyData, date_time_ymd};
use rustls::{CertificateError, Error};

use super::fixture::*;
use crate::config::plan::{CertificatePlan, Verify};

fn attempt(site: &Site, verify: Verify, shown: &CertificatePlan, name: &str) -> Result<(), Error> {
    let client = connecting(site.server_tls(verify));
    let mut plan = client_tls(vec![shown.clone()]);
    plan.resumption = crate::config::plan::Resumption::Off;
    let server = accepting(plan);
    match shake(&client, &server, name) {
        Ok(_) => Ok(()),
        Err(Failed::Client(error)) => Err(error),
        Err(Failed::Server(error)) => panic!("{error}"),
    }
}

#[test]
fn each_mode_verifies_what_it_says_and_no_more() {
    let (site, stranger) = (Site::new(), Site::new());
    let key = KeyPair::generate().unwrap();
    let pin = digest(&SHA256, &key.subject_public_key_info());
    let pins = || Verify::Pinned(vec![[0; 32], pin.as_ref().try_into().unwrap()]);
    let good = site.certificate_with("good", &["mx.example.org"], &key, |_| {});
    let foreign = stranger.certificate("foreign", &["mx.example.org"]);
    let (right, wrong) = ("mx.example.org", "mx.example.net");
    let table = [
        // Mode, certificate, name; accepted.
        (Verify::Full, &good, right, true),
        (Verify::Full, &good, wrong, false),
        (Verify::Full, &good, "192.0.2.1", false),
        (Verify::Full, &foreign, right, false),
        (Verify::Ca, &good, right, true),
        (Verify::Ca, &good, wrong, true),
        (Verify::Ca, &good, "192.0.2.1", true),
        (Verify::Ca, &foreign, right, false),
        (pins(), &good, wrong, true),
        (pins(), &foreign, right, false),
        (Verify::None, &good, wrong, true),
        (Verify::None, &foreign, wrong, true),
    ];
    for (verify, shown, name, accepted) in table {
        let told = format!("{verify:?} {name}");
        let result = attempt(&site, verify, shown, name);
        assert_eq!(result.is_ok(), accepted, "{told}: {result:?}");
        assert!(
            matches!(result, Ok(()) | Err(Error::InvalidCertificate(_))),
            "{told}: {result:?}"
        );
    }
    let error = attempt(&site, Verify::Ca, &foreign, right).unwrap_err();
    assert_eq!(error, CertificateError::UnknownIssuer.into());
}

#[test]
fn a_certificate_whose_time_is_over_fails_by_chain_and_not_by_pin() {
    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    let pin = digest(&SHA256, &key.subject_public_key_info());
    let pin = Verify::Pinned(vec![pin.as_ref().try_into().unwrap()]);
    let old = site.certificate_with("old", &["mx.example.org"], &key, |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    // We would not load such a one ourselves.
    let chain = std::sync::Arc::new(
        rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf(&old).into()], {
            use rustls::pki_types::PrivateKeyDer;
            use rustls::pki_types::pem::PemObject;
            PrivateKeyDer::from_pem_file(site.path("old.key")).unwrap()
        })
        .unwrap(),
    );
    for (verify, accepted) in [
        (Verify::Full, false),
        (Verify::Ca, false),
        (pin, true),
        (Verify::None, true),
    ] {
        let client = connecting(site.server_tls(verify.clone()));
        let result = shake(&client, &chain, "mx.example.org");
        assert_eq!(result.is_ok(), accepted, "{verify:?}");
    }
}

/// A pinned key must be had, not only shown: its certificate is no secret.
#[test]
fn the_signature_of_the_handshake_is_verified_in_every_mode() {
    use std::sync::Arc;

    use rustls::server::ResolvesServerCert;
    use rustls::sign::CertifiedKey;

    #[derive(Debug)]
    struct Thief(Arc<CertifiedKey>);
    impl ResolvesServerCert for Thief {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    let pin = digest(&SHA256, &key.subject_public_key_info());
    let pin = Verify::Pinned(vec![pin.as_ref().try_into().unwrap()]);
    let good = site.certificate_with("good", &["mx.example.org"], &key, |_| {});
    let other = site.certificate("other", &["mx.example.org"]);
    let stolen = super::super::key::load(&other.key, None).unwrap().signing;
    let thief = Thief(Arc::new(CertifiedKey::new(
        vec![leaf(&good).into()],
        stolen,
    )));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Thief(Arc::clone(&thief.0))));
        let server = Arc::new(server);
        for verify in [Verify::Full, Verify::Ca, pin.clone(), Verify::None] {
            let client = connecting(site.server_tls(verify.clone()));
            let failed = shake(&client, &server, "mx.example.org").err();
            let bad = Error::InvalidCertificate(CertificateError::BadSignature);
            assert!(
                matches!(&failed, Some(Failed::Client(e)) if *e == bad),
                "{verify:?} {failed:?}"
            );
        }
    }
}

#[test]
fn the_name_is_the_profiles_else_the_members() {
    let site = Site::new();
    let mut plan = site.server_tls(Verify::Full);
    let address = "192.0.2.1".parse().unwrap();
    let name = |plan, host| {
        let (profiles, _) = load(&[], &[plan]).unwrap();
        profiles.servers[0]
            .server_name(host, address)
            .to_str()
            .into_owned()
    };
    assert_eq!(name(plan.clone(), None), "192.0.2.1");
    assert_eq!(
        name(plan.clone(), Some("mail.example.org")),
        "mail.example.org"
    );
    plan.server_name = Some("inside.example.org".to_owned());
    assert_eq!(
        name(plan.clone(), Some("mail.example.org")),
        "inside.example.org"
    );
    assert_eq!(name(plan, None), "inside.example.org");
}

#[test]
fn a_server_that_signed_itself_can_be_the_authority() {
    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["mx.example.org".to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap();
    let mut certificate = site.certificate("own", &[]);
    certificate.chain = site.write("own.pem", own.pem());
    certificate.key = crate::config::plan::Secret::File(site.write("own.key", key.serialize_pem()));
    let server = accepting(client_tls(vec![certificate]));
    let mut plan = site.server_tls(Verify::Full);
    plan.ca = Some(site.path("own.pem"));
    shaken(&connecting(plan), &server, "mx.example.org");
}
