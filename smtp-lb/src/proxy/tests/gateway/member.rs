//! A mail server that does as told, and remembers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection};

use super::super::tls::peer::{self, Peer};

/// How it behaves.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) name: &'static str,
    /// TLS from the beginning.
    pub(super) implicit: Option<Arc<ServerConfig>>,
    /// TLS by STARTTLS.
    pub(super) starttls: Option<Arc<ServerConfig>>,
    /// Drops the connection instead of answering this.
    pub(super) dies_at: &'static str,
    /// Answers this by a line without end.
    pub(super) babbles_at: &'static str,
    /// Drops the connection after so many messages.
    pub(super) messages: usize,
    /// Lines of the EHLO reply.
    pub(super) offers: &'static [&'static str],
}

impl Manner {
    pub(super) fn of(name: &'static str) -> Self {
        Self {
            name,
            implicit: None,
            starttls: None,
            dies_at: "",
            babbles_at: "",
            messages: usize::MAX,
            offers: &["PIPELINING", "SIZE 10000000", "8BITMIME"],
        }
    }

    pub(super) fn start(self) -> Member {
        Member::start(self)
    }
}

/// What it has heard.
#[derive(Debug, Default, Clone)]
pub(super) struct Memory {
    pub(super) messages: Vec<Vec<u8>>,
    /// Connections on which MAIL was said.
    pub(super) sessions: usize,
    /// Those of them on which QUIT was said.
    pub(super) quits: usize,
    /// Lines, all connections together.
    pub(super) lines: Vec<String>,
}

pub(super) struct Member {
    pub(super) address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Member {
    fn start(manner: Manner) -> Self {
        let (address, peers) = peer::member(manner.implicit.as_ref());
        let memory = Arc::<Mutex<Memory>>::default();
        let shared = Arc::clone(&memory);
        thread::spawn(move || {
            for peer in peers {
                let memory = Arc::clone(&shared);
                let manner = manner.clone();
                // However it ends: what it heard is remembered.
                thread::spawn(move || serve(peer, &manner, &memory));
            }
        });
        Self { address, memory }
    }

    pub(super) fn memory(&self) -> Memory {
        self.memory.lock().expect("memory").clone()
    }

    pub(super) fn until(&self, wanted: impl Fn(&Memory) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.memory()) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{:?}",
                self.memory()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn serve(mut peer: Peer, manner: &Manner, memory: &Mutex<Memory>) -> io::Result<()> {
    let remember = |what: &dyn Fn(&mut Memory)| what(&mut memory.lock().expect("memory"));
    peer.handshake()?;
    if manner.dies_at == "CONNECT" {
        return Ok(());
    }
    peer.send(format!("220 {} ESMTP\r\n", manner.name).as_bytes())?;
    let (mut mailed, mut messages) = (false, 0);
    while let Some(line) = peer.line()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
        remember(&|memory| memory.lines.push(line.clone()));
        if verb == "MAIL" && !mailed {
            mailed = true;
            remember(&|memory| memory.sessions += 1);
        }
        if verb == manner.dies_at {
            return Ok(());
        }
        if verb == manner.babbles_at {
            peer.send(&b"2".repeat(100_000))?;
            continue;
        }
        match verb.as_str() {
            "EHLO" => {
                let mut reply = format!("250-{}\r\n", manner.name);
                if manner.starttls.is_some() && peer.tls.is_none() {
                    reply.push_str("250-STARTTLS\r\n");
                }
                for offer in manner.offers {
                    reply.extend(["250-", offer, "\r\n"]);
                }
                reply.push_str("250 HELP\r\n");
                peer.send(reply.as_bytes())?;
            }
            "STARTTLS" => {
                let config = manner.starttls.as_ref().expect("offered");
                let tls = ServerConnection::new(Arc::clone(config)).expect("server");
                peer.put(b"220 2.0.0 go ahead\r\n")?;
                peer.tls = Some(tls.into());
                peer.handshake()?;
            }
            "DATA" => {
                peer.send(b"354 go ahead\r\n")?;
                if manner.dies_at == "354" {
                    return Ok(());
                }
                let text = peer.take_until(b"\r\n.\r\n")?;
                if manner.dies_at == "." {
                    return Ok(());
                }
                remember(&|memory| memory.messages.push(text.clone()));
                peer.send(format!("250 2.0.0 {} has it\r\n", manner.name).as_bytes())?;
                messages += 1;
                if messages >= manner.messages {
                    return Ok(());
                }
            }
            "QUIT" => {
                if mailed {
                    remember(&|memory| memory.quits += 1);
                }
                peer.send(b"221 2.0.0 bye\r\n")?;
                return peer.finish();
            }
            _ => peer.send(b"250 2.0.0 ok\r\n")?,
        }
    }
    Ok(())
}
