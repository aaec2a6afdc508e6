//! Offers sessions in a closed loop: as one ends, the next begins, until all are done.

mod reply;
mod session;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::digest::Tally;
use crate::message::Template;
use crate::poll::Poll;
use crate::process;
use crate::transport::Stream;
use crate::transport::tls::{Client, ClientOptions};
use session::{Progress, Session};

/// Replies are small; a record of TLS may not be.
const BUFFER: usize = 64 * 1024;

/// What is offered.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// Address to send to
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// Sessions in all
    #[arg(long)]
    pub(crate) sessions: u64,
    /// Sessions at once; with `--hold`, those that are between connect and EHLO
    #[arg(long)]
    pub(crate) at_once: u64,
    /// Messages in each session
    #[arg(long, default_value_t = 1)]
    pub(crate) messages: u64,
    /// Bytes of a message on the wire, from its header to the final dot
    #[arg(long, default_value_t = 4096)]
    pub(crate) size: usize,
    /// Send no mail: stop after EHLO and keep the sessions open until standard input ends
    #[arg(long)]
    pub(crate) hold: bool,
    /// Seconds after which the load has failed
    #[arg(long, default_value_t = 120)]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) tls: ClientOptions,
}

/// What came of it. Any failed session fails the whole load, so there are no errors to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Sessions begun.
    pub(crate) opened: u64,
    /// Sessions that ended with a good reply to QUIT.
    pub(crate) finished: u64,
    /// Of these, in TLS that took up an earlier session.
    pub(crate) resumed: u64,
    /// Messages to which the other side said yes.
    pub(crate) tally: Tally,
    /// From the first connect to the last reply, in nanoseconds.
    pub(crate) elapsed_ns: u64,
    /// Median time from connect to the last reply of a session, in nanoseconds.
    pub(crate) p50_ns: u64,
    /// 99th percentile of the same.
    pub(crate) p99_ns: u64,
    /// CPU time of the generator, in nanoseconds.
    pub(crate) cpu_ns: u64,
}

/// Offers the load; also returns the connections that `hold` keeps open.
pub(crate) fn run(load: &Load) -> Result<(Outcome, Vec<Stream>)> {
    let generator = Generator {
        load,
        tls: Client::new(&load.tls)?.map(Rc::new),
        template: Template::new(load.size),
        poll: Poll::new()?,
        sessions: Vec::new(),
        held: Vec::new(),
        opened: 0,
        resumed: 0,
        latencies: Vec::new(),
        tally: Tally::default(),
    };
    generator.run()
}

struct Generator<'a> {
    load: &'a Load,
    tls: Option<Rc<Client>>,
    template: Template,
    poll: Poll,
    /// A token is an index. A place that has no further session to begin is empty.
    sessions: Vec<Option<Session>>,
    held: Vec<Stream>,
    opened: u64,
    resumed: u64,
    latencies: Vec<u64>,
    tally: Tally,
}

impl Generator<'_> {
    fn run(mut self) -> Result<(Outcome, Vec<Stream>)> {
        let began = Instant::now();
        let limit = Duration::from_secs(self.load.limit);
        let (mut buffer, mut ready) = (vec![0; BUFFER], Vec::new());
        for index in 0..self.load.at_once.min(self.load.sessions) {
            let session = self.open(index)?;
            self.sessions.push(Some(session));
        }
        while self.done() < self.load.sessions {
            self.poll.wait(&mut ready)?;
            for &token in &ready {
                self.attend(token, &mut buffer)?;
            }
            if began.elapsed() > limit {
                bail!(
                    "{} of {} sessions done in {limit:?}",
                    self.done(),
                    self.load.sessions
                );
            }
        }
        let elapsed_ns = nanoseconds(began.elapsed());
        self.latencies.sort_unstable();
        let outcome = Outcome {
            opened: self.opened,
            finished: self.latencies.len() as u64,
            resumed: self.resumed,
            tally: self.tally,
            elapsed_ns,
            p50_ns: percentile(&self.latencies, 50),
            p99_ns: percentile(&self.latencies, 99),
            cpu_ns: process::own_cpu_ns()?,
        };
        Ok((outcome, self.held))
    }

    fn done(&self) -> u64 {
        (self.latencies.len() + self.held.len()) as u64
    }

    fn open(&mut self, token: u64) -> Result<Session> {
        let stream = Stream::connect(self.load.target).context("cannot connect")?;
        let first = self.opened * self.load.messages;
        self.opened += 1;
        let session = Session::new(
            stream,
            self.tls.clone(),
            first..first + self.load.messages,
            self.load.hold,
        )?;
        self.poll.add(session.stream(), token, session.interest())?;
        Ok(session)
    }

    fn attend(&mut self, token: u64, buffer: &mut [u8]) -> Result<()> {
        let place = usize::try_from(token)?;
        let Some(Some(session)) = self.sessions.get_mut(place) else {
            return Ok(());
        };
        let was = session.interest();
        let progress = session.attend(buffer, &self.template, &mut self.tally)?;
        match progress {
            Progress::Open => {
                let interest = session.interest();
                if interest != was {
                    self.poll.modify(session.stream(), token, interest)?;
                }
                return Ok(());
            }
            Progress::Finished => {
                self.latencies.push(nanoseconds(session.age()));
                self.resumed += u64::from(session.stream().is_resumed());
            }
            Progress::Held => self.poll.remove(session.stream())?,
        }
        let ended = self.sessions[place].take();
        if let Some(stream) = ended.map(Session::into_stream) {
            if progress == Progress::Held {
                self.held.push(stream);
            } else {
                stream.close();
            }
        }
        if self.opened < self.load.sessions {
            self.sessions[place] = Some(self.open(token)?);
        }
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// By nearest rank; 0 of nothing.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
