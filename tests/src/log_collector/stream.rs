//! Syslog over TCP with octet counting, in the clear or within TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::{ServerConnection, StreamOwned};

use super::{Here, LOOK, Pace, number_behind};

/// Octets that are read at once, and when it is slow: then with a pause behind them.
const READ: usize = 64 << 10;
const SLOW: (usize, Duration) = (2048, Duration::from_millis(4));

/// Longest record.
const LONGEST: usize = 64 << 10;

enum Link {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// Reads to the end, which may come anywhere: what is cut will come again.
pub(super) fn serve(stream: TcpStream, here: &Here) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK))?;
    let mut link = match &here.tls {
        None => Link::Plain(stream),
        Some(config) => {
            let connection = ServerConnection::new(config.clone())?;
            Link::Secure(Box::new(StreamOwned::new(connection, stream)))
        }
    };
    let mut octets = vec![0; READ];
    let mut pending = Vec::new();
    loop {
        // A dead one does nothing more, not even with what it has read.
        if here.is_dead() {
            return Ok(());
        }
        if here.book.is(Pace::Stalled) {
            thread::sleep(LOOK);
            continue;
        }
        let most = if here.book.is(Pace::Slow) {
            thread::sleep(SLOW.1);
            SLOW.0
        } else {
            READ
        };
        let read = match &mut link {
            Link::Plain(stream) => stream.read(&mut octets[..most]),
            Link::Secure(stream) => stream.read(&mut octets[..most]),
        };
        match read {
            Ok(0) => break,
            Ok(read) => pending.extend_from_slice(&octets[..read]),
            Err(error)
                if [
                    ErrorKind::WouldBlock,
                    ErrorKind::TimedOut,
                    ErrorKind::Interrupted,
                ]
                .contains(&error.kind()) => {}
            // Broken by the sender; with TLS also an end without close_notify.
            Err(_) => return Ok(()),
        }
        if here.is_dead() {
            return Ok(());
        }
        let taken = take(&pending, here)?;
        pending.drain(..taken);
    }
    if let Link::Secure(stream) = &mut link {
        stream.conn.send_close_notify();
        // Nobody may be there to hear it.
        let _ = stream.flush();
    }
    Ok(())
}

/// Counts the whole records; the octets that they take.
fn take(octets: &[u8], here: &Here) -> Result<usize> {
    let mut rest = octets;
    let mut numbers = Vec::new();
    while let Some(space) = rest.iter().take(8).position(|&octet| octet == b' ') {
        let (length, behind) = (&rest[..space], &rest[space + 1..]);
        let length: usize = std::str::from_utf8(length)?.parse().context("a length")?;
        if length > LONGEST {
            bail!("a record of {length} octets");
        }
        let Some(record) = behind.get(..length) else {
            break;
        };
        numbers.push(check(record)?);
        rest = &behind[length..];
    }
    let mut seen = here.book.seen();
    for number in numbers {
        seen.note(number);
    }
    Ok(octets.len() - rest.len())
}

/// Sees that a record is whole; its number.
pub(super) fn check(record: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(record)?;
    let number = number_behind(text, "[meta sequenceId=\"");
    match number {
        Some(number) if text.starts_with('<') && text.contains("\"] ") => Ok(number),
        _ => bail!("no record: {text:?}"),
    }
}
