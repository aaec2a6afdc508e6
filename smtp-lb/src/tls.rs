//! TLS: from profiles in the plan to what handshakes are made with.
//!
//! A profile's files can change while it is in force; who shakes hands asks for the
//! configuration anew each time. What is read here is never shown: texts name files only.

mod acceptor;
mod authority;
mod certificate;
mod connector;
mod error;
mod expiry;
mod key;
mod make;
mod ocsp;
mod pem;
mod profile;
mod provider;
mod resolver;
mod stamp;
mod status;
mod tickets;
mod verify;
mod watch;

#[cfg(test)]
mod tests;

/// Largest key, certificate chain, OCSP response or passphrase, in octets.
const SMALL: u64 = 1024 * 1024;
/// Largest file of authorities or of revocations, in octets.
const LARGE: u64 = 64 * 1024 * 1024;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub(crate) use connector::trusting;
pub use error::{Fault, Notice, Origin, TlsError, Unreadable, Warning};
pub use status::{CertificateStatus, ProfileStatus};
pub(crate) use watch::Watch;

use crate::config::plan::{ClientTlsId, Plan, ServerTlsId};
use make::Making;
use profile::{News, Profile};

/// All profiles of one plan.
#[derive(Debug, Default)]
pub struct Profiles {
    clients: Vec<Arc<Acceptor>>,
    servers: Vec<Arc<Connector>>,
    /// Those that were made from files.
    loaded: Vec<Profile>,
}

impl Profiles {
    /// The n-th of each list is that of `ClientTlsId(n)`, `ServerTlsId(n)`.
    #[must_use]
    pub fn new(clients: Vec<Arc<Acceptor>>, servers: Vec<Arc<Connector>>) -> Self {
        Self {
            clients,
            servers,
            loaded: Vec::new(),
        }
    }

    /// Reads all files that the plan's profiles name; blocks. What is usable and yet hardly
    /// meant is warned of.
    ///
    /// # Errors
    /// All that is wrong with any profile. A certificate whose time is over is an error here:
    /// no client would accept it.
    pub fn load(plan: &Plan) -> Result<(Self, Vec<Warning>), Vec<TlsError>> {
        Self::load_at(plan, SystemTime::now())
    }

    fn load_at(plan: &Plan, now: SystemTime) -> Result<(Self, Vec<Warning>), Vec<TlsError>> {
        let mut profiles = Self::default();
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        for plan in &plan.client_tls {
            let mut making = Making::new("client_tls", &plan.name, now);
            if let Some((profile, acceptor)) = Profile::client(plan, &mut making) {
                profiles.loaded.push(profile);
                profiles.clients.push(acceptor);
            }
            errors.append(&mut making.errors);
            warnings.append(&mut making.warnings);
        }
        for plan in &plan.server_tls {
            let mut making = Making::new("server_tls", &plan.name, now);
            if let Some((profile, connector)) = Profile::server(plan, &mut making) {
                profiles.loaded.push(profile);
                profiles.servers.push(connector);
            }
            errors.append(&mut making.errors);
            warnings.append(&mut making.warnings);
        }
        if errors.is_empty() {
            Ok((profiles, warnings))
        } else {
            Err(errors)
        }
    }

    /// The client profile of an id, which must be of the plan that these were made from.
    #[must_use]
    pub fn client(&self, id: ClientTlsId) -> &Arc<Acceptor> {
        &self.clients[id.0]
    }

    /// As [`client`](Self::client).
    #[must_use]
    pub fn server(&self, id: ServerTlsId) -> &Arc<Connector> {
        &self.servers[id.0]
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Vec<ProfileStatus> {
        self.loaded
            .iter()
            .map(|profile| profile.status(now))
            .collect()
    }

    /// Warnings of certificates that end within 30 days.
    #[must_use]
    pub fn expiring(&self, now: SystemTime) -> Vec<Warning> {
        self.loaded
            .iter()
            .flat_map(|profile| profile.expiring(now))
            .collect()
    }

    /// Takes over what was counted and told of the profiles that these replace.
    pub(crate) fn inherit(&self, before: &Self) {
        self.loaded
            .iter()
            .for_each(|profile| profile.inherit(&before.loaded));
    }

    /// Looks whether files have changed or time has run out, and does what is due; blocks.
    fn look(&self, now: SystemTime) -> Vec<News> {
        self.loaded
            .iter()
            .flat_map(|profile| profile.look(now))
            .collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.loaded
            .iter()
            .flat_map(Profile::files)
            .cloned()
            .collect()
    }

    fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }
}
