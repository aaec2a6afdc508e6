//! A name server for one name, whose answer tests change.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::netns::Netns;

/// Seconds that an answer holds; smtp-lb makes 5 of it.
const TTL: u32 = 1;

/// How it answers, whatever the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// With these, each family to its own question.
    Addresses(Vec<IpAddr>),
    /// That there is no such name.
    NoName,
    /// Not at all.
    Silent,
}

/// The server. Dropped, it ends.
#[derive(Debug)]
pub struct DnsServer {
    manner: Arc<Mutex<Manner>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DnsServer {
    /// Listens on UDP in a namespace.
    pub fn start(netns: &Netns, listen: SocketAddr, manner: Manner) -> Result<Self> {
        let socket = netns.inside(|| Ok(UdpSocket::bind(listen)?))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let manner = Arc::new(Mutex::new(manner));
        let ends = Arc::<AtomicBool>::default();
        let (shared, over) = (Arc::clone(&manner), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let mut question = [0; 1500];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut question) else {
                    continue;
                };
                let manner = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reply) = answer(&question[..length], &manner) {
                    // Whoever does not get it asks again.
                    let _ = socket.send_to(&reply, client);
                }
            }
        });
        Ok(Self {
            manner,
            ends,
            thread: Some(thread),
        })
    }

    /// Answers so from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// RFC 1035 section 4.1: header, the question as it was, answers that point to its name.
fn answer(query: &[u8], manner: &Manner) -> Option<Vec<u8>> {
    let (header, rest) = query.split_at_checked(12)?;
    let mut name = 0;
    while *rest.get(name)? > 0 {
        name += usize::from(rest[name]) + 1;
    }
    let question = rest.get(..name + 5)?;
    let kind = u16::from_be_bytes([question[name + 1], question[name + 2]]);
    let none = Vec::new();
    let (code, addresses) = match manner {
        Manner::Addresses(addresses) => (0, addresses),
        Manner::NoName => (3, &none),
        Manner::Silent => return None,
    };
    let mut records = Vec::new();
    let mut count: u16 = 0;
    for address in addresses {
        let octets = match (kind, address) {
            (1, IpAddr::V4(v4)) => v4.octets().to_vec(),
            (28, IpAddr::V6(v6)) => v6.octets().to_vec(),
            _ => continue,
        };
        count += 1;
        records.extend([0xc0, 12]);
        records.extend(kind.to_be_bytes());
        records.extend([0, 1]);
        records.extend(TTL.to_be_bytes());
        records.extend(u16::try_from(octets.len()).ok()?.to_be_bytes());
        records.extend(octets);
    }
    // A response, recursion wanted and had.
    let mut reply = vec![header[0], header[1], 0x81, 0x80 | code, 0, 1];
    reply.extend(count.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend_from_slice(question);
    reply.extend(records);
    Some(reply)
}
