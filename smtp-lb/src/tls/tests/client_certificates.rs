//! Certificates of clients.

use rcgen::{KeyPair, SerialNumber};
use rustls::{CertificateError, Error};

use super::fixture::*;
use crate::config::plan::{CertificatePlan, ClientAuth, ClientAuthPlan, Verify};

/// What a server that asks for certificates says to a client that has this one.
fn attempt(
    site: &Site,
    mode: ClientAuth,
    crl: bool,
    own: Option<&CertificatePlan>,
) -> Result<bool, Error> {
    let mut plan = client_tls(vec![site.certificate("mx", &["mx.example.org"])]);
    plan.client_auth = Some(ClientAuthPlan {
        mode,
        ca: site.path("ca.pem"),
        crl: if crl {
            vec![site.crl("crl.pem", 666)]
        } else {
            vec![]
        },
    });
    let server = accepting(plan);
    let mut plan = site.server_tls(Verify::Full);
    plan.certificate = own.cloned();
    match shake(&connecting(plan), &server, "mx.example.org") {
        Ok(ends) => Ok(ends.server.peer_certificates().is_some()),
        Err(Failed::Server(error)) => Err(error),
        Err(Failed::Client(error)) => panic!("{error}"),
    }
}

#[test]
fn required_optional_and_revoked() {
    let (site, stranger) = (Site::new(), Site::new());
    let with_serial = |name, serial: u64| {
        site.certificate_with(name, &["client"], &KeyPair::generate().unwrap(), |params| {
            params.serial_number = Some(SerialNumber::from(serial));
        })
    };
    let good = with_serial("good", 1);
    let revoked = with_serial("revoked", 666);
    let foreign = stranger.certificate("foreign", &["client"]);
    let unknown = || Err(CertificateError::UnknownIssuer.into());
    let table = [
        (ClientAuth::Required, true, Some(&good), Ok(true)),
        (ClientAuth::Required, false, Some(&revoked), Ok(true)),
        (
            ClientAuth::Required,
            true,
            Some(&revoked),
            Err(CertificateError::Revoked.into()),
        ),
        (
            ClientAuth::Required,
            true,
            None,
            Err(Error::NoCertificatesPresented),
        ),
        (ClientAuth::Required, true, Some(&foreign), unknown()),
        (ClientAuth::Optional, true, None, Ok(false)),
        (ClientAuth::Optional, true, Some(&good), Ok(true)),
        (ClientAuth::Optional, true, Some(&foreign), unknown()),
        (
            ClientAuth::Optional,
            true,
            Some(&revoked),
            Err(CertificateError::Revoked.into()),
        ),
    ];
    for (mode, crl, own, expected) in table {
        assert_eq!(attempt(&site, mode, crl, own), expected, "{mode:?} {crl}");
    }
}
