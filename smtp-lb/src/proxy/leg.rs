//! One side of a session.

use std::ops::Deref;

use tokio::net::TcpStream;

use super::snat::Port;

/// A connection that is reset when dropped, unless it was said to have ended well: whatever ends
/// a session halfway must not look like an orderly end to the other side.
#[derive(Debug)]
pub(super) struct Leg {
    stream: TcpStream,
    ended_well: bool,
    /// Ours until the socket is closed.
    #[allow(dead_code, reason = "dropped")]
    port: Option<Box<Port>>,
}

impl Leg {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            ended_well: false,
            port: None,
        }
    }

    /// A connection that was made from a port of ours.
    pub(super) fn from_port(stream: TcpStream, port: Option<Box<Port>>) -> Self {
        let mut leg = Self::new(stream);
        leg.port = port;
        leg
    }

    /// Close in order, with a FIN.
    pub(super) fn end_well(&mut self) {
        self.ended_well = true;
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        if !self.ended_well {
            // Fails only on a socket that the peer has reset already.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl Deref for Leg {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}
