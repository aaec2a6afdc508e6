//! A small HTTPS server of files: HTTP/1.1, GET, one request a connection, entity tags.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certs::Leaf;
use crate::netns::Netns;

/// Octets of a request's head.
const MAX_HEAD: u64 = 16 * 1024;

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Page {
    /// A file, whose entity tag is a digest of it.
    File(Vec<u8>),
    /// A file whose answer ends after half of it.
    Cut(Vec<u8>),
    /// The answer leads to another URL.
    Moved(String),
    /// The answer never comes.
    Silent,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// `If-None-Match`, if it was there.
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`, if it was there.
    pub if_modified_since: Option<String>,
    /// Status of the answer; 0: none was given.
    pub status: u16,
}

/// The server. Dropped, it closes everything.
#[derive(Debug)]
pub struct HttpsServer {
    address: SocketAddr,
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    pages: Mutex<BTreeMap<String, Page>>,
    requests: Mutex<Vec<Request>>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpsServer {
    /// Listens in a namespace, or here if there is none, with this certificate.
    pub fn start(netns: Option<&Netns>, listen: SocketAddr, leaf: &Leaf) -> Result<Self> {
        let bind = || Ok(TcpListener::bind(listen)?);
        let listener = match netns {
            Some(netns) => netns.inside(bind)?,
            None => bind()?,
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(&leaf.chain)?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&leaf.key)?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let shared = Arc::new(Shared::default());
        let (accepting, config) = (listener.try_clone()?, Arc::new(config));
        let state = Arc::clone(&shared);
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            thread: Some(thread::spawn(move || accept(&accepting, &config, &state))),
            shared,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a page at a path.
    pub fn put(&self, path: &str, page: Page) {
        lock(&self.shared.pages).insert(path.to_owned(), page);
    }

    /// Puts a file at a path.
    pub fn put_file(&self, path: &str, octets: impl Into<Vec<u8>>) {
        self.put(path, Page::File(octets.into()));
    }

    /// What was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = socket2::SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let (config, shared) = (Arc::clone(config), Arc::clone(shared));
        thread::spawn(move || {
            // What a client breaks is its own affair.
            let _ = serve(stream, config, &shared);
        });
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, stream));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = (&mut stream).take(MAX_HEAD).read_line(&mut line)?;
        let line = line.trim_end();
        if read == 0 || line.is_empty() || lines.len() == 64 {
            break;
        }
        lines.push(line.to_owned());
    }
    let first = lines.first().context("no request")?;
    let path = first.split(' ').nth(1).context("no path")?.to_owned();
    let header = |name: &str| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let page = lock(&shared.pages).get(&path).cloned();
    let mut request = Request {
        path,
        if_none_match: header("if-none-match"),
        if_modified_since: header("if-modified-since"),
        status: 0,
    };
    let empty = |status: u16, more: &str| {
        let head = format!("HTTP/1.1 {status} -\r\n{more}Content-Length: 0\r\n");
        (status, format!("{head}Connection: close\r\n\r\n"), vec![])
    };
    let (status, head, body) = match page {
        None => empty(404, ""),
        Some(Page::Moved(to)) => empty(302, &format!("Location: {to}\r\n")),
        Some(Page::Silent) => {
            lock(&shared.requests).push(request);
            while !shared.stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
            return Ok(());
        }
        Some(Page::File(octets) | Page::Cut(octets))
            if request.if_none_match == Some(tag(&octets)) =>
        {
            empty(304, &format!("ETag: {}\r\n", tag(&octets)))
        }
        Some(Page::File(octets)) => (200, found(&octets), octets),
        Some(Page::Cut(octets)) => (200, found(&octets), octets[..octets.len() / 2].to_vec()),
    };
    request.status = status;
    lock(&shared.requests).push(request);
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

fn found(octets: &[u8]) -> String {
    let (length, tag) = (octets.len(), tag(octets));
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         ETag: {tag}\r\nLast-Modified: Thu, 26 Nov 2026 11:00:00 GMT\r\nConnection: close\r\n\r\n"
    )
}

fn tag(octets: &[u8]) -> String {
    format!("\"{:x}\"", crate::digest::digest(octets))
}
