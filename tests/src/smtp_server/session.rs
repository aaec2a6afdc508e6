//! One session of the small SMTP server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Behaviour, Delivery, Shared};
use crate::digest::digest;

/// Longest line taken (RFC 5321, 4.5.3.1.6 has 1,000 octets; some slack shows who exceeds it).
const LINE: u64 = 4096;

/// Serves a client to its end. An error is a fault of the client's.
pub(super) fn serve(
    stream: &TcpStream,
    peer: SocketAddr,
    number: u64,
    behaviour: Behaviour,
    shared: &Shared,
) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let mut client = Client {
        reader: BufReader::new(stream),
        writer: stream,
    };
    let name = &shared.name;
    match behaviour {
        Behaviour::RefuseSession => return client.say(&format!("554 {name} no service")),
        Behaviour::Babble => return client.say("SSH-2.0-OpenSSH_9.9"),
        Behaviour::Silent => {
            // Until the client gives up.
            let _ = client.line()?;
            return Ok(());
        }
        Behaviour::Dribbles => {
            for octet in format!("220 {name} {}", "slow ".repeat(20)).bytes() {
                client.writer.write_all(&[octet])?;
                std::thread::sleep(Duration::from_secs(1));
            }
            return Ok(());
        }
        _ => client.say(&format!("220 {name} ESMTP"))?,
    }
    if behaviour == Behaviour::CloseAfterGreeting {
        return Ok(stream.shutdown(Shutdown::Both)?);
    }
    let mut from: Option<String> = None;
    let mut to: Vec<String> = Vec::new();
    while let Some(line) = client.line()? {
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if behaviour == Behaviour::OnlyHelo => client.say("502 5.5.1 not here")?,
            "EHLO" => client.say(&format!("250-{name}\r\n250-8BITMIME\r\n250 PIPELINING"))?,
            "HELO" => client.say(&format!("250 {name}"))?,
            "MAIL" => {
                from = Some(path(argument, "FROM:")?);
                client.say("250 2.1.0 ok")?;
            }
            "RCPT" if from.is_some() => {
                to.push(path(argument, "TO:")?);
                client.say("250 2.1.5 ok")?;
            }
            "DATA" if !to.is_empty() => {
                client.say("354 go on")?;
                if behaviour == Behaviour::CloseInData {
                    return Ok(stream.shutdown(Shutdown::Both)?);
                }
                let data = client.data()?;
                let delivery = Delivery {
                    session: number,
                    peer,
                    from: from.take().unwrap_or_default(),
                    to: std::mem::take(&mut to),
                    length: data.len(),
                    digest: digest(&data),
                };
                shared.state().deliveries.push(delivery);
                client.say("250 2.0.0 taken")?;
            }
            "RSET" => {
                from = None;
                to.clear();
                client.say("250 2.0.0 ok")?;
            }
            "NOOP" => client.say("250 2.0.0 ok")?,
            "QUIT" => return client.say(&format!("221 2.0.0 {name} closes")),
            "RCPT" | "DATA" => client.say("503 5.5.1 not now")?,
            _ => client.say("500 5.5.2 what?")?,
        }
    }
    Ok(())
}

/// `FROM:<a@b> SIZE=1` is `<a@b>`.
fn path(argument: &str, word: &str) -> Result<String> {
    argument
        .get(..word.len())
        .filter(|start| start.eq_ignore_ascii_case(word))
        .and_then(|_| argument[word.len()..].split(' ').next())
        .map(str::to_owned)
        .with_context(|| format!("`{argument}` has no {word}"))
}

struct Client<'a> {
    reader: BufReader<&'a TcpStream>,
    writer: &'a TcpStream,
}

impl Client<'_> {
    fn say(&mut self, line: &str) -> Result<()> {
        self.writer.write_all(format!("{line}\r\n").as_bytes())?;
        Ok(())
    }

    /// A line without its end, or none where the client closes between two.
    fn line(&mut self) -> Result<Option<String>> {
        let Some(line) = self.raw()? else {
            return Ok(None);
        };
        Ok(Some(String::from_utf8(line)?))
    }

    fn raw(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.reader
            .by_ref()
            .take(LINE)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\r\n") {
            bail!(
                "a line does not end in CRLF: {:?}",
                line.escape_ascii().to_string()
            );
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    /// The data up to the single dot, dots unstuffed.
    fn data(&mut self) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            let line = self.raw()?.context("closed in the middle of data")?;
            if line == b"." {
                return Ok(data);
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            data.extend_from_slice(b"\r\n");
        }
    }
}
