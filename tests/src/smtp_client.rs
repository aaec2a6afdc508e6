//! A strict SMTP client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

use crate::digest::digest;
use crate::netns::Netns;

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

    fn stuffed(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.data.len() + 16);
        for line in self.data.split_inclusive(|byte| *byte == b'\n') {
            if line.first() == Some(&b'.') {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
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

/// A session.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    /// The server's name, as it greeted.
    pub greeting: String,
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
        let stream = connect(netns, source, server, bound)?;
        let mut client = Self {
            reader: BufReader::new(stream.try_clone()?),
            writer: stream,
            greeting: String::new(),
        };
        let greeting = client.expect(220).context("greeting")?;
        let words = greeting.lines.iter().flat_map(|line| line.split(' '));
        client.greeting = words.take(1).collect();
        Ok(client)
    }

    /// Says EHLO.
    pub fn hello(&mut self) -> Result<Reply> {
        self.command("EHLO client.outside.example", 250)
    }

    /// Sends a message, command by command; each reply must be the one that RFC 5321 has for
    /// success.
    pub fn send(&mut self, message: &Message) -> Result<Reply> {
        self.command(&format!("MAIL FROM:<{}>", message.from), 250)?;
        for to in &message.to {
            self.command(&format!("RCPT TO:<{to}>"), 250)?;
        }
        self.command("DATA", 354)?;
        self.writer.write_all(&message.stuffed())?;
        self.expect(250).context("end of data")
    }

    /// Says QUIT and sees the server close.
    pub fn quit(mut self) -> Result<()> {
        self.command("QUIT", 221)?;
        let rest = self.reader.read(&mut [0; 1])?;
        if rest != 0 {
            bail!("the server says more after its farewell");
        }
        Ok(())
    }

    /// Sends a command and takes its reply.
    pub fn command(&mut self, line: &str, code: u16) -> Result<Reply> {
        self.writer
            .write_all(format!("{line}\r\n").as_bytes())
            .with_context(|| line.to_owned())?;
        self.expect(code).with_context(|| line.to_owned())
    }

    /// Ends the sending side alone.
    pub fn half_close(&self) -> Result<()> {
        Ok(self.writer.shutdown(Shutdown::Write)?)
    }

    /// The local address.
    pub fn local(&self) -> Result<SocketAddr> {
        Ok(self.writer.local_addr()?)
    }

    fn expect(&mut self, code: u16) -> Result<Reply> {
        let reply = self.reply()?;
        if reply.code != code {
            bail!(
                "{code} expected: {} {}",
                reply.code,
                reply.lines.join(" / ")
            );
        }
        Ok(reply)
    }

    fn reply(&mut self) -> Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.by_ref().take(4096).read_line(&mut line)?;
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
