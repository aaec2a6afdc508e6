//! What a rejected packet is answered by, made in its own frame.
//!
//! TCP by a reset (RFC 9293, 3.10.7.1), everything else by ICMP destination unreachable,
//! administratively prohibited (RFC 1812, 5.2.7.1; RFC 4443, 3.1). The link header stays as it is, tags
//! and all, with its two addresses exchanged; then come new headers, and of ICMP what was sent.

use crate::packet::{Frame, Packet, TCP_ACK, Transport, protocol};

/// Octets of the longest link header: Ethernet and two VLAN tags.
pub const LINK: usize = 22;
/// Octets of the longest headers of an answer: IPv6, TCP and its one option.
pub const HEAD: usize = 64;
/// Octets of a packet that an ICMP error quotes: the whole stays within 576 (RFC 1812, 4.3.2.3).
pub const QUOTE_V4: usize = 576 - 28;
/// The same of `ICMPv6`: within the smallest MTU (RFC 4443, 3.1).
pub const QUOTE_V6: usize = 1280 - 48;

const TCP_FIN: u8 = 0x01;
const TCP_SYN: u8 = 0x02;
const TCP_RST: u8 = 0x04;
const HOPS: u8 = 64;
/// Internetwork control, for ICMP errors (RFC 1812, 4.3.2.5).
const CONTROL: u8 = 0xc0;

/// Whether a rejected packet may be answered at all: never a reset, an ICMP error or a redirect, a later
/// fragment, or anything from or to more than one host (RFC 1122, 3.2.2; RFC 4443, 2.4 e). A frame that
/// is not there, as of a connection judged at accept, was for one host.
#[must_use]
#[inline(always)]
pub fn may_be<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> bool {
    if let Some(ethernet) = frame.read::<12>(0)
        && (ethernet[0] | ethernet[6]) & 1 != 0
    {
        return false;
    }
    let asks = match packet.transport {
        Transport::Later => false,
        Transport::Tcp => packet.flags & TCP_RST == 0,
        Transport::Icmp if packet.v6 => packet.icmp_type >= 128 && packet.icmp_type != 137,
        // Echo, time stamp, information, address mask, and the replies to them.
        Transport::Icmp => matches!(packet.icmp_type, 0 | 8 | 13..=18),
        Transport::Udp | Transport::Other => true,
    };
    asks && is_one_host(packet.v6, packet.src) && is_one_host(packet.v6, packet.dst)
}

/// Not unspecified, loopback, multicast, broadcast or reserved.
#[inline(always)]
const fn is_one_host(v6: bool, address: [u64; 2]) -> bool {
    if v6 {
        return address[0] >> 56 != 0xff && !(address[0] == 0 && address[1] <= 1);
    }
    let first = address[1] >> 24 & 0xff;
    first != 0 && first != 127 && first < 224
}

/// What the headers of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 and TCP, nothing behind.
    ResetV4,
    /// IPv6 and TCP, nothing behind.
    ResetV6,
    /// IPv4 and ICMP, the packet behind.
    UnreachableV4,
    /// IPv6 and `ICMPv6`, the packet behind.
    UnreachableV6,
}

impl Kind {
    /// What answers a packet.
    #[must_use]
    #[inline(always)]
    pub const fn of(packet: &Packet) -> Self {
        match (matches!(packet.transport, Transport::Tcp), packet.v6) {
            (true, false) => Self::ResetV4,
            (true, true) => Self::ResetV6,
            (false, false) => Self::UnreachableV4,
            (false, true) => Self::UnreachableV6,
        }
    }

    /// Octets of its headers.
    #[must_use]
    #[inline(always)]
    pub const fn length(self) -> usize {
        match self {
            Self::ResetV4 => 40,
            Self::ResetV6 => 60,
            Self::UnreachableV4 => 28,
            Self::UnreachableV6 => 48,
        }
    }

    /// Octets of a packet that it may quote.
    #[must_use]
    #[inline(always)]
    pub const fn quotes(self) -> usize {
        match self {
            Self::ResetV4 | Self::ResetV6 => 0,
            Self::UnreachableV4 => QUOTE_V4,
            Self::UnreachableV6 => QUOTE_V6,
        }
    }
}

/// Octets of the link header of a frame that holds an IP packet.
#[must_use]
#[inline(always)]
pub fn link_length<F: Frame + ?Sized>(frame: &F) -> Option<usize> {
    let is_tag = |at: usize| -> Option<bool> {
        let kind = u16::from_be_bytes(frame.read(at)?);
        Some(matches!(kind, 0x8100 | 0x88a8 | 0x9100))
    };
    if !is_tag(12)? {
        return Some(14);
    }
    Some(if is_tag(16)? { LINK } else { 18 })
}

/// Writes the link header of an answer, and whatever followed it.
#[inline(always)]
pub fn link<F: Frame + ?Sized>(frame: &F, link: &mut [u8; LINK]) -> Option<()> {
    let (us, them): ([u8; 6], [u8; 6]) = (frame.read(0)?, frame.read(6)?);
    let (tags, rest): ([u8; 8], [u8; 2]) = (frame.read(12)?, frame.read(20)?);
    put(link, 0, them);
    put(link, 6, us);
    put(link, 12, tags);
    put(link, 20, rest);
    Some(())
}

/// Octets of the IP packet at `link`, as it says itself; a jumbogram says nothing.
#[must_use]
#[inline(always)]
pub fn packet_length<F: Frame + ?Sized>(frame: &F, link: usize, packet: &Packet) -> Option<usize> {
    if packet.v6 {
        return match u16::from_be_bytes(frame.read(link + 4)?) {
            0 => Some(usize::MAX),
            payload => Some(usize::from(payload) + 40),
        };
    }
    Some(usize::from(u16::from_be_bytes(frame.read(link + 2)?)))
}

/// Writes the headers of the reset that answers a TCP segment.
///
/// A segment with ACK has said which number the reset must have; to any other it must acknowledge all
/// of it.
#[inline(always)]
pub fn reset<F: Frame + ?Sized>(
    frame: &F,
    link: usize,
    packet: &Packet,
    head: &mut [u8; HEAD],
) -> Option<()> {
    let at = usize::from(packet.offset & 0x0fff);
    let numbers: [u8; 8] = frame.read(at + 4)?;
    let [data_offset] = frame.read(at + 12)?;
    let sent = u32::from_be_bytes([numbers[0], numbers[1], numbers[2], numbers[3]]);
    let acknowledged = u32::from_be_bytes([numbers[4], numbers[5], numbers[6], numbers[7]]);
    let (number, confirms, flags) = if packet.flags & TCP_ACK != 0 {
        (acknowledged, 0, TCP_RST)
    } else {
        let headers = at - link + usize::from(data_offset >> 4) * 4;
        let data = match packet_length(frame, link, packet)? {
            usize::MAX => 0,
            length => length.saturating_sub(headers),
        };
        #[expect(clippy::cast_possible_truncation, reason = "less than 65,576")]
        let data = data as u32;
        let length = data
            .wrapping_add(u32::from(packet.flags & TCP_SYN != 0))
            .wrapping_add(u32::from(packet.flags & TCP_FIN != 0));
        (0, sent.wrapping_add(length), TCP_RST | TCP_ACK)
    };
    let ports = u32::from(packet.dport) << 16 | u32::from(packet.sport);
    let flags = 0x5000 | u16::from(flags);
    let checksum = pseudo(packet, protocol::TCP, 20)
        + words(ports)
        + words(number)
        + words(confirms)
        + u32::from(flags);
    let tcp = Tcp {
        ports,
        number,
        confirms,
        flags,
        checksum: !fold(checksum),
    };
    *head = [0; HEAD];
    if packet.v6 {
        ipv6(packet, protocol::TCP, 20, head);
        tcp.write(head, 40);
    } else {
        ipv4(packet, protocol::TCP, 40, 0, head);
        tcp.write(head, 20);
    }
    Some(())
}

struct Tcp {
    ports: u32,
    number: u32,
    confirms: u32,
    flags: u16,
    checksum: u16,
}

impl Tcp {
    #[inline(always)]
    fn write(&self, head: &mut [u8; HEAD], at: usize) {
        put(head, at, self.ports.to_be_bytes());
        put(head, at + 4, self.number.to_be_bytes());
        put(head, at + 8, self.confirms.to_be_bytes());
        put(head, at + 12, self.flags.to_be_bytes());
        put(head, at + 16, self.checksum.to_be_bytes());
    }
}

/// Writes the headers of the ICMP error that answers a packet by its first `quoted` octets. `sum` is the ones'
/// complement sum of these as words in network order, 0 behind an odd last one (RFC 1071).
#[inline(always)]
pub fn unreachable(packet: &Packet, quoted: usize, sum: u16, head: &mut [u8; HEAD]) {
    *head = [0; HEAD];
    #[expect(clippy::cast_possible_truncation, reason = "at most 1,280")]
    let length = quoted as u32 + 8;
    // Type and code: prohibited.
    if packet.v6 {
        ipv6(packet, protocol::ICMPV6, length, head);
        let sum = pseudo(packet, protocol::ICMPV6, length) + u32::from(sum);
        error(head, 40, 0x0101, sum);
    } else {
        ipv4(packet, protocol::ICMP, length + 20, CONTROL, head);
        error(head, 20, 0x030d, u32::from(sum));
    }
}

#[inline(always)]
fn error(head: &mut [u8; HEAD], at: usize, kind: u16, sum: u32) {
    let checksum = !fold(sum + u32::from(kind));
    put(head, at, kind.to_be_bytes());
    put(head, at + 2, checksum.to_be_bytes());
}

/// An IPv4 header back to the sender. It cannot be fragmented, so it needs no number (RFC 6864).
#[inline(always)]
pub(crate) fn ipv4(packet: &Packet, protocol: u8, length: u32, service: u8, head: &mut [u8; HEAD]) {
    let (from, to) = (v4(packet.dst), v4(packet.src));
    #[expect(clippy::cast_possible_truncation, reason = "at most 576")]
    let length = length as u16;
    let first = 0x4500 | u16::from(service);
    let hops = u16::from(HOPS) << 8 | u16::from(protocol);
    let sum = u32::from(first) + u32::from(length) + 0x4000 + u32::from(hops);
    let sum = sum + words(from) + words(to);
    put(head, 0, first.to_be_bytes());
    put(head, 2, length.to_be_bytes());
    put(head, 6, [0x40, 0]);
    put(head, 8, hops.to_be_bytes());
    put(head, 10, (!fold(sum)).to_be_bytes());
    put(head, 12, from.to_be_bytes());
    put(head, 16, to.to_be_bytes());
}

/// An IPv6 header back to the sender.
#[inline(always)]
pub(crate) fn ipv6(packet: &Packet, protocol: u8, length: u32, head: &mut [u8; HEAD]) {
    #[expect(clippy::cast_possible_truncation, reason = "at most 1,240")]
    let length = length as u16;
    head[0] = 0x60;
    put(head, 4, length.to_be_bytes());
    (head[6], head[7]) = (protocol, HOPS);
    put(head, 8, packet.dst[0].to_be_bytes());
    put(head, 16, packet.dst[1].to_be_bytes());
    put(head, 24, packet.src[0].to_be_bytes());
    put(head, 32, packet.src[1].to_be_bytes());
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the IPv4 address is the low half"
)]
const fn v4(address: [u64; 2]) -> u32 {
    address[1] as u32
}

/// Writes octets at a place that the caller knows to be within.
#[inline(always)]
pub(crate) fn put<const N: usize>(head: &mut [u8], at: usize, octets: [u8; N]) {
    for (n, octet) in octets.into_iter().enumerate() {
        if let Some(place) = head.get_mut(at + n) {
            *place = octet;
        }
    }
}

/// Sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1).
#[inline(always)]
pub(crate) const fn pseudo(packet: &Packet, protocol: u8, length: u32) -> u32 {
    let addresses = if packet.v6 {
        let [[s0, s1], [d0, d1]] = [packet.src, packet.dst];
        long(s0) + long(s1) + long(d0) + long(d1)
    } else {
        words(v4(packet.src)) + words(v4(packet.dst))
    };
    addresses + protocol as u32 + words(length)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "both halves")]
const fn long(word: u64) -> u32 {
    words((word >> 32) as u32) + words(word as u32)
}

#[inline(always)]
pub(crate) const fn words(word: u32) -> u32 {
    (word >> 16) + (word & 0xffff)
}

/// A sum of fewer than 65,536 words, as one.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "folded")]
pub const fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    ((once >> 16) + once) as u16
}

/// Octets that an answer quotes: the packet, but not what fills a short frame up.
#[must_use]
#[inline(always)]
pub fn quoted(kind: Kind, frame_length: usize, link: usize, packet_length: usize) -> usize {
    let there = frame_length.saturating_sub(link);
    let whole = if packet_length < there {
        packet_length
    } else {
        there
    };
    if whole < kind.quotes() {
        whole
    } else {
        kind.quotes()
    }
}

#[cfg(test)]
mod tests;
