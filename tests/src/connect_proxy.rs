//! A small HTTP proxy that knows CONNECT (RFC 9110, 9.3.6) and nothing else.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use crate::netns::Netns;

/// The proxy. Dropped, it takes no more connections.
#[derive(Debug)]
pub struct ConnectProxy {
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    refuses: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl ConnectProxy {
    /// Listens in a namespace, from which it connects, too.
    pub fn start(netns: &Arc<Netns>, listen: SocketAddr) -> Result<Self> {
        let listener = netns.inside(|| Ok(TcpListener::bind(listen)?))?;
        let shared = Arc::new(Shared::default());
        let (accepting, state, netns) = (
            listener.try_clone()?,
            Arc::clone(&shared),
            Arc::clone(netns),
        );
        let thread = thread::spawn(move || {
            while let Ok((client, _)) = accepting.accept() {
                if state.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (state, netns) = (Arc::clone(&state), Arc::clone(&netns));
                // What either side breaks is its own affair.
                thread::spawn(move || serve(&client, &netns, &state));
            }
        });
        Ok(Self {
            listener,
            thread: Some(thread),
            shared,
        })
    }

    /// Answers 403 from now on.
    pub fn refuse(&self) {
        self.shared.refuses.store(true, Ordering::Relaxed);
    }

    /// Targets that were asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let asked = self.shared.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = socket2::SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(client: &TcpStream, netns: &Netns, shared: &Shared) -> Result<()> {
    let mut lines = BufReader::new(client).lines();
    let first = lines.next().context("no request")??;
    while lines.next().context("no end of the head")??.as_str() != "" {}
    let target = first.strip_prefix("CONNECT ").context("no CONNECT")?;
    let target = target.split(' ').next().unwrap_or_default().to_owned();
    let asked = shared.asked.lock();
    asked
        .unwrap_or_else(PoisonError::into_inner)
        .push(target.clone());
    let mut answering = client;
    if shared.refuses.load(Ordering::Relaxed) {
        answering.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n")?;
        return Ok(());
    }
    let server = netns.inside(|| Ok(TcpStream::connect(&target)?))?;
    answering.write_all(b"HTTP/1.1 200 Connected\r\nVia: test\r\n\r\n")?;
    thread::scope(|scope| {
        for (mut from, mut to) in [(client, &server), (&server, client)] {
            scope.spawn(move || {
                let _ = copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
    Ok(())
}
