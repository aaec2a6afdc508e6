//! Why the daemon could not start.

use std::io;

use crate::admin::socket::SocketError;
use crate::config::ConfigError;
use crate::event::EventError;
use crate::firewall::FirewallError;
use crate::proxy::ProxyError;
use crate::routing::RoutingError;
use crate::secret::Unreadable;
use crate::store::StoreError;

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration file cannot be read or is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The control socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The event pipeline cannot begin.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The packet filter cannot be had as asked.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// The event rings cannot be read.
    #[error("cannot read the firewall's event rings")]
    Rings(#[source] io::Error),
    /// A listener or a worker cannot be had.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The shared store of security checks cannot be spoken to.
    #[error("cannot use the store of [store.valkey]")]
    Store(#[source] StoreError),
    /// Its password cannot be had.
    #[error("the password of [store.valkey]")]
    StorePassword(#[source] Unreadable),
    /// Its authorities cannot be had.
    #[error("the authorities (`ca`) of [store.valkey]")]
    StoreCa(#[source] Unreadable),
    /// Members cannot see clients' own addresses.
    #[error(transparent)]
    Routing(#[from] RoutingError),
    /// The control plane's own runtime, signals or socket.
    #[error("cannot set up the control plane")]
    Runtime(#[source] io::Error),
}
