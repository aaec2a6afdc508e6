//! TLS on either side of a session.
//!
//! Over rustls's unbuffered connections and buffers that all sessions of a worker share, so that
//! an idle session holds keys and no buffer.

mod buffers;
mod channel;
mod connection;
mod flow;
pub(super) mod handshake;
pub(super) mod linger;
mod member;
mod session;
mod sni;

pub(super) use buffers::{PLAIN, READ};
pub(super) use channel::Channel;
pub(super) use member::MemberTls;
pub(super) use session::run;
