//! TLS of the two ends: 1.3, P-256, X25519 and AES-128-GCM, whoever stands between.

use std::fmt;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::{Args, ValueEnum};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, Connection, NamedGroup, RootCertStore, ServerConfig,
    ServerConnection,
};

/// The name in the certificate.
pub(crate) const NAME: &str = "mail.example";

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Start {
    /// With the connection.
    Implicit,
    /// When the client asks for it.
    Starttls,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What the generator takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClientOptions {
    /// When to begin TLS; without it there is none
    #[arg(long, requires = "ca")]
    pub(crate) tls: Option<Start>,
    /// Certificate of the authority that the server's must be from
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// Take up earlier TLS sessions
    #[arg(long)]
    pub(crate) resume: bool,
}

/// What the sink takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServerOptions {
    /// When to begin TLS; without it there is none
    #[arg(long, requires_all = ["certificate", "key"])]
    pub(crate) tls: Option<Start>,
    /// Our certificate
    #[arg(long)]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
}

/// Begins TLS as a client.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// When.
    pub(crate) start: Start,
}

impl Client {
    /// `None` without TLS.
    pub(crate) fn new(options: &ClientOptions) -> Result<Option<Self>> {
        let (Some(start), Some(ca)) = (options.tls, &options.ca) else {
            return Ok(None);
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(Error::other)?;
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = if options.resume {
            Resumption::store(Arc::new(Tickets::default()))
        } else {
            Resumption::disabled()
        };
        Ok(Some(Self {
            config: Arc::new(config),
            name: ServerName::try_from(NAME).map_err(Error::other)?,
            start,
        }))
    }

    /// A connection at its beginning.
    pub(crate) fn begin(&self) -> Result<Connection> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        Ok(connection.map_err(Error::other)?.into())
    }
}

/// Begins TLS as a server. Sessions are never taken up.
pub(crate) struct Server {
    config: Arc<ServerConfig>,
    /// When.
    pub(crate) start: Start,
}

impl Server {
    /// `None` without TLS.
    pub(crate) fn new(options: &ServerOptions) -> Result<Option<Self>> {
        let (Some(start), Some(certificate), Some(key)) =
            (options.tls, &options.certificate, &options.key)
        else {
            return Ok(None);
        };
        let key = PrivateKeyDer::from_pem_file(key).map_err(Error::other)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(Error::other)?
            .with_no_client_auth()
            .with_single_cert(certificates(certificate)?, key)
            .map_err(Error::other)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Some(Self {
            config: Arc::new(config),
            start,
        }))
    }

    /// A connection at its beginning.
    pub(crate) fn begin(&self) -> Result<Connection> {
        let connection = ServerConnection::new(Arc::clone(&self.config));
        Ok(connection.map_err(Error::other)?.into())
    }
}

/// One suite and one group, so that no proxy has a choice.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    certificates.map_err(|error| Error::other(format!("{}: {error}", path.display())))
}

/// Keeps every ticket until it is used. The store of rustls keeps eight, too few for many
/// sessions that begin at once.
#[derive(Debug, Default)]
struct Tickets(Mutex<Vec<Tls13ClientSessionValue>>);

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, Vec<Tls13ClientSessionValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Tickets {
    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.lock().push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().pop()
    }

    // There is one group, and no TLS 1.2.
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
}
