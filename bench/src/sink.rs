//! A mail server that takes everything, remembers checksums only, and costs little.

pub(crate) mod auth;
mod session;

use std::io::{IoSlice, Result};
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use crate::digest::Tally;
use crate::poll::{Interest, Poll};
use crate::transport::tls::{Server, Start};
use crate::transport::{Listener, Stream};
use session::{Progress, Session};

/// Large enough that bulk mail is not bound by the sink's system calls.
const BUFFER: usize = 256 * 1024;

const STOP: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;

/// What a sink saw in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrived {
    /// Connections accepted.
    pub(crate) opened: u64,
    /// Sessions that ended with QUIT.
    pub(crate) finished: u64,
    /// Messages.
    pub(crate) tally: Tally,
}

/// Takes mail until `stop` can be read or has ended.
pub(crate) fn serve(listener: Listener, tls: Option<Server>, stop: impl AsFd) -> Result<Arrived> {
    let poll = Poll::new()?;
    poll.add(&listener, LISTENER, Interest::Receive)?;
    poll.add(&stop, STOP, Interest::Receive)?;
    Sink {
        poll,
        listener,
        tls,
        sessions: Vec::new(),
        free: Vec::new(),
        buffer: vec![0; BUFFER],
        replies: Vec::new(),
        arrived: Arrived::default(),
    }
    .run()
}

struct Sink {
    poll: Poll,
    listener: Listener,
    tls: Option<Server>,
    /// A token is an index; places are used again.
    sessions: Vec<Option<(Stream, Session)>>,
    free: Vec<usize>,
    /// All sessions share one: it holds nothing between two events.
    buffer: Vec<u8>,
    replies: Vec<u8>,
    arrived: Arrived,
}

impl Sink {
    fn run(mut self) -> Result<Arrived> {
        let mut ready = Vec::new();
        loop {
            self.poll.wait(&mut ready)?;
            for &token in &ready {
                match token {
                    STOP => return Ok(self.arrived),
                    LISTENER => self.accept()?,
                    // Tokens of sessions were indices when they were given out.
                    _ => self.attend(usize::try_from(token).unwrap_or(usize::MAX)),
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        let Some(mut stream) = self.listener.accept()? else {
            return Ok(());
        };
        self.arrived.opened += 1;
        let start = self.tls.as_ref().map(|tls| tls.start);
        if let Some(tls) = &self.tls
            && start == Some(Start::Implicit)
        {
            stream.begin_tls(tls.begin()?);
        }
        if !send_all(&mut stream, session::GREETING) {
            return Ok(());
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        self.poll.add(&stream, index as u64, Interest::Receive)?;
        let session = Session::new(start == Some(Start::Starttls));
        self.sessions[index] = Some((stream, session));
        Ok(())
    }

    fn attend(&mut self, index: usize) {
        let Some(Some((stream, session))) = self.sessions.get_mut(index) else {
            return;
        };
        let progress = match stream.receive(&mut self.buffer) {
            Ok(None) => return,
            // A session that ends without QUIT is missed among the finished.
            Ok(Some(0)) | Err(_) => Progress::Broken,
            Ok(Some(length)) => {
                self.replies.clear();
                let input = &self.buffer[..length];
                let progress = session.feed(input, &mut self.arrived.tally, &mut self.replies);
                if send_all(stream, &self.replies) {
                    progress
                } else {
                    Progress::Broken
                }
            }
        };
        match progress {
            Progress::Open => return,
            Progress::StartTls => {
                if let Some(Ok(connection)) = self.tls.as_ref().map(Server::begin) {
                    stream.begin_tls(connection);
                    return;
                }
            }
            Progress::Finished => self.arrived.finished += 1,
            Progress::Broken => {}
        }
        if let Some((stream, _)) = self.sessions[index].take() {
            stream.close();
        }
        self.free.push(index);
    }
}

/// Replies are small: a client that leaves no room for them does not read its replies.
fn send_all(stream: &mut Stream, bytes: &[u8]) -> bool {
    let sent = bytes.is_empty()
        || stream
            .send(&[IoSlice::new(bytes)])
            .is_ok_and(|sent| sent == Some(bytes.len()));
    sent && !stream.is_waiting()
}
