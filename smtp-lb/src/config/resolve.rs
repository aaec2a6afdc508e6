//! Names of hosts to addresses.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Looks up the addresses of a host. An argument of the compiler, so that it stays pure.
pub trait Resolve {
    /// Addresses of `host`, the preferred first; an error that says why there is none.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Whether members' hosts are looked up, too, and must have addresses. Else their pools have none
    /// of them yet.
    fn looks_up_members(&self) -> bool {
        true
    }
}

/// The machine's own resolver (`getaddrinfo`). Blocks while it asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// As [`SystemResolver`], but members' hosts are left to who looks them up again and again.
#[derive(Debug, Clone, Copy, Default)]
pub struct MembersLater;

impl Resolve for MembersLater {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        SystemResolver.resolve(host, port)
    }

    fn looks_up_members(&self) -> bool {
        false
    }
}
