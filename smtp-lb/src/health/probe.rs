//! The SMTP probe: connect, greeting, EHLO (HELO if refused), QUIT. Every reply is waited for
//! before the next command is sent, and checked; nothing is pipelined (Postfix answers a client
//! that does with 554), and QUIT is said so that the server's log stays quiet.

mod error;
mod progress;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::smtp::reply::{Reply, ReplyParser};
use crate::smtp::show;

pub use error::{Cause, ProbeError};
pub(super) use progress::Progress;
pub use progress::Step;

/// Characters of a reply's line that are kept.
const SHOWN: usize = 200;
/// For the reply to a QUIT that is said only out of courtesy.
const COURTESY: Duration = Duration::from_secs(1);

/// What was said, as far as it went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transcript {
    /// In order.
    pub exchanges: Vec<Exchange>,
}

/// A command and its reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Which.
    pub step: Step,
    /// The command without its line end; none before the greeting.
    pub command: Option<String>,
    /// Code of the reply.
    pub code: u16,
    /// The lines of its text, escaped, each at most 200 characters.
    pub lines: Vec<String>,
    /// From the command, or from the connect, to the reply.
    pub millis: u64,
}

/// Probes an SMTP server once, within `limit`.
pub async fn smtp(
    address: SocketAddr,
    domain: &str,
    limit: Duration,
) -> Result<Transcript, ProbeError> {
    observed(address, domain, limit, &Progress::default()).await
}

/// The same, and `progress` shows where it is.
pub(super) async fn observed(
    address: SocketAddr,
    domain: &str,
    limit: Duration,
    progress: &Progress,
) -> Result<Transcript, ProbeError> {
    let mut transcript = Transcript::default();
    let _idle = progress.begin();
    let talk = converse(address, domain, &mut transcript, progress);
    let cause = match timeout(limit, talk).await {
        Ok(Ok(())) => return Ok(transcript),
        Ok(Err(cause)) => cause,
        Err(_) => Cause::Timeout(limit),
    };
    Err(ProbeError {
        step: progress.get().unwrap_or(Step::Connect),
        cause,
        transcript,
    })
}

async fn converse(
    address: SocketAddr,
    domain: &str,
    transcript: &mut Transcript,
    progress: &Progress,
) -> Result<(), Cause> {
    if domain.is_empty() || !domain.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Cause::Domain);
    }
    let mut dialogue = Dialogue {
        stream: TcpStream::connect(address).await?,
        parser: ReplyParser::default(),
        transcript,
        progress,
    };
    let greeted = dialogue.greet(domain).await;
    if let Err(Cause::Rejected(_)) = greeted {
        // RFC 5321 (3.1) would have us say so also after a 554.
        let _ = timeout(COURTESY, dialogue.exchange("QUIT")).await;
    }
    greeted?;
    dialogue.step(Step::Quit, Some("QUIT"), 221).await.map(drop)
}

struct Dialogue<'a> {
    stream: TcpStream,
    parser: ReplyParser,
    transcript: &'a mut Transcript,
    progress: &'a Progress,
}

impl Dialogue<'_> {
    async fn greet(&mut self, domain: &str) -> Result<(), Cause> {
        self.step(Step::Greeting, None, 220).await?;
        let hello = format!("EHLO {domain}");
        match self.step(Step::Ehlo, Some(&hello), 250).await {
            Err(Cause::Rejected(reply)) if reply.is_permanent() => {
                let hello = format!("HELO {domain}");
                self.step(Step::Helo, Some(&hello), 250).await
            }
            other => other,
        }
    }

    /// Says the command, if any, and waits for a reply, which must have that code.
    async fn step(&mut self, step: Step, command: Option<&str>, code: u16) -> Result<(), Cause> {
        self.progress.set(step);
        let start = Instant::now();
        let reply = match command {
            Some(command) => self.exchange(command).await?,
            None => self.reply().await?,
        };
        let lines = reply.lines.iter().map(|line| show(line, SHOWN));
        self.transcript.exchanges.push(Exchange {
            step,
            command: command.map(str::to_owned),
            code: reply.code,
            lines: lines.collect(),
            millis: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if reply.code == code {
            Ok(())
        } else {
            Err(Cause::Rejected(reply))
        }
    }

    async fn exchange(&mut self, command: &str) -> Result<Reply, Cause> {
        let line = format!("{command}\r\n");
        self.stream.write_all(line.as_bytes()).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, Cause> {
        let mut buffer = [0; 2048];
        loop {
            let octets = match self.stream.read(&mut buffer).await {
                Ok(0) => return Err(Cause::Closed),
                Ok(read) => &buffer[..read],
                Err(error) => return Err(error.into()),
            };
            let fed = self.parser.feed(octets)?;
            match fed.reply {
                Some(_) if fed.consumed < octets.len() => return Err(Cause::Unasked),
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            kind => Self::Io(kind),
        }
    }
}

#[cfg(test)]
mod tests;
