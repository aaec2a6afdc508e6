//! A strict SMTP client.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

use crate::digest::digest;
use crate::netns::Netns;
use crate::tls_client::TlsClient;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Envelope sender, without brackets.
    pub from: String,
    /// Envelope recipients, without brackets.
    pub to: Vec<String>,
    /// Lines that end in CRLF; dots not yet stuffed.
    pub data: Vec<u8>,
}

impl Message {
    /// A message that no other has the digest of, at least so many octets long. Some of its
    /// lines begin with a dot.
    #[must_use]
    pub fn new(id: &str, length: usize) -> Self {
        let mut data = format!(
            "From: <sender@outside.example>\r\nTo: <user@inside.example>\r\nSubject: {id}\r\n\
             Message-ID: <{id}@outside.example>\r\n\r\n.{id}\r\n..\r\n"
        );
        while data.len() < length {
            data.push_str("The quick brown fox jumps over the lazy dog, again and again.\r\n");
        }
        Self {
            from: "sender@outside.example".into(),
            to: vec!["user@inside.example".into()],
            data: data.into_bytes(),
        }
    }

    /// What the small server will find.
    #[must_use]
    pub fn digest(&self) -> u64 {
        digest(&self.data)
    }

    /// What MAIL must say of it: `BODY=8BITMIME` (RFC 6152), `SMTPUTF8` (RFC 6531).
    #[must_use]
    pub fn parameters(&self) -> Vec<&'static str> {
        let mut parameters = Vec::new();
        if !self.data.is_ascii() {
            parameters.push("BODY=8BITMIME");
        }
        if self.is_international() {
            parameters.push("SMTPUTF8");
        }
        parameters
    }

    /// Are there characters outside of ASCII in the envelope or in the headers?
    #[must_use]
    pub fn is_international(&self) -> bool {
        let headers = self
            .data
            .windows(4)
            .position(|octets| octets == b"\r\n\r\n");
        let headers = &self.data[..headers.unwrap_or(self.data.len())];
        !self.from.is_ascii() || self.to.iter().any(|to| !to.is_ascii()) || !headers.is_ascii()
    }

    /// What follows DATA: dots stuffed, the last line ended, and the dot (RFC 5321, 4.5.2).
    #[must_use]
    pub fn stuffed(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.data.len() + 16);
        for line in self.data.split_inclusive(|byte| *byte == b'\n') {
            if line.first() == Some(&b'.') {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        if !self.data.is_empty() && !self.data.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// Text of each line.
    pub lines: Vec<String>,
}

impl Reply {
    /// Does it begin so, as `451 4.4.2`?
    #[must_use]
    pub fn is(&self, start: &str) -> bool {
        self.to_string().starts_with(start)
    }

    /// Does a reply to EHLO offer this?
    #[must_use]
    pub fn offers(&self, extension: &str) -> bool {
        self.lines.iter().skip(1).any(|line| {
            line.split(' ')
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(extension))
        })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.code, self.lines.join(" / "))
    }
}

/// What a session can run over.
pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A session.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    /// What is beneath, if it is a socket.
    socket: Option<TcpStream>,
    /// The server's name, as it greeted.
    pub greeting: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("socket", &self.socket)
            .field("greeting", &self.greeting)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Connects from a namespace (or from here), from an address of its own if one is given, and
    /// takes the greeting.
    pub fn connect(
        netns: Option<&Netns>,
        source: Option<IpAddr>,
        server: SocketAddr,
        bound: Duration,
    ) -> Result<Self> {
        let mut client = Self::over(connect(netns, source, server, bound)?)?;
        client.greeted()?;
        Ok(client)
    }

    /// A session over a connection of which nothing has been read.
    pub fn over(socket: TcpStream) -> Result<Self> {
        Ok(Self {
            socket: Some(socket.try_clone()?),
            ..Self::over_stream(socket)
        })
    }

    /// A session over anything.
    pub fn over_stream(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
            socket: None,
            greeting: String::new(),
        }
    }

    /// A session inside TLS, which begins with the connection.
    pub fn over_tls(socket: TcpStream, tls: &TlsClient) -> Result<Self> {
        Ok(Self {
            socket: Some(socket.try_clone()?),
            ..Self::over_stream(tls.handshake(socket)?)
        })
    }

    /// Takes the greeting.
    pub fn greeted(&mut self) -> Result<Reply> {
        let greeting = self.expect(220).context("greeting")?;
        let words = greeting.lines.iter().flat_map(|line| line.split(' '));
        self.greeting = words.take(1).collect();
        Ok(greeting)
    }

    /// Says STARTTLS and goes on inside. EHLO must be said again.
    pub fn start_tls(mut self, tls: &TlsClient) -> Result<Self> {
        self.command("STARTTLS", 220)?;
        self.handshake(tls)
    }

    /// Begins TLS, whatever was said before.
    pub fn handshake(self, tls: &TlsClient) -> Result<Self> {
        let unread = self.stream.buffer();
        if !unread.is_empty() {
            bail!("in the clear before TLS: {}", unread.escape_ascii());
        }
        let socket = self.socket.context("no socket beneath")?;
        Ok(Self {
            greeting: self.greeting,
            ..Self::over_tls(socket, tls)?
        })
    }

    /// Says EHLO.
    pub fn hello(&mut self) -> Result<Reply> {
        self.command("EHLO client.outside.example", 250)
    }

    /// Sends a message, command by command; each reply must be the one that RFC 5321 has for
    /// success.
    pub fn send(&mut self, message: &Message) -> Result<Reply> {
        self.envelope(message)?;
        self.command("DATA", 354)?;
        self.write(&message.stuffed())?;
        self.expect(250).context("end of data")
    }

    /// MAIL and RCPT.
    pub fn envelope(&mut self, message: &Message) -> Result<()> {
        let mut mail = format!("MAIL FROM:<{}>", message.from);
        for parameter in message.parameters() {
            mail.push(' ');
            mail.push_str(parameter);
        }
        self.command(&mail, 250)?;
        for to in &message.to {
            self.command(&format!("RCPT TO:<{to}>"), 250)?;
        }
        Ok(())
    }

    /// Sends a message by BDAT in chunks of so many octets, the last one marked (RFC 3030).
    pub fn send_chunked(&mut self, message: &Message, chunk: usize) -> Result<Reply> {
        self.envelope(message)?;
        let mut rest = message.data.as_slice();
        loop {
            let (now, later) = rest.split_at(chunk.min(rest.len()));
            let last = if later.is_empty() { " LAST" } else { "" };
            self.write(format!("BDAT {}{last}\r\n", now.len()).as_bytes())?;
            self.write(now)?;
            let reply = self.expect(250).context("chunk")?;
            if later.is_empty() {
                return Ok(reply);
            }
            rest = later;
        }
    }

    /// Says QUIT and sees the server close.
    pub fn quit(mut self) -> Result<()> {
        self.command("QUIT", 221)?;
        self.closed().context("after its farewell")
    }

    /// Sees the server close in order, without another word.
    pub fn closed(&mut self) -> Result<()> {
        let mut rest = [0; 256];
        match self.stream.read(&mut rest)? {
            0 => Ok(()),
            length => bail!("the server says more: {}", rest[..length].escape_ascii()),
        }
    }

    /// Sends a command and takes its reply.
    pub fn command(&mut self, line: &str, code: u16) -> Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())
            .with_context(|| line.to_owned())?;
        self.expect(code).with_context(|| line.to_owned())
    }

    /// Sends a command and takes its reply, whatever it is.
    pub fn ask(&mut self, line: &str) -> Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())
            .and_then(|()| self.reply())
            .with_context(|| line.to_owned())
    }

    /// Sends octets as they are, at once.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(octets)?;
        Ok(stream.flush()?)
    }

    /// Ends the sending side alone.
    pub fn half_close(&self) -> Result<()> {
        Ok(self.socket()?.shutdown(Shutdown::Write)?)
    }

    /// The local address.
    pub fn local(&self) -> Result<SocketAddr> {
        Ok(self.socket()?.local_addr()?)
    }

    /// What is beneath.
    pub fn socket(&self) -> Result<&TcpStream> {
        self.socket.as_ref().context("no socket beneath")
    }

    /// Takes a reply that must have this code.
    pub fn expect(&mut self, code: u16) -> Result<Reply> {
        let reply = self.reply()?;
        if reply.code != code {
            bail!("{code} expected: {reply}");
        }
        Ok(reply)
    }

    /// Takes a reply.
    pub fn reply(&mut self) -> Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.by_ref().take(4096).read_line(&mut line)?;
            if line.is_empty() {
                bail!("the server closed");
            }
            let line = line
                .strip_suffix("\r\n")
                .with_context(|| format!("a reply does not end in CRLF: {line:?}"))?;
            let code: u16 = line
                .get(..3)
                .and_then(|digits| digits.parse().ok())
                .with_context(|| format!("no reply: {line:?}"))?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            match line.as_bytes().get(3) {
                None | Some(b' ') => return Ok(Reply { code, lines }),
                Some(b'-') => {}
                Some(_) => bail!("no reply: {line:?}"),
            }
        }
    }
}

/// A connection with bounded times.
pub fn connect(
    netns: Option<&Netns>,
    source: Option<IpAddr>,
    server: SocketAddr,
    bound: Duration,
) -> Result<TcpStream> {
    let make = || -> Result<Socket> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(socket)
    };
    let socket = match netns {
        Some(netns) => netns.inside(make)?,
        None => make()?,
    };
    socket
        .connect_timeout(&server.into(), bound)
        .with_context(|| format!("cannot connect to {server}"))?;
    socket.set_tcp_nodelay(true)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.set_write_timeout(Some(Duration::from_mins(1)))?;
    Ok(stream)
}
