//! Many packets, from anyone.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Netns;

/// `IPPROTO_RAW`: whole packets are given to the kernel, header and all.
const WHOLE: i32 = 255;

/// A quarter of the ring between the ends of a cable: what does not fit is lost without a trace.
const BURST: u32 = 64;

/// Sends TCP SYN segments from a namespace, each with another source port; how many went out.
///
/// The source addresses take turns; they need not be the namespace's own, only of the
/// destination's family.
pub fn syn(netns: &Netns, sources: &[IpAddr], to: SocketAddr, count: u32) -> Result<u64> {
    let socket = netns.inside(|| {
        Socket::new(
            Domain::for_address(to),
            Type::RAW,
            Some(Protocol::from(WHOLE)),
        )
        .context("raw socket")
    })?;
    // The port of the address must be 0 for a raw socket.
    let address = SocketAddr::new(to.ip(), 0).into();
    let mut sent = 0;
    for (number, source) in (0..count).zip(sources.iter().cycle()) {
        let port = u16::try_from(1024 + number % 60_000).unwrap_or(1024);
        let packet = packet(*source, port, to, number)?;
        if socket.send_to(&packet, &address).is_ok() {
            sent += 1;
        }
        if number % BURST == BURST - 1 {
            // The receiver may need this very CPU to empty its ring.
            thread::yield_now();
        }
    }
    Ok(sent)
}

/// Sends empty datagrams from an address of a namespace; how many went out.
pub fn udp(netns: &Netns, source: IpAddr, to: SocketAddr, count: u32) -> Result<u64> {
    let socket = netns.inside(|| Ok(UdpSocket::bind((source, 0))?))?;
    let mut sent = 0;
    for number in 0..count {
        if number % BURST == BURST - 1 {
            thread::yield_now();
        }
        // An ICMP error for an earlier one is reported by a later one, which then is not sent.
        if socket.send_to(&[], to).is_ok() {
            sent += 1;
        }
    }
    Ok(sent)
}

/// An IP packet with a SYN.
fn packet(source: IpAddr, port: u16, to: SocketAddr, sequence: u32) -> Result<Vec<u8>> {
    let mut tcp = Vec::with_capacity(20);
    tcp.extend(port.to_be_bytes());
    tcp.extend(to.port().to_be_bytes());
    tcp.extend(sequence.to_be_bytes());
    tcp.extend([0, 0, 0, 0]);
    // Five words of header, SYN, a window, and the checksum still to come.
    tcp.extend([0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    let mut pseudo = Vec::with_capacity(60);
    let mut packet = match (source, to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            pseudo.extend(source.octets());
            pseudo.extend(to.octets());
            let mut ip = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
            ip.extend(source.octets());
            ip.extend(to.octets());
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            ip
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            pseudo.extend(source.octets());
            pseudo.extend(to.octets());
            let mut ip = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
            ip.extend(source.octets());
            ip.extend(to.octets());
            ip
        }
        _ => anyhow::bail!("{source} and {to} are not of one family"),
    };
    pseudo.extend([0, 6, 0, 20]);
    pseudo.extend(&tcp);
    let sum = checksum(&pseudo);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    packet.extend(tcp);
    Ok(packet)
}

/// The Internet checksum, RFC 1071, of whole 16-bit words.
fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::syn;
    use crate::site::{Family, Site};
    use crate::wait::{LONG, until};

    /// The kernel answers a SYN only if its checksums are right.
    #[test]
    fn the_kernel_takes_them_for_real() {
        let site = Site::new().unwrap();
        let mut listeners = Vec::new();
        for family in Family::BOTH {
            let to = SocketAddr::new(family.outer(), 25);
            listeners.push(site.host.inside(|| Ok(TcpListener::bind(to)?)).unwrap());
            let sent = syn(&site.outside, &[family.untrusted()], to, 50).unwrap();
            assert_eq!(sent, 50);
        }
        // For each SYN-ACK that it did not ask for, the client's kernel sends a reset.
        until("100 resets", LONG, || {
            let counted = site.outside.run("nstat", &["-asz", "TcpOutRsts"])?;
            let resets = counted
                .lines()
                .find_map(|line| line.strip_prefix("TcpOutRsts"))
                .and_then(|rest| rest.split_whitespace().next());
            Ok((resets == Some("100")).then_some(()))
        })
        .unwrap();
    }
}
