//! A mail server that dies or misbehaves where it is told to, and keeps account of what it took.

mod session;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Result;
use socket2::Socket;

use crate::netns::Netns;
use crate::smtp_server::bind;

/// A step of the conversation. Each has a reply, except [`Step::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The connection is there.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// A part of the message is there, not all of it.
    Text,
    /// The dot is there, and the message is kept.
    End,
}

/// How a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In order, with a FIN: the process ended.
    Fin,
    /// By a reset: the machine is gone.
    Rst,
}

/// Where a session dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// At this step.
    pub at: Step,
    /// After its reply, else instead of it.
    pub replied: bool,
    /// How.
    pub cut: Cut,
}

/// All places where a session can die before, amid and after a message.
pub const DEATHS: [(Step, bool); 12] = [
    (Step::Greeting, false),
    (Step::Greeting, true),
    (Step::Hello, false),
    (Step::Hello, true),
    (Step::Mail, false),
    (Step::Mail, true),
    (Step::Rcpt, false),
    (Step::Rcpt, true),
    (Step::Data, false),
    (Step::Data, true),
    (Step::Text, false),
    (Step::End, false),
];

/// How the server answers, from now on and in all sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Conduct {
    /// As RFC 5321 has it, with STARTTLS neither offered nor known.
    #[default]
    Good,
    /// Every session dies here.
    Die(Death),
    /// At each so many steps of all sessions, before and after a reply counted apart, one dies, by
    /// FIN and RST in turn.
    DieEvery(u64),
    /// Another reply than the usual one; at [`Step::Text`], one that nobody awaits.
    Say {
        /// At this step.
        at: Step,
        /// These octets, CRLF and all.
        reply: Vec<u8>,
        /// And closes.
        close: bool,
    },
}

/// A message that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its subject.
    pub id: String,
    /// Number of its session.
    pub session: u64,
    /// Its digest, dots unstuffed.
    pub digest: u64,
}

/// The server. Dropped, it closes everything.
#[derive(Debug)]
pub struct FaultyMember {
    listeners: Vec<Socket>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    conduct: Conduct,
    offers_start_tls: bool,
    sessions: u64,
    steps: u64,
    deaths: HashMap<(Step, bool), u64>,
    open: HashMap<u64, TcpStream>,
    taken: Vec<Taken>,
    broken_off: u64,
    commands: Vec<String>,
    faults: Vec<String>,
    closed: bool,
}

impl FaultyMember {
    /// Listens in a namespace.
    pub fn start(netns: &Netns, listen: &[SocketAddr]) -> Result<Self> {
        let listeners: Vec<Socket> =
            netns.inside(|| listen.iter().map(|address| bind(*address)).collect())?;
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for socket in &listeners {
            let listener = TcpListener::from(socket.try_clone()?);
            let shared = Arc::clone(&shared);
            threads.push(thread::spawn(move || accept(&listener, &shared)));
        }
        Ok(Self {
            listeners,
            threads,
            shared,
        })
    }

    /// Changes how it answers from the next step on.
    pub fn conduct(&self, conduct: Conduct) {
        self.shared.state().conduct = conduct;
    }

    /// Offers STARTTLS, with which it has nothing to do but what [`Conduct::Say`] has.
    pub fn offer_start_tls(&self) {
        self.shared.state().offers_start_tls = true;
    }

    /// The messages that it keeps, in order of arrival. One is kept from its dot on, whether the
    /// reply went out or not.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.state().taken.clone()
    }

    /// Messages whose text began and had no end.
    #[must_use]
    pub fn broken_off(&self) -> u64 {
        self.shared.state().broken_off
    }

    /// Sessions so far.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.shared.state().sessions
    }

    /// Sessions that died, by place.
    #[must_use]
    pub fn deaths(&self) -> HashMap<(Step, bool), u64> {
        self.shared.state().deaths.clone()
    }

    /// All command lines so far, of all sessions.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.shared.state().commands.clone()
    }

    /// What clients did against the protocol, sessions that died aside.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// Closes all: the machine is gone.
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

impl Drop for FaultyMember {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// The state, also after a panic of some session: it is only numbers and lists.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a session die now?
    fn death(&self, at: Step, replied: bool) -> Option<Cut> {
        let mut state = self.state();
        let cut = match &state.conduct {
            Conduct::Die(death) if (death.at, death.replied) == (at, replied) => death.cut,
            Conduct::DieEvery(every) => {
                let every = *every;
                state.steps += 1;
                if !state.steps.is_multiple_of(every) {
                    return None;
                }
                if (state.steps / every).is_multiple_of(2) {
                    Cut::Fin
                } else {
                    Cut::Rst
                }
            }
            _ => return None,
        };
        *state.deaths.entry((at, replied)).or_default() += 1;
        Some(cut)
    }

    /// Another reply than the usual one, and whether the session ends with it.
    fn other_reply(&self, step: Step) -> Option<(Vec<u8>, bool)> {
        match &self.state().conduct {
            Conduct::Say { at, reply, close } if *at == step => Some((reply.clone(), *close)),
            _ => None,
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, peer)) = listener.accept() {
        let number = {
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
            number
        };
        let shared = Arc::clone(shared);
        let session = thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || {
                let result = session::serve(&stream, number, &shared);
                let mut state = shared.state();
                // The copy goes first: the last one closes.
                state.open.remove(&number);
                if let Err(error) = result {
                    let fault = format!("session {number} from {peer}: {error:#}");
                    state.faults.push(fault);
                }
            });
        drop(session);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Conduct, Cut, DEATHS, Death, FaultyMember, Step};
    use crate::netns::Netns;
    use crate::smtp_client::{Client, Message};
    use crate::wait::LONG;

    fn send(netns: &Netns, id: &str) -> anyhow::Result<()> {
        let server = "127.0.0.1:25".parse().unwrap();
        let mut client = Client::connect(Some(netns), None, server, LONG)?;
        client.hello()?;
        client.send(&Message::new(id, 100_000))?;
        client.quit()
    }

    #[test]
    fn it_dies_where_it_should_and_counts() {
        let netns = Arc::new(Netns::new("faulty").unwrap());
        let member = FaultyMember::start(&netns, &["127.0.0.1:25".parse().unwrap()]).unwrap();
        send(&netns, "good").unwrap();
        for (at, replied) in DEATHS {
            for cut in [Cut::Fin, Cut::Rst] {
                member.conduct(Conduct::Die(Death { at, replied, cut }));
                send(&netns, "dead").unwrap_err();
                assert!(member.deaths()[&(at, replied)] > 0);
            }
        }
        let taken: Vec<String> = member.taken().into_iter().map(|taken| taken.id).collect();
        assert_eq!(taken, ["good", "dead", "dead"], "kept from the dot on");
        assert_eq!(taken.len(), 3);

        member.conduct(Conduct::DieEvery(5));
        let died = (0..20).filter(|_| send(&netns, "some").is_err()).count();
        assert!(died > 10);
        assert_eq!(member.faults(), [""; 0]);

        let reply = b"250-a\r\n550 b\r\n".to_vec();
        let at = Step::Hello;
        member.conduct(Conduct::Say {
            at,
            reply,
            close: false,
        });
        let server = "127.0.0.1:25".parse().unwrap();
        let mut client = Client::connect(Some(&netns), None, server, LONG).unwrap();
        assert_eq!(client.ask("EHLO a").unwrap().code, 550);
    }
}
