//! Connections on behalf of others: each begins with a PROXY header, from peers that are trusted.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::counters::Counter;
use super::server::Place;
use super::{AcceptFilter, Admission, session};
use crate::config::plan::AcceptProxyPlan;
use crate::proxy_protocol::{Decoder, Header, HeaderError};

/// Octets that are looked at in one go.
const GLANCE: usize = 512;

/// Connections that were closed for want of a header, by cause.
#[derive(Debug, Default)]
pub(super) struct HeaderCounters {
    pub(super) untrusted: Counter,
    malformed: Counter,
    checksum: Counter,
    timeouts: Counter,
    ended: Counter,
}

/// Connections that were closed for want of a PROXY header, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderStatus {
    /// Of peers that are not believed.
    pub untrusted: u64,
    /// No header, or one that cannot be.
    pub malformed: u64,
    /// The checksum was wrong.
    pub checksum: u64,
    /// Not whole in time.
    pub timeouts: u64,
    /// The peer ended within the header or before.
    pub ended: u64,
}

impl HeaderCounters {
    pub(super) fn status(&self) -> HeaderStatus {
        HeaderStatus {
            untrusted: self.untrusted.get(),
            malformed: self.malformed.get(),
            checksum: self.checksum.get(),
            timeouts: self.timeouts.get(),
            ended: self.ended.get(),
        }
    }
}

/// Why there is no header.
enum Fault {
    Header(HeaderError),
    Ended,
}

impl From<HeaderError> for Fault {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// Whether a peer is believed.
pub(super) fn is_trusted(peers: &AcceptProxyPlan, peer: SocketAddr) -> bool {
    let ip = peer.ip().to_canonical();
    peers.from.iter().any(|network| network.contains(&ip))
}

/// Serves the client that a trusted peer's header names, unless the filter refuses it. Never panics.
pub(super) async fn run(peer: TcpStream, mut place: Place, filter: Arc<dyn AcceptFilter>) {
    // Apart: it is given back when the session begins.
    let admitted = Box::pin(admit(&peer, &mut place, filter)).await;
    if admitted {
        session::run(peer, place).await;
    }
}

async fn admit(peer: &TcpStream, place: &mut Place, filter: Arc<dyn AcceptFilter>) -> bool {
    let Some(limit) = place.peers.as_ref().map(|peers| peers.timeout) else {
        return true;
    };
    let read = timeout(limit, read(peer)).await;
    let counters = &place.counters.headers;
    let header = match read {
        Ok(Ok(header)) => header,
        Ok(Err(Fault::Ended)) => {
            counters.ended.add(1);
            return false;
        }
        Ok(Err(Fault::Header(error))) => {
            let peer = place.client();
            tracing::debug!(server = place.name, %peer, %error, "no PROXY header");
            if error == HeaderError::Checksum {
                counters.checksum.add(1);
            } else {
                counters.malformed.add(1);
            }
            return false;
        }
        Err(_) => {
            counters.timeouts.add(1);
            return false;
        }
    };
    let named = header.addresses.is_some();
    // What the client connected to is an address of the peer's: policies are those of ours.
    let listener = place.local();
    place.is_for(header);
    if !named {
        return true;
    }
    let listener = judged_at(listener, place.client(), &place.listen);
    let allows = || filter.allows(place.client(), listener);
    let Ok(allowed) = catch_unwind(AssertUnwindSafe(allows)) else {
        place.counters.panics.add(1);
        return false;
    };
    if allowed != Admission::Admitted {
        if allowed == Admission::Reset {
            // It is closed in any case, and then not by a reset.
            let _ = peer.set_zero_linger();
        }
        place.counters.refused_by_filter.add(1);
    }
    allowed == Admission::Admitted
}

/// The address of ours by which a policy is found. A client of the other version of IP is judged by the
/// listener as it is written: of an address under a wildcard, policies know that of its own version only.
pub(super) fn judged_at(
    local: SocketAddr,
    client: SocketAddr,
    listen: &[SocketAddr],
) -> SocketAddr {
    if client.is_ipv4() == local.is_ipv4() || listen.contains(&local) {
        return local;
    }
    let wildcard = |it: &&SocketAddr| {
        it.ip().is_unspecified() && it.is_ipv4() == local.is_ipv4() && it.port() == local.port()
    };
    listen.iter().find(wildcard).copied().unwrap_or(local)
}

/// Reads a header, and nothing after it: that may be the client's, or TLS.
async fn read(peer: &TcpStream) -> Result<Header, Fault> {
    let mut decoder = Decoder::default();
    let mut octets = [0; GLANCE];
    loop {
        let seen = peer.peek(&mut octets).await?;
        if seen == 0 {
            return Err(Fault::Ended);
        }
        let (used, header) = decoder.read(octets.get(..seen).unwrap_or_default())?;
        take(peer, octets.get_mut(..used).unwrap_or_default()).await?;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

/// Takes what was seen.
async fn take(peer: &TcpStream, mut seen: &mut [u8]) -> io::Result<()> {
    while !seen.is_empty() {
        peer.readable().await?;
        match peer.try_read(seen) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => seen = seen.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
