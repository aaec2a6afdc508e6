//! One session of the faulty server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail};
use socket2::SockRef;

use super::{Cut, Shared, Step, Taken};
use crate::digest::digest;

/// Longest line taken, with slack that shows who exceeds RFC 5321's 1,000 octets.
const LINE: u64 = 4096;

/// Octets of a message before the server is amid it, unless it is shorter.
const AMID: usize = 1000;

/// Serves a client to its end. An error is a fault of the client's.
pub(super) fn serve(stream: &TcpStream, number: u64, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let mut session = Session {
        reader: BufReader::new(stream),
        stream,
        number,
        shared,
    };
    session.run().map(|_| ())
}

/// The session is over.
struct Ended;

struct Session<'a> {
    reader: BufReader<&'a TcpStream>,
    stream: &'a TcpStream,
    number: u64,
    shared: &'a Shared,
}

impl Session<'_> {
    fn run(&mut self) -> Result<Option<Ended>> {
        if let Some(ended) = self.step(Step::Greeting, "220 faulty.inside.example ESMTP")? {
            return Ok(Some(ended));
        }
        let (mut mail, mut rcpt) = (false, false);
        while let Some(line) = self.line()? {
            let text = String::from_utf8_lossy(&line).into_owned();
            self.shared.state().commands.push(text.clone());
            let verb = text
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            let ended = match verb.as_str() {
                "EHLO" => {
                    let offer = if self.shared.state().offers_start_tls {
                        "250-STARTTLS\r\n"
                    } else {
                        ""
                    };
                    let reply = format!(
                        "250-faulty.inside.example\r\n{offer}250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n\
                         250-ENHANCEDSTATUSCODES\r\n250 SIZE 50000000"
                    );
                    self.step(Step::Hello, &reply)?
                }
                "HELO" => self.step(Step::Hello, "250 faulty.inside.example")?,
                "STARTTLS" => self.step(Step::StartTls, "502 5.5.1 not here")?,
                "MAIL" => {
                    mail = true;
                    self.step(Step::Mail, "250 2.1.0 ok")?
                }
                "RCPT" if mail => {
                    rcpt = true;
                    self.step(Step::Rcpt, "250 2.1.5 ok")?
                }
                "DATA" if rcpt => {
                    (mail, rcpt) = (false, false);
                    match self.step(Step::Data, "354 go on")? {
                        None => self.data()?,
                        ended => ended,
                    }
                }
                "RSET" => {
                    (mail, rcpt) = (false, false);
                    self.say(b"250 2.0.0 ok\r\n")?;
                    None
                }
                "NOOP" => {
                    self.say(b"250 2.0.0 ok\r\n")?;
                    None
                }
                "QUIT" => {
                    // Who asked may be gone.
                    let _ = self.say(b"221 2.0.0 closing\r\n");
                    return Ok(Some(Ended));
                }
                _ => {
                    self.say(b"503 5.5.1 not now\r\n")?;
                    None
                }
            };
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Answers a step, if the session does not die of it.
    fn step(&mut self, step: Step, usual: &str) -> Result<Option<Ended>> {
        if let Some(cut) = self.shared.death(step, false) {
            return self.die(cut);
        }
        if let Some((reply, close)) = self.shared.other_reply(step) {
            self.say(&reply)?;
            if close {
                return self.die(Cut::Fin);
            }
            return Ok(None);
        }
        self.say(format!("{usual}\r\n").as_bytes())?;
        match self.shared.death(step, true) {
            Some(cut) => self.die(cut),
            None => Ok(None),
        }
    }

    /// Takes the text to the dot.
    fn data(&mut self) -> Result<Option<Ended>> {
        self.shared.state().broken_off += 1;
        let mut text = Vec::new();
        let mut amid = false;
        loop {
            let Some(line) = self.line()? else {
                // The client broke off, as it should where it cannot go on.
                return Ok(Some(Ended));
            };
            let end = line == b".";
            if !amid && (end || text.len() > AMID) {
                amid = true;
                if let Some(cut) = self.shared.death(Step::Text, false) {
                    return self.die(cut);
                }
                if let Some((reply, close)) = self.shared.other_reply(Step::Text) {
                    self.say(&reply)?;
                    if close {
                        return self.die(Cut::Fin);
                    }
                }
            }
            if end {
                break;
            }
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            text.extend_from_slice(b"\r\n");
        }
        let id = String::from_utf8_lossy(&text)
            .lines()
            .find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned))
            .unwrap_or_default();
        {
            let mut state = self.shared.state();
            state.broken_off -= 1;
            state.taken.push(Taken {
                id,
                session: self.number,
                digest: digest(&text),
            });
        }
        self.step(Step::End, "250 2.0.0 kept")
    }

    fn die(&self, cut: Cut) -> Result<Option<Ended>> {
        match cut {
            Cut::Fin => self.stream.shutdown(Shutdown::Both)?,
            // The reset goes out when the last handle goes, which is soon.
            Cut::Rst => SockRef::from(self.stream).set_linger(Some(Duration::ZERO))?,
        }
        Ok(Some(Ended))
    }

    fn say(&mut self, octets: &[u8]) -> Result<()> {
        Ok((&mut self.stream).write_all(octets)?)
    }

    /// A line without its end, or none where the client closed or broke off.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // A reset, after which nothing can be asked of it.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        if !line.ends_with(b"\r\n") {
            bail!("a line does not end in CRLF: {}", line.escape_ascii());
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }
}
