//! What an evaluation asks.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Records, or why there is no saying. Empty: the name does not exist, or has none of this kind.
pub type Answer<T> = Result<Vec<T>, DnsFailure>;

/// Why a question has no answer. All of these are temporary errors to SPF (section 2.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnsFailure {
    /// Not in time.
    #[error("no answer in time")]
    Timeout,
    /// A server said that it failed (RCODE 2).
    #[error("the server failed")]
    ServerFailure,
    /// A server said anything else, or nothing that makes sense.
    #[error("the server did not answer the question")]
    Refused,
    /// Too many questions are on their way.
    #[error("too many questions at once")]
    Busy,
}

/// Answers DNS questions. Names come without a final dot, of printable ASCII, with labels of 1 to 63
/// octets and 253 in all; a label may hold any of these but the dot, the space and the backslash
/// included, without escapes. CNAMEs are to be followed.
pub trait Dns: Sync {
    /// TXT records, each with its strings put together, nothing between them (section 3.3).
    fn txt(&self, name: &str) -> impl Future<Output = Answer<Vec<u8>>> + Send;
    /// A records.
    fn a(&self, name: &str) -> impl Future<Output = Answer<Ipv4Addr>> + Send;
    /// AAAA records.
    fn aaaa(&self, name: &str) -> impl Future<Output = Answer<Ipv6Addr>> + Send;
    /// Exchanges of MX records, the best first. The null MX (RFC 7505) is an empty name or a dot.
    fn mx(&self, name: &str) -> impl Future<Output = Answer<String>> + Send;
    /// Names of an address.
    fn ptr(&self, address: IpAddr) -> impl Future<Output = Answer<String>> + Send;
}
