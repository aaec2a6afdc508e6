//! TLS towards clients: `[[client_tls]]` to a configuration of rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::error::{Fault, Flaw, Notice, Origin};
use super::make::{Made, Making, certificate_paths};
use super::provider::{provider, versions};
use super::resolver::Resolver;
use super::tickets::Tickets;
use super::{authority, certificate};
use crate::config::plan::{ClientAuth, ClientTlsPlan, Resumption};

/// The name of our protocol in ALPN, where a client names any.
const ALPN: &[u8] = b"smtp";

/// A client profile in force: we are the server.
#[derive(Debug)]
pub struct Acceptor {
    config: ArcSwap<ServerConfig>,
}

impl Acceptor {
    /// With this configuration for now.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config: ArcSwap::new(config),
        }
    }

    /// For one handshake.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// From the next handshake on.
    pub(super) fn replace(&self, config: Arc<ServerConfig>) {
        self.config.store(config);
    }
}

/// All files that a profile names.
pub(super) fn files(plan: &ClientTlsPlan) -> Vec<PathBuf> {
    let mut files: Vec<_> = plan
        .certificates
        .iter()
        .flat_map(certificate_paths)
        .collect();
    if let Some(auth) = &plan.client_auth {
        files.push(auth.ca.clone());
        files.extend_from_slice(&auth.crl);
    }
    files
}

/// Reads a profile's files. With each making ticket keys are new, so that nothing that was
/// granted under the old files outlives them.
pub(super) fn make(plan: &ClientTlsPlan, making: &mut Making) -> Option<Made<ServerConfig>> {
    let now = making.now;
    let provider = provider(&plan.cipher_suites, &plan.groups);
    let mut certificates = Vec::new();
    let mut facts = Vec::new();
    let mut staple_until: Option<SystemTime> = None;
    for (at, planned) in plan.certificates.iter().enumerate() {
        making.certificate_for = at.checked_sub(1);
        let loaded = certificate::load(planned, now, &mut |key, notice| making.warn(key, notice));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(flaws) => {
                making.fail(flaws);
                continue;
            }
        };
        if loaded.names.is_empty() && at > 0 {
            let file = Origin::from(planned.chain.as_path());
            making.warn("certificate", Notice::NeverChosen(file));
        }
        staple_until = [staple_until, loaded.staple_until]
            .into_iter()
            .flatten()
            .min();
        certificates.push((loaded.certified, loaded.names));
        facts.push(loaded.facts);
    }
    making.certificate_for = None;
    let verifier = making.take(|warn| verifier(plan, &provider, now, warn));
    // Whatever failed was noted.
    let verifier = verifier.filter(|_| !making.has_failed())?;

    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(plan.min_version));
    let builder = making.take(|_| builder.map_err(|e| unusable(&e, "cipher_suites")))?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Resolver::new(certificates)));
    // The order of the profile counts, not the client's.
    config.ignore_client_order = true;
    // A client that names protocols and not this one is refused (ALPACA); one that names none,
    // as most mail servers, is not.
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if let Resumption::Tickets(life) = plan.resumption {
        let tickets =
            making.take(|_| Tickets::new(life).map_err(|e| unusable(&e, "resumption")))?;
        config.ticketer = Arc::new(tickets);
        // Clients of mail use one and ask for more when they come again.
        config.send_tls13_tickets = 1;
    }
    Some(Made {
        config: Arc::new(config),
        certificates: facts,
        staple_until,
    })
}

fn verifier(
    plan: &ClientTlsPlan,
    provider: &Arc<rustls::crypto::CryptoProvider>,
    now: SystemTime,
    warn: &mut dyn FnMut(&'static str, Notice),
) -> Result<Arc<dyn ClientCertVerifier>, Flaw> {
    let Some(auth) = &plan.client_auth else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let roots = authority::roots(&auth.ca).map_err(|fault| fault.of("client_ca"))?;
    let crls = authority::crls(&auth.crl, now, warn).map_err(|fault| fault.of("client_crl"))?;
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).with_crls(crls);
    if auth.mode == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|_| {
        // The authorities are sound, so that only a list can be at fault.
        let path = auth.crl.first().map_or(Path::new(""), PathBuf::as_path);
        Fault::BadCrl(path.into()).of("client_crl")
    })
}

fn unusable(error: &dyn std::error::Error, key: &'static str) -> Flaw {
    Fault::Unusable(error.to_string()).of(key)
}
