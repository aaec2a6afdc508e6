//! TLS towards members: `[[server_tls]]` to a configuration of rustls.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{DnsName, ServerName};
use rustls::sign::SingleCertAndKey;

use super::certificate;
use super::error::Fault;
use super::make::{Made, Making, certificate_paths};
use super::provider::{provider, versions};
use super::verify::{anybody, verifier};
use crate::config::plan::{ServerTlsPlan, Start};

/// A server profile in force: we are the client.
#[derive(Debug)]
pub struct Connector {
    config: ArcSwap<ClientConfig>,
    start: Start,
    server_name: Option<DnsName<'static>>,
}

impl Connector {
    /// With this configuration for now.
    #[must_use]
    pub fn new(
        config: Arc<ClientConfig>,
        start: Start,
        server_name: Option<DnsName<'static>>,
    ) -> Self {
        Self {
            config: ArcSwap::new(config),
            start,
            server_name,
        }
    }

    /// Any certificate will do, as with `curl -k`: for probes that name no profile.
    pub(crate) fn lenient() -> Result<Self, rustls::Error> {
        let provider = Arc::new(default_provider());
        let verifier = anybody(&provider);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self::new(Arc::new(config), Start::Implicit, None))
    }

    /// For one handshake.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config.load_full()
    }

    /// From the next handshake on.
    pub(super) fn replace(&self, config: Arc<ClientConfig>) {
        self.config.store(config);
    }

    /// How TLS begins.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// Whom to expect at a member with this host name and address.
    #[must_use]
    pub fn server_name(&self, host: Option<&str>, address: IpAddr) -> ServerName<'static> {
        let named = host.and_then(|host| DnsName::try_from(host.to_owned()).ok());
        match self.server_name.clone().or(named) {
            Some(name) => ServerName::DnsName(name),
            None => ServerName::IpAddress(address.into()),
        }
    }
}

/// All files that a profile names.
pub(super) fn files(plan: &ServerTlsPlan) -> Vec<PathBuf> {
    let mut files: Vec<_> = plan
        .certificate
        .iter()
        .flat_map(certificate_paths)
        .collect();
    files.extend(plan.ca.clone());
    files
}

/// The name of a profile, which its check has found to be one.
pub(super) fn server_name(plan: &ServerTlsPlan) -> Result<Option<DnsName<'static>>, Fault> {
    let name = plan.server_name.clone().map(DnsName::try_from).transpose();
    name.map_err(|_| Fault::Unusable("server_name is no DNS name".to_owned()))
}

/// Reads a profile's files.
pub(super) fn make(plan: &ServerTlsPlan, making: &mut Making) -> Option<Made<ClientConfig>> {
    let now = making.now;
    let provider = provider(&plan.cipher_suites, &plan.groups);
    let verifier = making.take(|_| verifier(plan, &provider));
    let own = plan.certificate.as_ref().map(|planned| {
        certificate::load(planned, now, &mut |key, notice| making.warn(key, notice))
    });
    let own = match own.transpose() {
        Ok(own) => own,
        Err(flaws) => {
            making.fail(flaws);
            None
        }
    };
    let verifier = verifier.filter(|_| !making.has_failed())?;

    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(plan.min_version));
    let builder = making
        .take(|_| builder.map_err(|e| Fault::Unusable(e.to_string()).of("cipher_suites")))?
        // Not as dangerous as its name: what it verifies is what the profile asks for.
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &own {
        Some(own) => {
            let own = SingleCertAndKey::from(Arc::clone(&own.certified));
            builder.with_client_cert_resolver(Arc::new(own))
        }
        None => builder.with_no_client_auth(),
    };
    if !plan.resumption {
        config.resumption = Resumption::disabled();
    }
    Some(Made {
        config: Arc::new(config),
        certificates: own.map(|own| own.facts).into_iter().collect(),
        staple_until: None,
    })
}

/// For a client of servers on the Internet: trusts the authorities in a file, or the system's.
pub(crate) fn trusting(ca: Option<&std::path::Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca {
        Some(path) => super::authority::roots(path),
        None => super::authority::system(),
    };
    let roots = roots.map_err(|fault| fault.to_string())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}
