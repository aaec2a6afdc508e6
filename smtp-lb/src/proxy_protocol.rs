//! The PROXY protocol, versions 1 and 2, without I/O: who a connection is on behalf of, said before its
//! first octet.

#[cfg(test)]
mod tests;
mod tlv;
mod v1;
mod v2;

use std::net::SocketAddr;

use thiserror::Error;

use crate::config::plan::ProxyVersion as Version;
pub(crate) use tlv::{MAX_UNIQUE_ID, Tls};

/// Octets of a header that are read. The protocol allows 64 KiB; headers are a few hundred.
pub(crate) const MAX: usize = 4096;

/// What is said of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// None: what the connection itself shows holds. So it is for LOCAL, UNKNOWN, and what is not TCP
    /// over IP.
    pub(crate) addresses: Option<Addresses>,
    /// Version 2: the protocol that was agreed upon in TLS.
    pub(crate) alpn: Option<Box<[u8]>>,
    /// Version 2: the host name that the client asked for in TLS.
    pub(crate) authority: Option<Box<[u8]>>,
    /// Version 2: the peer's name of the connection, at most 128 octets.
    pub(crate) unique_id: Option<Box<[u8]>>,
    /// Version 2: the client's TLS.
    pub(crate) tls: Option<Box<Tls>>,
}

/// Both ends of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The client.
    pub(crate) source: SocketAddr,
    /// What it connected to.
    pub(crate) destination: SocketAddr,
}

/// Why octets are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HeaderError {
    #[error("it begins as no PROXY header does")]
    Signature,
    #[error("the line is longer than 107 octets")]
    Line,
    #[error("the line's words are not those of a PROXY header")]
    Words,
    #[error("the version is not 2")]
    Version,
    #[error("the command is neither LOCAL nor PROXY")]
    Command,
    #[error("the address family or the transport is unknown")]
    Family,
    #[error("the header is longer than {MAX} octets")]
    TooLong,
    #[error("the header is shorter than its addresses")]
    TooShort,
    #[error("a field does not end within the header")]
    Field,
    #[error("the unique id is longer than {MAX_UNIQUE_ID} octets")]
    UniqueId,
    #[error("the CRC-32C is wrong")]
    Checksum,
}

/// Reads one header, of either version, in as many pieces as it comes.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// Reads on. Gives how many of the octets belong to the header, and the header once it is whole. Never
    /// holds more than [`MAX`] octets. Of no use after an error or a header.
    pub(crate) fn read(&mut self, octets: &[u8]) -> Result<(usize, Option<Header>), HeaderError> {
        let before = self.held.len();
        let room = MAX.saturating_sub(before);
        let octets = octets.get(..room).unwrap_or(octets);
        self.held.extend_from_slice(octets);
        Ok(match decode(&self.held)? {
            None => (octets.len(), None),
            Some((header, length)) => (length.saturating_sub(before), Some(header)),
        })
    }
}

/// The header that `octets` begin with, and its length. None: it is not whole yet.
fn decode(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    match octets.first() {
        None => Ok(None),
        Some(b'P') => v1::decode(octets),
        Some(_) => v2::decode(octets),
    }
}

/// Whether `octets` may become, or begin with, `expected`.
fn may_begin(octets: &[u8], expected: &[u8]) -> bool {
    octets.iter().zip(expected).all(|(is, want)| is == want)
}

/// The octets that say `header`. Version 1 leaves out all but the addresses; of version 2, fields that are
/// too long for it are left out.
pub(crate) fn encode(version: Version, header: &Header) -> Vec<u8> {
    match version {
        Version::V1 => v1::encode(header.addresses),
        Version::V2 => v2::encode(header),
    }
}

impl Addresses {
    /// With IPv4 addresses as such, and only if both are of one version of IP.
    fn canonical(self) -> Option<Self> {
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let it = Self {
            source: plain(self.source),
            destination: plain(self.destination),
        };
        (it.source.is_ipv4() == it.destination.is_ipv4()).then_some(it)
    }
}
