//! A small SMTP server that takes everything, remembers it, and can be told to misbehave.

mod session;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use socket2::{Domain, SockRef, Socket, Type};

use crate::netns::Netns;

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As RFC 5321 has it.
    #[default]
    Good,
    /// Greets with 554 and closes.
    RefuseSession,
    /// Takes the connection and says nothing.
    Silent,
    /// Greets an octet a second.
    Dribbles,
    /// Greets and closes.
    CloseAfterGreeting,
    /// Answers EHLO with 502; HELO works.
    OnlyHelo,
    /// Closes in the middle of the data.
    CloseInData,
    /// Greets with something that is not SMTP.
    Babble,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Number of its session.
    pub session: u64,
    /// Whom it came from, as the server sees it.
    pub peer: SocketAddr,
    /// Argument of MAIL, with the brackets.
    pub from: String,
    /// Arguments of RCPT, with the brackets.
    pub to: Vec<String>,
    /// Octets, as sent, with dots unstuffed.
    pub length: usize,
    /// [`crate::digest::digest`] of them.
    pub digest: u64,
}

/// The server. Dropped, it closes everything.
#[derive(Debug)]
pub struct SmtpServer {
    addresses: Vec<SocketAddr>,
    listeners: Vec<Socket>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    behaviour: Behaviour,
    sessions: u64,
    open: HashMap<u64, TcpStream>,
    most_open: usize,
    deliveries: Vec<Delivery>,
    faults: Vec<String>,
    closed: bool,
}

impl SmtpServer {
    /// Listens in a namespace, or here if there is none; port 0 lets the kernel choose.
    pub fn start(netns: Option<&Netns>, name: &str, listen: &[SocketAddr]) -> Result<Self> {
        let bind = || listen.iter().map(|address| bind(*address)).collect();
        let listeners: Vec<Socket> = match netns {
            Some(netns) => netns.inside(bind)?,
            None => bind()?,
        };
        let mut server = Self {
            addresses: Vec::new(),
            listeners: Vec::new(),
            threads: Vec::new(),
            shared: Arc::new(Shared {
                name: name.to_owned(),
                state: Mutex::default(),
            }),
        };
        for socket in listeners {
            let listener = TcpListener::from(socket.try_clone()?);
            server.addresses.push(listener.local_addr()?);
            server.listeners.push(socket);
            let shared = Arc::clone(&server.shared);
            server.threads.push(thread::spawn(move || {
                accept(&listener, &shared);
            }));
        }
        Ok(server)
    }

    /// Where it listens, in the order asked.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Changes how it answers from the next session on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// Sessions so far.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.shared.state().sessions
    }

    /// Most sessions that were open at once.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.shared.state().most_open
    }

    /// Messages taken so far.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.shared.state().deliveries.len()
    }

    /// The messages taken so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.state().deliveries.clone()
    }

    /// What clients did against the protocol.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// Closes all, listeners and sessions: the machine is gone.
    pub fn stop(&mut self) {
        for listener in self.listeners.drain(..) {
            // Wakes the thread that waits in accept.
            let _ = listener.shutdown(Shutdown::Both);
        }
        {
            let mut state = self.shared.state();
            state.closed = true;
            for stream in state.open.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// The state, also after a panic of some session: it is only numbers and lists.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn bind(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket
        .bind(&address.into())
        .with_context(|| format!("cannot listen on {address}"))?;
    socket.listen(4096)?;
    Ok(socket)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, peer)) = listener.accept() {
        let (number, behaviour) = {
            let mut state = shared.state();
            let Ok(copy) = stream.try_clone() else {
                continue;
            };
            if state.closed {
                return;
            }
            state.sessions += 1;
            let number = state.sessions;
            state.open.insert(number, copy);
            state.most_open = state.most_open.max(state.open.len());
            (number, state.behaviour)
        };
        let shared = Arc::clone(shared);
        let session = thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || {
                if let Err(error) = session::serve(&stream, peer, number, behaviour, &shared) {
                    let fault = format!("session {number} from {peer}: {error:#}");
                    shared.state().faults.push(fault);
                }
                shared.state().open.remove(&number);
            });
        if session.is_err() {
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
    }
}
