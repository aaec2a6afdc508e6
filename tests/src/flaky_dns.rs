//! A name server that knows enough of everybody to let mail through, and fails by chance.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::netns::Netns;

/// The server. Dropped, it ends.
#[derive(Debug)]
pub struct FlakyDns {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl FlakyDns {
    /// Listens on UDP in a namespace; `client` is the address that all names lead to. Of a hundred
    /// questions `failures` get SERVFAIL, REFUSED, garbage, or nothing at all.
    pub fn start(netns: &Netns, listen: SocketAddr, client: IpAddr, failures: u64) -> Result<Self> {
        let socket = netns.inside(|| Ok(UdpSocket::bind(listen)?))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let ends = Arc::<AtomicBool>::default();
        let (answered, failed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let over = Arc::clone(&ends);
        let counts = (Arc::clone(&answered), Arc::clone(&failed));
        let thread = thread::spawn(move || {
            let mut chance = Chance(0x5eed);
            let mut question = [0; 1500];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut question) else {
                    continue;
                };
                let question = &question[..length];
                let fails = chance.draw(100) < failures;
                let count = if fails { &counts.1 } else { &counts.0 };
                count.fetch_add(1, Ordering::Relaxed);
                let reply = match (fails, chance.draw(4)) {
                    (false, _) => answer(question, client),
                    (true, 0) => bare(question, 2),
                    (true, 1) => bare(question, 5),
                    (true, 2) => Some(vec![0xff; 7]),
                    (true, _) => None,
                };
                if let Some(reply) = reply {
                    // Whoever does not get it asks again.
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Ok(Self {
            ends,
            answered,
            failed,
            thread: Some(thread),
        })
    }

    /// Questions that were answered, and those that were not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (get(&self.answered), get(&self.failed))
    }
}

impl Drop for FlakyDns {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Chance that is the same every time.
#[derive(Debug)]
pub struct Chance(pub u64);

impl Chance {
    /// A number below `bound`.
    pub fn draw(&mut self, bound: u64) -> u64 {
        // Constants of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn header(query: &[u8], code: u8, count: u16) -> Option<Vec<u8>> {
    let id = query.get(..2)?;
    let mut reply = vec![id[0], id[1], 0x81, 0x80 | code, 0, 1];
    reply.extend(count.to_be_bytes());
    reply.extend([0; 4]);
    Some(reply)
}

/// The question as it was, and the place of its kind in it.
fn question(query: &[u8]) -> Option<(&[u8], usize)> {
    let rest = query.get(12..)?;
    let mut name = 0;
    while *rest.get(name)? > 0 {
        name += usize::from(rest[name]) + 1;
    }
    Some((rest.get(..name + 5)?, name + 1))
}

/// A code and no record.
fn bare(query: &[u8], code: u8) -> Option<Vec<u8>> {
    let mut reply = header(query, code, 0)?;
    reply.extend_from_slice(question(query)?.0);
    Some(reply)
}

/// RFC 1035 section 4.1.
fn answer(query: &[u8], client: IpAddr) -> Option<Vec<u8>> {
    let (asked, kind) = question(query)?;
    // `NAME.bl.test` and the like: nobody is listed.
    if asked.windows(8).any(|octets| octets == b"\x02bl\x04test") {
        return bare(query, 3);
    }
    let name = b"\x06client\x07outside\x07example\0";
    let data: Vec<u8> = match (u16::from_be_bytes([asked[kind], asked[kind + 1]]), client) {
        (1, IpAddr::V4(client)) => client.octets().to_vec(),
        (28, IpAddr::V6(client)) => client.octets().to_vec(),
        (12, _) => name.to_vec(),
        (15, _) => [&[0, 10][..], name].concat(),
        (16, _) => b"\x0bv=spf1 +all".to_vec(),
        _ => return bare(query, 0),
    };
    let mut reply = header(query, 0, 1)?;
    reply.extend_from_slice(asked);
    reply.extend([0xc0, 12]);
    reply.extend_from_slice(&asked[kind..kind + 2]);
    reply.extend([0, 1, 0, 0, 0, 60]);
    reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    reply.extend(data);
    Some(reply)
}
