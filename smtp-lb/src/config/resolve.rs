//! Names of hosts to addresses.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Looks up what a file names: the addresses of hosts, and what further files hold. An argument of
/// the compiler, so that it stays pure.
pub trait Resolve {
    /// Addresses of `host`, the preferred first; an error that says why there is none.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Whether members' hosts are looked up, too, and must have addresses. Else their pools have none
    /// of them yet.
    fn looks_up_members(&self) -> bool {
        true
    }

    /// What a file holds, if it is a regular one of at most `most` octets.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        // Before it is opened: opening a pipe waits for who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut octets = Vec::new();
        let more = most.saturating_add(1);
        File::open(path)?.take(more).read_to_end(&mut octets)?;
        if octets.len() as u64 > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(octets)
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
