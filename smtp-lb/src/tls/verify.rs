//! What a member must prove.
//!
//! Whatever is left out, the signature of the handshake is verified always: whoever shows a
//! certificate has its key.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::authority;
use super::error::{Fault, Flaw};
use crate::config::plan::{ServerTlsPlan, Verify};

/// The verifier that a profile asks for.
pub(super) fn verifier(
    plan: &ServerTlsPlan,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Flaw> {
    let roots = || match &plan.ca {
        Some(path) => authority::roots(path).map_err(|fault| fault.of("ca")),
        None => authority::system().map_err(|fault| fault.of("ca")),
    };
    let proof = match &plan.verify {
        Verify::Full => {
            let provider = Arc::clone(provider);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots()?, provider);
            let verifier = verifier.build();
            return match verifier {
                Ok(verifier) => Ok(verifier),
                Err(error) => Err(Fault::Unusable(error.to_string()).of("verify")),
            };
        }
        Verify::Ca => Proof::Chain(roots()?),
        Verify::Pinned(pins) => Proof::Key(pins.clone()),
        Verify::None => Proof::Nothing,
    };
    Ok(Arc::new(Lenient {
        proof,
        provider: Arc::clone(provider),
    }))
}

/// Takes any certificate.
pub(super) fn anybody(provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Lenient {
        proof: Proof::Nothing,
        provider: Arc::clone(provider),
    })
}

/// Verifies less than chain and name.
#[derive(Debug)]
struct Lenient {
    proof: Proof,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Proof {
    /// Signed by one of these, whatever the name.
    Chain(Arc<RootCertStore>),
    /// SHA-256 of the key is one of these, whoever signed it and when.
    Key(Vec<[u8; 32]>),
    Nothing,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.proof {
            Proof::Chain(roots) => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(certificate)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?,
            Proof::Key(pins) => {
                let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
                let hash = digest(&SHA256, &key);
                if !pins.iter().any(|pin| pin == hash.as_ref()) {
                    return Err(CertificateError::ApplicationVerificationFailure.into());
                }
            }
            Proof::Nothing => {}
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
