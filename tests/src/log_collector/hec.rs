//! Splunk's HTTP event collector, as far as it concerns a sender: events by POST, numbered answers, and a
//! question for what is indexed.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::{ServerConnection, StreamOwned};

use super::{Here, LOOK, Pace, number_behind};

/// The token that it wants.
const TOKEN: &str = "Splunk s3cret";
/// Octets of a head and of a body.
const HEAD: usize = 16 << 10;
const BODY: usize = 8 << 20;
/// How long a slow one takes for a request.
const SLOW: Duration = Duration::from_millis(150);

/// Numbers of records by request, taken and not indexed: lost with the life that took them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    next: u64,
    requests: BTreeMap<u64, Vec<u64>>,
}

trait Link: Read + Write {}
impl<T: Read + Write> Link for T {}

struct Request {
    path: String,
    token: String,
    body: String,
}

pub(super) fn serve(stream: TcpStream, here: &Here) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK))?;
    stream.set_nodelay(true)?;
    let mut link: Box<dyn Link> = match &here.tls {
        None => Box::new(stream),
        Some(config) => {
            let connection = ServerConnection::new(config.clone())?;
            Box::new(StreamOwned::new(connection, stream))
        }
    };
    let mut pending = Vec::new();
    while let Some(request) = read(&mut *link, &mut pending, here)? {
        while here.book.is(Pace::Stalled) && !here.is_dead() {
            thread::sleep(LOOK);
        }
        if here.book.is(Pace::Slow) {
            thread::sleep(SLOW);
        }
        if here.is_dead() {
            return Ok(());
        }
        let (status, body) = answer(&request, here)?;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let written = link.write_all((head + &body).as_bytes());
        if written.and_then(|()| link.flush()).is_err() {
            // The sender has gone.
            return Ok(());
        }
    }
    Ok(())
}

fn answer(request: &Request, here: &Here) -> Result<(u16, String)> {
    if request.token != TOKEN {
        return Ok((403, r#"{"text":"Invalid token","code":4}"#.to_owned()));
    }
    if here.book.is(Pace::Busy) {
        return Ok((503, r#"{"text":"Server is busy","code":9}"#.to_owned()));
    }
    let mut taken = here.taken.lock().unwrap_or_else(PoisonError::into_inner);
    match request.path.as_str() {
        "/services/collector/event" => {
            let numbers = request.body.lines().map(|line| {
                if !(line.starts_with("{\"time\":") && line.ends_with("}}")) {
                    bail!("no event: {line:?}");
                }
                number_behind(line, "\"sequence_id\":").with_context(|| line.to_owned())
            });
            let numbers = numbers.collect::<Result<_>>()?;
            let number = taken.next;
            taken.next += 1;
            taken.requests.insert(number, numbers);
            Ok((
                200,
                format!(r#"{{"text":"Success","code":0,"ackId":{number}}}"#),
            ))
        }
        "/services/collector/ack" => {
            let asked: serde_json::Value = serde_json::from_str(&request.body)?;
            let asked = asked["acks"].as_array().context("acks")?;
            let mut answers = serde_json::Map::new();
            for number in asked {
                let number = number.as_u64().context("a number")?;
                let found = taken.requests.remove(&number);
                // Indexed now; who asks again is told of nothing, as Splunk does it.
                answers.insert(number.to_string(), found.is_some().into());
                let mut seen = here.book.seen();
                for record in found.into_iter().flatten() {
                    seen.note(record);
                }
            }
            Ok((200, serde_json::json!({ "acks": answers }).to_string()))
        }
        other => bail!("a request for {other:?}"),
    }
}

/// The next request; `None`: there is no more, or it is dead.
fn read(link: &mut dyn Link, pending: &mut Vec<u8>, here: &Here) -> Result<Option<Request>> {
    let mut octets = vec![0; 64 << 10];
    loop {
        if let Some(request) = parse(pending)? {
            return Ok(Some(request));
        }
        if here.is_dead() {
            return Ok(None);
        }
        match link.read(&mut octets) {
            Ok(0) => return Ok(None),
            Ok(read) => pending.extend_from_slice(&octets[..read]),
            Err(error)
                if [
                    ErrorKind::WouldBlock,
                    ErrorKind::TimedOut,
                    ErrorKind::Interrupted,
                ]
                .contains(&error.kind()) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Takes a whole request off the front.
fn parse(pending: &mut Vec<u8>) -> Result<Option<Request>> {
    const END: &[u8] = b"\r\n\r\n";
    let searched = &pending[..pending.len().min(HEAD)];
    let Some(end) = searched.windows(4).position(|four| four == END) else {
        if pending.len() >= HEAD {
            bail!("a head without an end");
        }
        return Ok(None);
    };
    let head = std::str::from_utf8(&pending[..end])?;
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let length: usize = header("content-length").context("no length")?.parse()?;
    if length > BODY {
        bail!("a body of {length} octets");
    }
    let begin = end + END.len();
    let Some(body) = pending.get(begin..begin + length) else {
        return Ok(None);
    };
    let path = head.split(' ').nth(1).context("no path")?;
    let request = Request {
        path: path.to_owned(),
        token: header("authorization").unwrap_or_default().to_owned(),
        body: String::from_utf8(body.to_vec())?,
    };
    pending.drain(..begin + length);
    Ok(Some(request))
}
