//! Who may come in, where the card does not decide it.

use std::net::SocketAddr;

/// Asked once for each accepted connection, before it counts towards any limit. Runs on the data
/// path: it must not block.
pub trait AcceptFilter: Send + Sync {
    /// Whether `client` may talk to `local`.
    fn allows(&self, client: SocketAddr, local: SocketAddr) -> Admission;
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is served.
    Admitted,
    /// It is closed.
    Closed,
    /// It is reset, so that the client knows that it is not wanted.
    Reset,
}

/// Lets everyone in: the card has decided already.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl AcceptFilter for AllowAll {
    fn allows(&self, _: SocketAddr, _: SocketAddr) -> Admission {
        Admission::Admitted
    }
}
