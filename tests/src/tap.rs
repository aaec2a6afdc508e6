//! Hears which segments reach the IP layer of a host.

use std::mem::MaybeUninit;
use std::net::IpAddr;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Netns;
use crate::site::Family;

/// A raw socket: the kernel gives it a copy of each TCP segment that is for the host, once XDP
/// and the rest of the way up have let it by.
#[derive(Debug)]
pub struct Tap(Socket);

impl Tap {
    /// Begins to hear.
    pub fn new(netns: &Netns, family: Family) -> Result<Self> {
        let domain = match family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        netns.inside(|| {
            let socket = Socket::new(domain, Type::RAW, Some(Protocol::TCP)).context("tap")?;
            socket.set_nonblocking(true)?;
            // Room for a flood.
            let _ = socket.set_recv_buffer_size(16 << 20);
            Ok(Self(socket))
        })
    }

    /// Segments from this address since the last call.
    #[must_use]
    pub fn heard(&self, from: IpAddr) -> usize {
        let sources = self.sources();
        sources.into_iter().filter(|source| *source == from).count()
    }

    /// Whom segments since the last call were from, one for each.
    #[must_use]
    pub fn sources(&self) -> Vec<IpAddr> {
        let mut buffer = [MaybeUninit::uninit(); 128];
        let mut sources = Vec::new();
        while let Ok((_, address)) = self.0.recv_from(&mut buffer) {
            sources.extend(address.as_socket().map(|address| address.ip()));
        }
        sources
    }
}
