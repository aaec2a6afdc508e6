//! The data plane as an operator sees it.

use std::net::SocketAddr;

use serde::Serialize;

use super::gateway::{Gateway, GatewayStatus};
use super::peer::HeaderStatus;
use super::server::VirtualServer;
use super::snat::SnatPorts;

/// The whole data plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyStatus {
    /// Threads that carry sessions; 0 when drained.
    pub workers: usize,
    /// In the order of the configuration.
    pub virtual_servers: Vec<VirtualServerStatus>,
}

/// A virtual server. Totals are since it was first configured under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VirtualServerStatus {
    /// Unique name.
    pub name: String,
    /// Addresses it listens on now.
    pub listen: Vec<SocketAddr>,
    /// Sessions now.
    pub active: usize,
    /// Sessions taken in.
    pub total: u64,
    /// Connections closed because all places were taken.
    pub refused_by_limit: u64,
    /// Connections closed because the accept filter said so.
    pub refused_by_filter: u64,
    /// Connections closed for want of a PROXY header, if they must begin with one.
    pub headers: Option<HeaderStatus>,
    /// Sessions that found no member to take them.
    pub no_member: u64,
    /// Connects to members that failed or timed out; one session may count several.
    pub connect_failures: u64,
    /// Connects that had no address or port to be made from; one session may count several.
    pub snat_exhausted: u64,
    /// What members see: `automap`, `none` (the client's own address) or `pool`.
    pub snat: &'static str,
    /// Use of the pool's addresses.
    pub snat_ports: Vec<SnatPorts>,
    /// TLS handshakes with clients that failed or timed out.
    pub handshake_failures: u64,
    /// TLS handshakes with members that failed or timed out; one session may count several.
    pub member_handshake_failures: u64,
    /// Times that the kernel could not give us a waiting connection.
    pub accept_errors: u64,
    /// Sessions ended by the idle or the session time-out.
    pub timeouts: u64,
    /// Sessions ended by a reset or another fault of either side.
    pub resets: u64,
    /// Sessions whose member an operator took away before they had ended.
    pub cut: u64,
    /// Sessions ended by a fault of our own.
    pub panics: u64,
    /// Bytes from clients to members.
    pub bytes_in: u64,
    /// Bytes from members to clients.
    pub bytes_out: u64,
    /// What was read of SMTP, if it is.
    pub gateway: Option<GatewayStatus>,
}

impl VirtualServerStatus {
    pub(super) fn of(server: &VirtualServer, listen: Vec<SocketAddr>) -> Self {
        let counters = &server.counters;
        Self {
            name: server.name.clone(),
            listen,
            active: counters.active(),
            total: counters.sessions.get(),
            refused_by_limit: counters.refused_by_limit.get(),
            refused_by_filter: counters.refused_by_filter.get(),
            headers: server.peers.as_ref().map(|_| counters.headers.status()),
            no_member: counters.no_member.get(),
            connect_failures: counters.connect_failures.get(),
            snat_exhausted: counters.snat_exhausted.get(),
            snat: server.source.name(),
            snat_ports: server.source.ports(),
            handshake_failures: counters.handshake_failures.get(),
            member_handshake_failures: counters.member_handshake_failures.get(),
            accept_errors: counters.accept_errors.get(),
            timeouts: counters.timeouts.get(),
            resets: counters.resets.get(),
            cut: counters.cut.get(),
            panics: counters.panics.get(),
            bytes_in: counters.bytes_in.get(),
            bytes_out: counters.bytes_out.get(),
            gateway: server.gateway.as_ref().map(Gateway::status),
        }
    }
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// Sessions in flight that ended within the grace.
    pub ended: usize,
    /// Sessions that were reset when it was over.
    pub aborted: usize,
}
