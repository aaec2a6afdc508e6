//! TLS: from profiles in the plan to what handshakes are made with.
//!
//! A profile's files can change while it is in force; who shakes hands asks for the
//! configuration anew each time.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::{DnsName, ServerName};
use rustls::{ClientConfig, ServerConfig};

use crate::config::plan::{ClientTlsId, ServerTlsId, Start};

/// All profiles of one plan.
#[derive(Debug, Default)]
pub struct Profiles {
    clients: Vec<Arc<Acceptor>>,
    servers: Vec<Arc<Connector>>,
}

impl Profiles {
    /// The n-th of each list is that of `ClientTlsId(n)`, `ServerTlsId(n)`.
    #[must_use]
    pub fn new(clients: Vec<Arc<Acceptor>>, servers: Vec<Arc<Connector>>) -> Self {
        Self { clients, servers }
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
}

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
}

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

    /// For one handshake.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config.load_full()
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
