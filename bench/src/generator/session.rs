//! One session: a client that waits for every reply.

use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::reply::{Replies, Reply};
use crate::digest::Tally;
use crate::message::{Header, Template};
use crate::poll::Interest;
use crate::transport::Stream;
use crate::transport::tls::{Client, Start};

/// What the reply that is due answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Hello,
    StartTls,
    Mail,
    Recipient,
    Data,
    Message,
    Quit,
}

impl Step {
    /// The one code that is a success.
    fn success(self) -> u16 {
        match self {
            Self::Connect | Self::StartTls => 220,
            Self::Hello | Self::Mail | Self::Recipient | Self::Message => 250,
            Self::Data => 354,
            Self::Quit => 221,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on.
    Open,
    /// It reached EHLO and is to stay there.
    Held,
    /// QUIT was answered.
    Finished,
}

/// State of a session.
pub(crate) struct Session {
    stream: Stream,
    tls: Option<Rc<Client>>,
    began: Instant,
    step: Step,
    replies: Replies,
    hold: bool,
    /// Numbers of the messages still to be sent.
    messages: Range<u64>,
    /// The message that is being sent, and how many of its bytes have been.
    sending: Option<(Header, usize)>,
}

impl Session {
    /// A session that is connecting, to send the messages with these numbers.
    pub(crate) fn new(
        mut stream: Stream,
        tls: Option<Rc<Client>>,
        messages: Range<u64>,
        hold: bool,
    ) -> Result<Self> {
        if let Some(client) = &tls
            && client.start == Start::Implicit
        {
            stream.begin_tls(client.begin()?);
        }
        Ok(Self {
            stream,
            tls,
            began: Instant::now(),
            step: Step::Connect,
            replies: Replies::default(),
            hold,
            messages,
            sending: None,
        })
    }

    /// Its connection, to be watched.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Its connection, to be kept.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Time since it began to connect.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What it waits for.
    pub(crate) fn interest(&self) -> Interest {
        if self.sending.is_some() || self.stream.is_waiting() {
            Interest::Send
        } else {
            Interest::Receive
        }
    }

    /// Goes as far as it can; messages accepted are added to `tally`.
    pub(crate) fn attend(
        &mut self,
        buffer: &mut [u8],
        template: &Template,
        tally: &mut Tally,
    ) -> Result<Progress> {
        let step = self.step;
        self.advance(buffer, template, tally)
            .with_context(|| format!("at {step:?}"))
    }

    fn advance(
        &mut self,
        buffer: &mut [u8],
        template: &Template,
        tally: &mut Tally,
    ) -> Result<Progress> {
        self.stream.flush()?;
        if self.sending.is_some() {
            self.send_message(template, tally)?;
            return Ok(Progress::Open);
        }
        let length = match self.stream.receive(buffer)? {
            None => return Ok(Progress::Open),
            Some(0) => bail!("the connection was closed"),
            Some(length) => length,
        };
        match self.replies.feed(&buffer[..length]) {
            Reply::Partial => return Ok(Progress::Open),
            Reply::Whole(code) if code == self.step.success() => {}
            Reply::Whole(_) | Reply::Malformed => {
                bail!(
                    "unexpected reply {:?}",
                    String::from_utf8_lossy(&buffer[..length])
                )
            }
        }
        match self.step {
            Step::Hello if self.tls.is_some() && !self.stream.is_tls() => {
                self.command(Step::StartTls, b"STARTTLS\r\n")?;
            }
            Step::Hello if self.hold => return Ok(Progress::Held),
            Step::Quit => return Ok(Progress::Finished),
            Step::Connect => self.hello()?,
            Step::StartTls => {
                if let Some(client) = &self.tls {
                    self.stream.begin_tls(client.begin()?);
                }
                self.hello()?;
            }
            Step::Hello | Step::Message => self.next_message()?,
            Step::Mail => self.command(Step::Recipient, b"RCPT TO:<to@sink.example>\r\n")?,
            Step::Recipient => self.command(Step::Data, b"DATA\r\n")?,
            Step::Data => {
                self.step = Step::Message;
                self.sending = self.messages.next().map(|number| (Header::new(number), 0));
                self.send_message(template, tally)?;
            }
        }
        Ok(Progress::Open)
    }

    fn hello(&mut self) -> Result<()> {
        self.command(Step::Hello, b"EHLO generator.example\r\n")
    }

    fn next_message(&mut self) -> Result<()> {
        if self.messages.is_empty() {
            self.command(Step::Quit, b"QUIT\r\n")
        } else {
            self.command(Step::Mail, b"MAIL FROM:<from@generator.example>\r\n")
        }
    }

    fn command(&mut self, step: Step, line: &[u8]) -> Result<()> {
        self.step = step;
        // The server has answered everything before, so there is room for one line.
        let sent = self.stream.send(&[IoSlice::new(line)])?;
        ensure!(sent == Some(line.len()), "no room for a command");
        Ok(())
    }

    fn send_message(&mut self, template: &Template, tally: &mut Tally) -> Result<()> {
        let Some((header, sent)) = &mut self.sending else {
            return Ok(());
        };
        *sent += self
            .stream
            .send(&template.rest(header, *sent))?
            .unwrap_or(0);
        if *sent == template.length(header) {
            tally.add(*sent as u64, template.checksum(header));
            self.sending = None;
        }
        Ok(())
    }
}
