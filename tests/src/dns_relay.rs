//! What stands before a name server: counts what is asked, keeps silent about some of it, and waits for
//! questions to come together.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// Time after which a thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// Octets of a datagram.
const DATAGRAM: usize = 4096;

/// Datagrams and connections to a name server and back, counted. Dropped, it ends.
#[derive(Debug)]
pub struct DnsRelay {
    address: SocketAddr,
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    asked: AtomicU64,
    connections: AtomicU64,
    gathers: AtomicUsize,
    ends: AtomicBool,
}

impl DnsRelay {
    /// On loopback, before `server`. A question in which one of `silent` stands, as it is on the wire,
    /// gets no answer.
    pub fn start(server: SocketAddr, silent: &'static [&'static [u8]]) -> Result<Self> {
        let (socket, listener) = bind().context("no free port")?;
        socket.set_read_timeout(Some(LOOK))?;
        listener.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let counts = Arc::new(Counts::default());
        let (of_udp, of_tcp) = (Arc::clone(&counts), Arc::clone(&counts));
        let threads = vec![
            thread::spawn(move || relay_datagrams(&socket, server, silent, &of_udp)),
            thread::spawn(move || relay_connections(&listener, server, silent, &of_tcp)),
        ];
        Ok(Self {
            address,
            counts,
            threads,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Datagrams so far.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.counts.asked.load(Ordering::Relaxed)
    }

    /// Connections so far: those who ask again after an answer that was cut.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }
}

impl DnsRelay {
    /// From now on no datagram is answered until so many different questions wait for their answers.
    pub fn gather(&self, questions: usize) {
        self.counts.gathers.store(questions, Ordering::Relaxed);
    }

    /// Whether so many came together.
    #[must_use]
    pub fn has_gathered(&self) -> bool {
        self.counts.gathers.load(Ordering::Relaxed) == 0
    }
}

impl Drop for DnsRelay {
    fn drop(&mut self) {
        self.counts.ends.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The same port of both kinds.
fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..100 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        match TcpListener::bind(socket.local_addr()?) {
            Ok(listener) => return Ok((socket, listener)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn relay_datagrams(socket: &UdpSocket, server: SocketAddr, silent: &[&[u8]], counts: &Counts) {
    let mut datagram = [0; DATAGRAM];
    let mut waiting: Vec<(Vec<u8>, SocketAddr)> = Vec::new();
    while !counts.ends.load(Ordering::Relaxed) {
        let Ok((length, client)) = socket.recv_from(&mut datagram) else {
            continue;
        };
        counts.asked.fetch_add(1, Ordering::Relaxed);
        let question = &datagram[..length];
        if holds(question, silent) {
            continue;
        }
        // The same question again does not count.
        waiting.retain(|(other, _)| text(other) != text(question));
        waiting.push((question.to_vec(), client));
        if waiting.len() < counts.gathers.load(Ordering::Relaxed) {
            continue;
        }
        counts.gathers.store(0, Ordering::Relaxed);
        for (question, client) in waiting.drain(..) {
            if let Ok(answer) = ask(server, &question) {
                // Whoever does not get it asks again.
                let _ = socket.send_to(&answer, client);
            }
        }
    }
}

/// What is asked, without the number of the question and the case that its letters happen to have.
fn text(question: &[u8]) -> Vec<u8> {
    question.get(2..).unwrap_or_default().to_ascii_lowercase()
}

fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let way = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    way.set_read_timeout(Some(Duration::from_secs(1)))?;
    way.send_to(question, server)?;
    let mut answer = vec![0; DATAGRAM];
    let length = way.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

fn relay_connections(
    listener: &TcpListener,
    server: SocketAddr,
    silent: &'static [&'static [u8]],
    counts: &Counts,
) {
    while !counts.ends.load(Ordering::Relaxed) {
        let Ok((client, _)) = listener.accept() else {
            thread::sleep(LOOK);
            continue;
        };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        // Both ends are on this machine, and end with the test.
        thread::spawn(move || carry(&client, server, silent));
    }
}

fn carry(
    client: &TcpStream,
    server: SocketAddr,
    silent: &'static [&'static [u8]],
) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect(server)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || ask_on(&from_client, &to_server, silent));
    io::copy(&mut &server, &mut &*client)?;
    Ok(())
}

/// Passes questions on. One comes in one piece.
fn ask_on(mut client: &TcpStream, mut server: &TcpStream, silent: &[&[u8]]) -> io::Result<()> {
    let mut piece = [0; DATAGRAM];
    loop {
        let length = client.read(&mut piece)?;
        if length == 0 {
            return server.shutdown(Shutdown::Write);
        }
        if !holds(&piece[..length], silent) {
            server.write_all(&piece[..length])?;
        }
    }
}

/// Whether one of `silent` stands in a question.
fn holds(question: &[u8], silent: &[&[u8]]) -> bool {
    let stands = |it: &&[u8]| {
        question
            .windows(it.len())
            .any(|octets| octets.eq_ignore_ascii_case(it))
    };
    silent.iter().any(stands)
}
