//! Accept queues of this network namespace, as the kernel tells over `NETLINK_SOCK_DIAG` (`sock_diag(7)`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket};

const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const TCP: u8 = 6;
const LISTEN: u32 = 1 << 10;
/// Of a `nlmsghdr`, an `inet_diag_req_v2` and an `inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
const SOCKET: usize = 72;
/// The kernel fills at most 32 KiB at a time.
const ROOM: usize = 1 << 16;
/// Answers to one request: 65,536 listeners and more.
const ANSWERS: usize = 1_024;
/// Bound on the wait for one.
const WAIT: Duration = Duration::from_secs(1);

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) address: SocketAddr,
    /// Connections that wait to be accepted.
    pub(super) waiting: u32,
    /// How many may.
    pub(super) most: u32,
}

impl Queue {
    /// How full it is, in percent.
    pub(super) fn percent(&self) -> u32 {
        let percent = u64::from(self.waiting) * 100 / u64::from(self.most.max(1));
        u32::try_from(percent).unwrap_or(u32::MAX)
    }
}

/// Who asks. Its socket stays open, for when there are no descriptors left.
#[derive(Debug)]
pub(super) struct Asker {
    socket: OwnedFd,
    room: Vec<u8>,
}

impl Asker {
    /// Of the namespace that the thread is in.
    pub(super) fn new() -> io::Result<Self> {
        let socket = socket(
            AddressFamily::NETLINK,
            SocketType::RAW,
            Some(netlink::SOCK_DIAG),
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(WAIT))?;
        Ok(Self {
            socket,
            room: vec![0; ROOM],
        })
    }

    /// Every socket that listens for TCP. Blocks shortly.
    pub(super) fn ask(&mut self) -> io::Result<Vec<Queue>> {
        let mut queues = Vec::new();
        for family in [AddressFamily::INET, AddressFamily::INET6] {
            let family = u8::try_from(family.as_raw()).unwrap_or_default();
            send(&self.socket, &request(family), SendFlags::empty())?;
            self.answers(&mut queues)?;
        }
        Ok(queues)
    }

    fn answers(&mut self, queues: &mut Vec<Queue>) -> io::Result<()> {
        for _ in 0..ANSWERS {
            let (length, _) = recv(&self.socket, &mut self.room[..], RecvFlags::empty())?;
            if read(&self.room[..length.min(ROOM)], queues)? {
                return Ok(());
            }
        }
        Err(io::Error::other("the kernel's answer has no end"))
    }
}

fn request(family: u8) -> [u8; REQUEST] {
    let mut request = [0; REQUEST];
    let length = u32::try_from(REQUEST).unwrap_or_default();
    request[..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    request[HEADER] = family;
    request[HEADER + 1] = TCP;
    request[HEADER + 4..HEADER + 8].copy_from_slice(&LISTEN.to_ne_bytes());
    request
}

/// Reads one answer; whether it was the last.
fn read(mut answer: &[u8], queues: &mut Vec<Queue>) -> io::Result<bool> {
    while let Some((header, _)) = answer.split_first_chunk::<HEADER>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let Some(body) = answer.get(HEADER..length) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match kind {
            DONE => return Ok(true),
            ERROR => return Err(refusal(body)),
            _ => queues.extend(queue(body)),
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(false)
}

fn refusal(body: &[u8]) -> io::Error {
    let code = body
        .first_chunk::<4>()
        .map_or(0, |it| i32::from_ne_bytes(*it));
    io::Error::from_raw_os_error(code.saturating_neg())
}

/// An `inet_diag_msg`: family, state, …, source port (4), source (8), …, receive queue (56), send queue (60).
fn queue(body: &[u8]) -> Option<Queue> {
    let body = body.first_chunk::<SOCKET>()?;
    let port = u16::from_be_bytes([body[4], body[5]]);
    let word = |at: usize| u32::from_ne_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
    let source: [u8; 16] = body[8..24].try_into().ok()?;
    let ip: IpAddr = if u16::from(body[0]) == AddressFamily::INET.as_raw() {
        Ipv4Addr::new(source[0], source[1], source[2], source[3]).into()
    } else {
        Ipv6Addr::from(source).into()
    };
    Some(Queue {
        address: SocketAddr::new(ip, port),
        waiting: word(56),
        most: word(60),
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// The kernel's own answer about a socket of each family.
    #[test]
    fn queues_are_those_of_sockets() {
        let mut asker = Asker::new().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let mut of = || {
                let queues = asker.ask().unwrap();
                let found = queues.into_iter().find(|queue| queue.address == address);
                found.unwrap()
            };
            assert_eq!(of().waiting, 0);
            let _waiting: Vec<_> = (0..3)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            let queue = of();
            assert_eq!(queue.waiting, 3);
            assert!(queue.most >= 3);
        }
    }

    #[test]
    fn percent() {
        let queue = |waiting, most| Queue {
            address: SocketAddr::from(([0; 4], 25)),
            waiting,
            most,
        };
        for ((waiting, most), percent) in
            [((0, 0), 0), ((1, 4096), 0), ((8, 16), 50), ((17, 16), 106)]
        {
            assert_eq!(queue(waiting, most).percent(), percent);
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error_and_no_panic() {
        let mut queues = Vec::new();
        assert!(!read(&[], &mut queues).unwrap());
        for length in [0_u32, 15, 17, u32::MAX] {
            let mut message = [0; HEADER];
            message[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(read(&message, &mut queues).is_err(), "{length}");
        }
        let mut refused = [0; HEADER + 4];
        refused[0] = 20;
        refused[4] = 2;
        refused[HEADER..].copy_from_slice(&(-1_i32).to_ne_bytes());
        let error = read(&refused, &mut queues).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(queues.is_empty());
    }
}
