//! TLS of a probe.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Cause, Subject};
use crate::config::plan::MonitorTlsPlan;

/// For monitors without a profile: as `curl -k`, any certificate will do.
static LENIENT: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Anybody(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Some(Arc::new(builder.with_no_client_auth()))
});

/// Shakes hands over `stream`.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    plan: MonitorTlsPlan,
    subject: &Subject,
) -> Result<TlsStream<S>, Cause> {
    let (host, ip) = (subject.host.as_deref(), subject.address.ip());
    let (config, name) = if let Some(id) = plan.profile {
        let profile = subject.tls.server(id);
        (profile.config(), profile.server_name(host, ip))
    } else {
        let config = LENIENT.clone();
        let config = config.ok_or_else(|| Cause::Tls("no TLS is to be had".to_owned()))?;
        (config, server_name(host, ip))
    };
    TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| Cause::tls(&error))
}

fn server_name(host: Option<&str>, ip: IpAddr) -> ServerName<'static> {
    host.and_then(|host| DnsName::try_from(host.to_owned()).ok())
        .map_or_else(|| ServerName::IpAddress(ip.into()), ServerName::DnsName)
}

/// What was agreed on, for people.
pub(super) fn agreed(session: &ClientConnection) -> String {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = session.negotiated_cipher_suite();
    let suite = suite
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("?");
    format!("{version}, {suite}")
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
