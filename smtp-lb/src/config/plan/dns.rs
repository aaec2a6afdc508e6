//! Who is asked what security checks ask of DNS.

use std::net::SocketAddr;
use std::time::Duration;

/// `[dns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsPlan {
    /// Name servers, in their order. Empty: those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// Time for one question, all servers together.
    pub timeout: Duration,
    /// Questions on their way at once. At least 1.
    pub in_flight: usize,
    /// Answers kept.
    pub cache: u64,
    /// Longest time that an answer is kept.
    pub max_ttl: Duration,
    /// Longest time that it is kept that there is nothing.
    pub negative_ttl: Duration,
}

impl Default for DnsPlan {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            in_flight: 512,
            cache: 10_000,
            max_ttl: Duration::from_hours(1),
            negative_ttl: Duration::from_mins(5),
        }
    }
}
