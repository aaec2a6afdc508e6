//! Log collectors that keep account of what they got, and that stall, are slow, are killed and come back.

mod hec;
mod seen;
mod stream;
mod udp;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certs::Leaf;
use crate::netns::Netns;
pub use seen::Seen;

/// How long a reader waits for octets before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// What a collector speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Syslog over UDP (RFC 5426).
    Udp,
    /// Syslog over TCP with octet counting (RFC 6587), within TLS if it has a certificate.
    Stream,
    /// Splunk's HTTP event collector with acknowledgement, by HTTPS if it has a certificate.
    Hec,
}

/// How it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Takes what comes.
    Full = 0,
    /// Takes less than what comes.
    Slow = 1,
    /// Takes nothing, and keeps its connections.
    Stalled = 2,
    /// Answers that it has no time, if it can.
    Busy = 3,
}

/// A collector. Dropped, it is killed.
#[derive(Debug)]
pub struct LogCollector {
    netns: Arc<Netns>,
    listen: SocketAddr,
    speaks: Speaks,
    tls: Option<Arc<ServerConfig>>,
    book: Arc<Book>,
    life: Option<Life>,
}

/// From a start to a death.
#[derive(Debug)]
struct Life {
    dead: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What outlives its deaths: as if it were on a disk.
#[derive(Debug, Default)]
struct Book {
    pace: AtomicU8,
    seen: Mutex<Seen>,
}

impl Book {
    fn pace(&self) -> u8 {
        self.pace.load(Ordering::Relaxed)
    }

    fn is(&self, pace: Pace) -> bool {
        self.pace() == pace as u8
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogCollector {
    /// Listens in a namespace.
    pub fn start(
        netns: &Arc<Netns>,
        listen: SocketAddr,
        speaks: Speaks,
        leaf: Option<&Leaf>,
    ) -> Result<Self> {
        let mut collector = Self {
            netns: Arc::clone(netns),
            listen,
            speaks,
            tls: leaf.map(server_config).transpose()?,
            book: Arc::default(),
            life: None,
        };
        collector.revive()?;
        Ok(collector)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// What it got in all its lives.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.book.seen().clone()
    }

    /// How it does from now on.
    pub fn set(&self, pace: Pace) {
        self.book.pace.store(pace as u8, Ordering::Relaxed);
    }

    /// As `kill -9` does it: sockets are closed by the kernel, what was read and not yet counted is lost, and
    /// so is what HEC had taken and not acknowledged.
    pub fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.dead.store(true, Ordering::Relaxed);
            // It ends within a look.
            let _ = life.thread.join();
        }
    }

    /// Listens again.
    pub fn revive(&mut self) -> Result<()> {
        self.kill();
        let dead = Arc::<AtomicBool>::default();
        let here = Here {
            book: Arc::clone(&self.book),
            dead: Arc::clone(&dead),
            tls: self.tls.clone(),
            taken: Arc::default(),
        };
        let listen = self.listen;
        let thread = match self.speaks {
            Speaks::Udp => {
                let socket = self.netns.inside(|| udp::bind(listen))?;
                thread::spawn(move || udp::receive(&socket, &here))
            }
            Speaks::Stream | Speaks::Hec => {
                let listener = self.netns.inside(|| Ok(TcpListener::bind(listen)?))?;
                listener.set_nonblocking(true)?;
                let serve = match self.speaks {
                    Speaks::Hec => hec::serve,
                    _ => stream::serve,
                };
                thread::spawn(move || accept(&listener, &here, serve))
            }
        };
        self.life = Some(Life { dead, thread });
        Ok(())
    }
}

impl Drop for LogCollector {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a life's threads have.
#[derive(Debug, Clone)]
struct Here {
    book: Arc<Book>,
    dead: Arc<AtomicBool>,
    tls: Option<Arc<ServerConfig>>,
    taken: Arc<Mutex<hec::Taken>>,
}

impl Here {
    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    fn fault(&self, error: &anyhow::Error) {
        self.book.seen().fault(format!("{error:#}"));
    }
}

/// Serves each connection on a thread of its own until it is dead; then all of them are closed.
fn accept(listener: &TcpListener, here: &Here, serve: fn(TcpStream, &Here) -> Result<()>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !here.is_dead() {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(2));
            continue;
        };
        threads.retain(|thread| !thread.is_finished());
        let here = here.clone();
        here.book.seen().connection();
        threads.push(thread::spawn(move || {
            if let Err(error) = serve(stream, &here) {
                here.fault(&error);
            }
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn server_config(leaf: &Leaf) -> Result<Arc<ServerConfig>> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&leaf.chain)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&leaf.key)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the collector's certificate")?;
    Ok(Arc::new(config))
}

/// The number that stands behind `name` and a sign.
fn number_behind(text: &str, name: &str) -> Option<u64> {
    let at = text.rfind(name)? + name.len();
    let digits = text.get(at..)?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}
