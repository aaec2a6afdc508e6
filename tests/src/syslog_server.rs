//! A small syslog server: RFC 5424 over UDP (RFC 5426) and over TCP with octet counting
//! (RFC 6587, 3.4.1), strict in both.

mod frame;
mod record;

use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use socket2::SockRef;

use crate::netns::Netns;
pub use record::Record;

/// How a record came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One to a datagram.
    Udp,
    /// With its length in front.
    Tcp,
}

/// The server. Dropped, it closes everything.
#[derive(Debug)]
pub struct SyslogServer {
    /// UDP and TCP address; the same port, unless the kernel chose them.
    addresses: (SocketAddr, SocketAddr),
    listener: TcpListener,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<(Transport, Record)>,
    faults: Vec<String>,
    open: Vec<TcpStream>,
    connections: usize,
}

impl SyslogServer {
    /// Listens in a namespace, or here if there is none.
    pub fn start(netns: Option<&Netns>, listen: SocketAddr) -> Result<Self> {
        let bind = || Ok((UdpSocket::bind(listen)?, TcpListener::bind(listen)?));
        let (udp, listener) = match netns {
            Some(netns) => netns.inside(bind)?,
            None => bind()?,
        };
        udp.set_read_timeout(Some(Duration::from_millis(100)))?;
        // A burst of records must not be lost for want of room; root may exceed the limit.
        let _ = SockRef::from(&udp).set_recv_buffer_size(8 << 20);
        let shared = Arc::new(Shared::default());
        let addresses = (udp.local_addr()?, listener.local_addr()?);
        let (for_udp, for_tcp) = (Arc::clone(&shared), Arc::clone(&shared));
        let accepting = listener.try_clone()?;
        Ok(Self {
            addresses,
            listener,
            threads: vec![
                thread::spawn(move || receive(&udp, &for_udp)),
                thread::spawn(move || accept(&accepting, &for_tcp)),
            ],
            shared,
        })
    }

    /// Where it listens: UDP, TCP.
    #[must_use]
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        self.addresses
    }

    /// What arrived, in order.
    #[must_use]
    pub fn records(&self) -> Vec<(Transport, Record)> {
        self.shared.state().records.clone()
    }

    /// How many arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.state().records.len()
    }

    /// What arrived and is not as the RFCs have it.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// TCP connections taken so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Closes the TCP connections that are open: the sender must reconnect.
    pub fn cut(&self) {
        for stream in self.shared.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for SyslogServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        self.cut();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, transport: Transport, octets: &[u8]) {
        match Record::parse(octets) {
            Ok(record) => self.state().records.push((transport, record)),
            Err(error) => self
                .state()
                .faults
                .push(format!("{error:#}: {}", octets.escape_ascii())),
        }
    }
}

fn receive(socket: &UdpSocket, shared: &Shared) {
    let mut datagram = vec![0; 65536];
    while !shared.stop.load(Ordering::Relaxed) {
        if let Ok(length) = socket.recv(&mut datagram) {
            shared.take(Transport::Udp, &datagram[..length]);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        {
            let mut state = shared.state();
            state.connections += 1;
            state.open.extend(stream.try_clone());
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            loop {
                match frame::read(&mut reader) {
                    Ok(Some(octets)) => shared.take(Transport::Tcp, &octets),
                    Ok(None) => return,
                    Err(error) => {
                        let fault = format!("TCP: {error:#}");
                        shared.state().faults.push(fault);
                        return;
                    }
                }
            }
        });
    }
}
