//! From the octets of a frame to what rules can ask about it.
//!
//! Ethernet with up to two VLAN tags, IPv4 with options, IPv6 with up to
//! [`MAX_EXTENSIONS`] extension headers, fragments told apart, TCP, UDP and ICMP.

use crate::reason::Reason;

/// Extension headers that are followed (RFC 8200 sets no bound).
pub const MAX_EXTENSIONS: usize = 8;
/// VLAN tags that are followed (802.1ad: service and customer tag).
pub const MAX_TAGS: usize = 2;
/// [`Packet::vlan`] of an untagged frame: not a VLAN id.
pub const NO_VLAN: u16 = 0xffff;

/// Headers that begin past so many octets are not read: the kernel's verifier wants a bound.
pub const MAX_OFFSET: usize = 2048;

/// Octets of a frame, read by value.
pub trait Frame {
    /// `N` octets from `offset`, or `None` if the frame ends before or `offset` is past
    /// [`MAX_OFFSET`].
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
}

impl Frame for [u8] {
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        self.get(offset..)?.first_chunk().copied()
    }
}

/// Which transport header was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Transport {
    /// A protocol without ports.
    Other = 0,
    /// TCP (RFC 9293).
    Tcp = 1,
    /// UDP (RFC 768).
    Udp = 2,
    /// ICMP or `ICMPv6`.
    Icmp = 3,
    /// A later fragment: the transport header went before.
    Later = 4,
}

/// TCP SYN flag.
pub const TCP_SYN: u8 = 0x02;
/// TCP RST flag.
pub const TCP_RST: u8 = 0x04;
/// TCP ACK flag.
pub const TCP_ACK: u8 = 0x10;

/// Protocol numbers (IANA).
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// `ICMPv6`.
    pub const ICMPV6: u8 = 58;
}

/// An IP packet, parsed. All fields are plain and always set, 0 where there is nothing to say:
/// the kernel's verifier refuses what a compiler makes of the holes in an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// IPv6.
    pub v6: bool,
    /// Source, as two words; IPv4 as `::ffff:a.b.c.d`.
    pub src: [u64; 2],
    /// Destination, likewise.
    pub dst: [u64; 2],
    /// Protocol number after all extension headers.
    pub protocol: u8,
    /// TTL or hop limit.
    pub hops: u8,
    /// Transport header found.
    pub transport: Transport,
    /// Source port of TCP and UDP.
    pub sport: u16,
    /// Destination port of TCP and UDP.
    pub dport: u16,
    /// Flags octet of TCP.
    pub flags: u8,
    /// Type of ICMP.
    pub icmp_type: u8,
    /// Code of ICMP.
    pub icmp_code: u8,
    /// Offset of the transport header, where one was found.
    pub offset: u16,
}

impl Packet {
    const NONE: Self = Self {
        v6: false,
        src: [0; 2],
        dst: [0; 2],
        protocol: 0,
        hops: 0,
        transport: Transport::Other,
        sport: 0,
        dport: 0,
        flags: 0,
        icmp_type: 0,
        icmp_code: 0,
        offset: 0,
    };
}

/// An IPv4 address as `::ffff:a.b.c.d`.
#[must_use]
#[inline(always)]
pub const fn mapped(address: u32) -> [u64; 2] {
    [0, 0xffff_0000_0000 | address as u64]
}

/// High and low half of an IPv6 address.
#[inline(always)]
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
pub const fn split(octets: [u8; 16]) -> [u64; 2] {
    let whole = u128::from_be_bytes(octets);
    [(whole >> 64) as u64, whole as u64]
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// Outer VLAN id or [`NO_VLAN`]; a tag that the card has taken off is not seen.
    pub vlan: u16,
    /// Index of the interface it came in by, which the frame itself does not say; 0: unknown.
    pub interface: u32,
    /// Only a question is asked, for which no rate of a rule is used up.
    pub question: bool,
    /// What decides the frame without a look at a packet.
    pub stop: Option<Reason>,
    /// The packet, if nothing stopped the parser.
    pub packet: Packet,
}

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// Parses a frame from its Ethernet header on.
#[inline(always)]
#[must_use]
pub fn parse<F: Frame + ?Sized>(frame: &F) -> Parsed {
    let mut vlan = NO_VLAN;
    let (stop, packet) = match link(frame, &mut vlan) {
        Ok(packet) => (None, packet),
        Err(reason) => (Some(reason), Packet::NONE),
    };
    Parsed {
        vlan,
        interface: 0,
        question: false,
        stop,
        packet,
    }
}

#[inline(always)]
fn link<F: Frame + ?Sized>(frame: &F, vlan: &mut u16) -> Result<Packet, Reason> {
    let mut ethertype = u16::from_be_bytes(frame.read(12).ok_or(Reason::Malformed)?);
    let mut offset = 14;
    for depth in 0..MAX_TAGS {
        if !ETHERTYPE_VLAN.contains(&ethertype) {
            break;
        }
        let [t0, t1, e0, e1] = frame.read(offset).ok_or(Reason::Malformed)?;
        if depth == 0 {
            *vlan = u16::from_be_bytes([t0, t1]) & 0x0fff;
        }
        ethertype = u16::from_be_bytes([e0, e1]);
        offset += 4;
    }
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, offset),
        ETHERTYPE_IPV6 => ipv6(frame, offset),
        ETHERTYPE_ARP => Err(Reason::Arp),
        _ => Err(Reason::NonIp),
    }
}

/// IPv4 (RFC 791).
#[inline(always)]
fn ipv4<F: Frame + ?Sized>(frame: &F, offset: usize) -> Result<Packet, Reason> {
    let header: [u8; 20] = frame.read(offset).ok_or(Reason::Malformed)?;
    let length = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] >> 4 != 4 || length < 20 || total < length {
        return Err(Reason::Malformed);
    }
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let protocol = header[9];
    let (later, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
    // RFC 3128: the second fragment at offset 8 would overwrite the TCP flags.
    if later == 1 && protocol == protocol::TCP {
        return Err(Reason::TinyFragment);
    }
    let mut packet = Packet {
        src: mapped(u32::from_be_bytes([
            header[12], header[13], header[14], header[15],
        ])),
        dst: mapped(u32::from_be_bytes([
            header[16], header[17], header[18], header[19],
        ])),
        protocol,
        hops: header[8],
        ..Packet::NONE
    };
    if later == 0 {
        transport(frame, offset + length, total - length, more, &mut packet)?;
    } else {
        packet.transport = Transport::Later;
    }
    Ok(packet)
}

/// IPv6 (RFC 8200).
#[inline(always)]
fn ipv6<F: Frame + ?Sized>(frame: &F, offset: usize) -> Result<Packet, Reason> {
    let [version, _, _, _, p0, p1, next, hops]: [u8; 8] =
        frame.read(offset).ok_or(Reason::Malformed)?;
    if version >> 4 != 6 {
        return Err(Reason::Malformed);
    }
    let src: [u8; 16] = frame.read(offset + 8).ok_or(Reason::Malformed)?;
    let dst: [u8; 16] = frame.read(offset + 24).ok_or(Reason::Malformed)?;
    // 0 stands for a jumbo payload, whose length the frame itself bounds.
    let payload = match usize::from(u16::from_be_bytes([p0, p1])) {
        0 => usize::MAX,
        payload => payload,
    };
    let chain = extensions(frame, offset + 40, next)?;
    let mut packet = Packet {
        v6: true,
        src: split(src),
        dst: split(dst),
        protocol: chain.protocol,
        hops,
        ..Packet::NONE
    };
    if chain.later {
        packet.transport = Transport::Later;
    } else {
        let left = payload
            .checked_sub(chain.offset - offset - 40)
            .ok_or(Reason::Malformed)?;
        transport(frame, chain.offset, left, chain.more, &mut packet)?;
    }
    Ok(packet)
}

struct Chain {
    offset: usize,
    protocol: u8,
    /// A later fragment: what follows is not a header.
    later: bool,
    /// A first fragment.
    more: bool,
}

#[inline(always)]
fn extensions<F: Frame + ?Sized>(frame: &F, offset: usize, next: u8) -> Result<Chain, Reason> {
    let mut chain = Chain {
        offset,
        protocol: next,
        later: false,
        more: false,
    };
    for _ in 0..MAX_EXTENSIONS {
        // Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP, shim6.
        if !matches!(chain.protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
            return Ok(chain);
        }
        let [next, length, f0, f1]: [u8; 4] = frame.read(chain.offset).ok_or(Reason::Malformed)?;
        match chain.protocol {
            44 => {
                let fragment = u16::from_be_bytes([f0, f1]);
                chain.more = fragment & 1 != 0;
                chain.later = fragment >> 3 != 0;
                chain.offset += 8;
            }
            51 => chain.offset += (usize::from(length) + 2) * 4,
            _ => chain.offset += (usize::from(length) + 1) * 8,
        }
        chain.protocol = next;
        if chain.later {
            return Ok(chain);
        }
    }
    if matches!(chain.protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
        return Err(Reason::Unparsable);
    }
    Ok(chain)
}

/// Reads the transport header at `offset`, of which the IP header says that `left` octets are
/// there.
///
/// A first fragment (`first`) must hold the whole header, or it could hide it from every filter.
#[inline(always)]
fn transport<F: Frame + ?Sized>(
    frame: &F,
    offset: usize,
    left: usize,
    first: bool,
    packet: &mut Packet,
) -> Result<(), Reason> {
    let short = if first {
        Reason::TinyFragment
    } else {
        Reason::Malformed
    };
    let (transport, length) = match packet.protocol {
        protocol::TCP => (Transport::Tcp, 20),
        protocol::UDP => (Transport::Udp, 8),
        protocol::ICMP | protocol::ICMPV6 => (Transport::Icmp, 8),
        _ => return Ok(()),
    };
    if left < length {
        return Err(short);
    }
    let header: [u8; 8] = frame.read(offset).ok_or(short)?;
    packet.transport = transport;
    #[expect(clippy::cast_possible_truncation, reason = "at most MAX_OFFSET")]
    let short_offset = offset as u16;
    packet.offset = short_offset;
    if transport as u8 == Transport::Icmp as u8 {
        (packet.icmp_type, packet.icmp_code) = (header[0], header[1]);
        return Ok(());
    }
    packet.sport = u16::from_be_bytes([header[0], header[1]]);
    packet.dport = u16::from_be_bytes([header[2], header[3]]);
    if transport as u8 == Transport::Tcp as u8 {
        let rest: [u8; 8] = frame.read(offset + 12).ok_or(short)?;
        if rest[0] >> 4 < 5 {
            return Err(Reason::Malformed);
        }
        packet.flags = rest[1];
    }
    Ok(())
}

/// A connection of this host, seen from outside: `remote` sends, `local` is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// IPv6.
    pub v6: bool,
    /// The other side, as in [`Packet::src`].
    pub src: [u64; 2],
    /// This host, as in [`Packet::dst`].
    pub dst: [u64; 2],
    /// TCP or UDP.
    pub tcp: bool,
    /// Port of the other side.
    pub remote: u16,
    /// Port of ours.
    pub local: u16,
}

/// The connection that an ICMP error at `offset` is about: the packet inside went out from here.
#[inline(always)]
pub fn inner_flow<F: Frame + ?Sized>(frame: &F, offset: u16, v6: bool) -> Option<Flow> {
    // No header begins past MAX_OFFSET; the mask says so to the verifier.
    let inner = usize::from(offset & 0x0fff) + 8;
    let (src, dst, protocol, at) = if v6 {
        let header: [u8; 8] = frame.read(inner)?;
        let ours: [u8; 16] = frame.read(inner + 8)?;
        let theirs: [u8; 16] = frame.read(inner + 24)?;
        if header[0] >> 4 != 6 {
            return None;
        }
        (split(theirs), split(ours), header[6], inner + 40)
    } else {
        let header: [u8; 20] = frame.read(inner)?;
        let length = usize::from(header[0] & 0x0f) * 4;
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        if header[0] >> 4 != 4 || length < 20 || fragment & 0x1fff != 0 {
            return None;
        }
        let theirs = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
        let ours = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
        (mapped(theirs), mapped(ours), header[9], inner + length)
    };
    if protocol != protocol::TCP && protocol != protocol::UDP {
        return None;
    }
    let [l0, l1, r0, r1]: [u8; 4] = frame.read(at)?;
    Some(Flow {
        v6,
        src,
        dst,
        tcp: protocol == protocol::TCP,
        remote: u16::from_be_bytes([r0, r1]),
        local: u16::from_be_bytes([l0, l1]),
    })
}
