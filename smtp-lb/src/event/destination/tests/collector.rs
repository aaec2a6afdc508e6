//! A syslog collector over TCP, with a parser of RFC 6587 framing of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection as the collector sees it.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    bytes: Vec<u8>,
}

/// A record: its sequence number and the number that the test wrote into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sequence: usize,
    pub(super) number: usize,
}

pub(super) fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    // A small window makes a collector that does not read felt soon.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(address).unwrap();
    socket.listen(16).unwrap()
}

pub(super) async fn accept(listener: &TcpListener) -> Connection {
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    Connection {
        stream,
        bytes: Vec::new(),
    }
}

impl Connection {
    /// Reads until `count` records are whole.
    pub(super) async fn records(&mut self, count: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < count {
            match self.next_whole() {
                Some(record) => records.push(record),
                None => assert!(self.read().await > 0, "ended after {records:?}"),
            }
        }
        records
    }

    /// Reads to the end; what is left of a record that was cut is not told.
    pub(super) async fn until_end(&mut self) -> Vec<Record> {
        while self.read().await > 0 {}
        std::iter::from_fn(|| self.next_whole()).collect()
    }

    pub(super) async fn read(&mut self) -> usize {
        let mut buffer = [0; 1000];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer))
            .await
            .unwrap();
        // A reset ends a connection as well.
        let read = read.unwrap_or(0);
        self.bytes.extend_from_slice(&buffer[..read]);
        read
    }

    fn next_whole(&mut self) -> Option<Record> {
        let space = self.bytes.iter().position(|&byte| byte == b' ')?;
        let length = std::str::from_utf8(&self.bytes[..space]).unwrap();
        assert!(!length.starts_with('0') && length.len() < 5, "{length:?}");
        let end = space + 1 + length.parse::<usize>().unwrap();
        let text = self.bytes.get(space + 1..end)?;
        let record = parse(std::str::from_utf8(text).unwrap());
        self.bytes.drain(..end);
        Some(record)
    }
}

/// Reads the two numbers out of a record.
pub(super) fn parse(text: &str) -> Record {
    assert!(text.starts_with("<133>1 "), "{text:?}");
    let between = |before: &str, after: char| {
        let rest = text.split_once(before).unwrap().1;
        rest.split_once(after).unwrap().0.parse().unwrap()
    };
    let number: usize = between("detail=\"", '"');
    assert!(text.ends_with(&format!("] started: {number}")), "{text:?}");
    Record {
        sequence: between("sequenceId=\"", '"'),
        number,
    }
}

/// The numbers alone.
pub(super) fn numbers(records: &[Record]) -> Vec<usize> {
    records.iter().map(|record| record.number).collect()
}
