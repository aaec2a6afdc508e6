//! The client's side of TLS, in this process: for tests that send exact octets.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::certs::Leaf;

/// An established session. Reading fails where the server ends it without `close_notify`.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Whom a client trusts, and as what it knows the server.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// Trusts the authorities in a PEM file, and wants a server of this name.
    pub fn new(ca: &Path, name: &str) -> Result<Self> {
        Self::build(ca, name, None, rustls::ALL_VERSIONS)
    }

    /// The same, and shows a certificate of its own if asked.
    pub fn with_certificate(ca: &Path, name: &str, own: &Leaf) -> Result<Self> {
        Self::build(ca, name, Some(own), rustls::ALL_VERSIONS)
    }

    /// The same as [`TlsClient::new`], with TLS 1.2 only.
    pub fn tls12(ca: &Path, name: &str) -> Result<Self> {
        Self::build(ca, name, None, &[&rustls::version::TLS12])
    }

    fn build(
        ca: &Path,
        name: &str,
        own: Option<&Leaf>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(ca)? {
            roots.add(authority?)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(
                CertificateDer::pem_file_iter(&own.chain)?.collect::<Result<_, _>>()?,
                PrivateKeyDer::from_pem_file(&own.key)?,
            )?,
        };
        Ok(Self {
            config: Arc::new(config),
            name: ServerName::try_from(name.to_owned())?,
        })
    }

    /// Offers these protocols by ALPN (RFC 7301).
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        self
    }

    /// Does the handshake over a connection.
    pub fn handshake(&self, mut socket: TcpStream) -> Result<TlsStream> {
        let mut connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone())?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).context("handshake")?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

/// The certificate that the server showed.
#[must_use]
pub fn shown(stream: &TlsStream) -> Option<Vec<u8>> {
    Some(stream.conn.peer_certificates()?.first()?.to_vec())
}
