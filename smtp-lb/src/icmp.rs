//! Echo request and reply (RFC 792, RFC 4443 section 4).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::chance;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PingError {
    /// The system does not let us.
    #[error("no permission to send echo requests")]
    Permission,
    /// All sequence numbers were asked with.
    #[error("no answer")]
    Silence,
    /// Anything else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A request without an answer is repeated.
const AGAIN: Duration = Duration::from_secs(1);
const HEADER: usize = 8;
const NONCE: usize = 16;

/// Asks until it is answered.
pub(crate) async fn ping(address: SocketAddr, source: Option<IpAddr>) -> Result<(), PingError> {
    let v4 = address.is_ipv4();
    let (socket, bare) = open(v4)?;
    if let Some(source) = source.filter(|source| source.is_ipv4() == v4) {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    // So that the kernel leaves out what others send.
    let mut peer = address;
    peer.set_port(0);
    socket.connect(&peer.into())?;
    socket.set_nonblocking(true)?;
    // Of datagrams it is; the runtime only sends and receives.
    let socket = UdpSocket::from_std(socket.into())?;

    let nonce = [chance::draw().to_be_bytes(), chance::draw().to_be_bytes()].concat();
    let mut buffer = [0; 256];
    for sequence in 0..=u16::MAX {
        socket.send(&request(v4, sequence, &nonce)).await?;
        let answered = async {
            loop {
                let read = socket.recv(&mut buffer).await?;
                if is_answer(v4, bare, &buffer[..read], &nonce) {
                    return Ok::<(), io::Error>(());
                }
            }
        };
        if let Ok(answered) = timeout(AGAIN, answered).await {
            return Ok(answered?);
        }
    }
    Err(PingError::Silence)
}

/// A socket for ICMP, and whether it gives messages without the header of IP.
fn open(v4: bool) -> Result<(Socket, bool), PingError> {
    let (domain, protocol) = if v4 {
        (Domain::IPV4, Protocol::ICMPV4)
    } else {
        (Domain::IPV6, Protocol::ICMPV6)
    };
    // Where the system lets our group ping, no privilege is needed.
    if let Ok(socket) = Socket::new(domain, Type::DGRAM, Some(protocol)) {
        return Ok((socket, true));
    }
    match Socket::new(domain, Type::RAW, Some(protocol)) {
        Ok(socket) => Ok((socket, !v4)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(PingError::Permission),
        Err(error) => Err(error.into()),
    }
}

fn request(v4: bool, sequence: u16, nonce: &[u8]) -> Vec<u8> {
    let mut message = vec![if v4 { 8 } else { 128 }, 0, 0, 0];
    // The identifier of a datagram socket is the kernel's; the nonce tells answers apart.
    message.extend_from_slice(&nonce[..2]);
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(nonce);
    // That of ICMPv6 covers a pseudo header, and is the kernel's.
    if v4 {
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

fn is_answer(v4: bool, bare: bool, octets: &[u8], nonce: &[u8]) -> bool {
    let message = if bare {
        octets
    } else {
        let header = octets
            .first()
            .map_or(0, |first| usize::from(first & 15) * 4);
        octets.get(header..).unwrap_or_default()
    };
    let reply = if v4 { 0 } else { 129 };
    message.first() == Some(&reply) && message.get(HEADER..HEADER + NONCE) == Some(nonce)
}

/// RFC 1071.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // At most 16 bits are left.
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_carry_a_checksum_of_their_own() {
        let nonce = [7; NONCE];
        let message = request(true, 3, &nonce);
        assert_eq!(checksum(&message), 0);
        assert_eq!(&message[6..8], [0, 3]);
        // The sum of RFC 1071, section 3.
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2);
    }

    #[test]
    fn only_our_own_answers_count() {
        let nonce = [7; NONCE];
        let mut answer = request(true, 0, &nonce);
        assert!(
            !is_answer(true, true, &answer, &nonce),
            "the request itself"
        );
        answer[0] = 0;
        assert!(is_answer(true, true, &answer, &nonce));
        assert!(!is_answer(true, true, &answer, &[8; NONCE]));
        assert!(!is_answer(true, true, &answer[..20], &nonce), "cut");
        let mut whole = vec![0x46; 24];
        whole.extend_from_slice(&answer);
        assert!(
            is_answer(true, false, &whole, &nonce),
            "behind options of IP"
        );
        for garbage in [&[][..], &[0x4f], &[0; 8]] {
            assert!(!is_answer(true, false, garbage, &nonce));
        }
    }
}
