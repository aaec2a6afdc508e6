//! Why the data plane could not do as the plan says.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// A start or a reload that changed nothing.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// Another socket listens there.
    #[error("cannot listen on {address}: the address is in use by another program")]
    InUse {
        /// As configured.
        address: SocketAddr,
    },
    /// No interface has the address.
    #[error("cannot listen on {address}: no interface of this host has this address")]
    NotLocal {
        /// As configured.
        address: SocketAddr,
    },
    /// Ports below 1024 take `CAP_NET_BIND_SERVICE`.
    #[error("cannot listen on {address}: permission denied (CAP_NET_BIND_SERVICE is needed)")]
    NotPermitted {
        /// As configured.
        address: SocketAddr,
    },
    /// Any other fault of the kernel's.
    #[error("cannot listen on {address}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread or its runtime could not be made.
    #[error("cannot start worker {index}")]
    Worker {
        /// Which one, from 0.
        index: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

impl ProxyError {
    /// Names the cause of a failure to listen on `address`.
    pub(super) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { address },
            io::ErrorKind::PermissionDenied => Self::NotPermitted { address },
            _ => Self::Listen { address, source },
        }
    }
}

/// Something in a new plan that only a restart can bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReloadWarning {
    /// Threads are made at the start only.
    #[error("general.workers = {asked} needs a restart; {running} go on running")]
    WorkersKept {
        /// Workers there are.
        running: usize,
        /// Workers the plan asks for.
        asked: usize,
    },
}

impl ReloadWarning {
    pub(super) fn about(running: usize, asked: usize) -> Option<Self> {
        (running != asked).then_some(Self::WorkersKept { running, asked })
    }
}
