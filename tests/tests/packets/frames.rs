//! Frames, built field by field and with every freedom to be wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const RST: u8 = 0x04;
pub(crate) const SYN_ACK: u8 = SYN | ACK;

/// Hop-by-hop, routing, destination options, authentication.
pub(crate) const HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const AUTH: u8 = 51;
pub(crate) const DEST: u8 = 60;
const FRAGMENT: u8 = 44;

/// A frame under construction.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    tags: Vec<(u16, u16)>,
    src: IpAddr,
    dst: IpAddr,
    hops: u8,
    /// Words of IPv4 options.
    options: u8,
    /// IPv6 extension headers.
    extensions: Vec<u8>,
    /// Offset in units of 8 octets, and more to come.
    fragment: Option<(u16, bool)>,
    protocol: u8,
    payload: Vec<u8>,
    /// Octets cut off the payload, the IP header knowing.
    short: usize,
}

/// A TCP packet from `src` to `dst`.
pub(crate) fn tcp(src: &str, dst: &str, dport: u16, flags: u8) -> Frame {
    tcp_ports(src, dst, 40_000, dport, flags)
}

pub(crate) fn tcp_ports(src: &str, dst: &str, sport: u16, dport: u16, flags: u8) -> Frame {
    let mut header = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    header.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    ip(src, dst, 6, header)
}

/// A UDP packet.
pub(crate) fn udp(src: &str, dst: &str, sport: u16, dport: u16) -> Frame {
    let mut header = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    header.extend([0, 12, 0, 0, 1, 2, 3, 4]);
    ip(src, dst, 17, header)
}

/// ICMP or `ICMPv6` of a type and code, with a body.
pub(crate) fn icmp(src: &str, dst: &str, kind: u8, code: u8, body: &[u8]) -> Frame {
    let protocol = if src.contains(':') { 58 } else { 1 };
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(body);
    ip(src, dst, protocol, message)
}

/// Any IP packet.
pub(crate) fn ip(src: &str, dst: &str, protocol: u8, payload: Vec<u8>) -> Frame {
    Frame {
        tags: Vec::new(),
        src: src.parse().expect("an address"),
        dst: dst.parse().expect("an address"),
        hops: 64,
        options: 0,
        extensions: Vec::new(),
        fragment: None,
        protocol,
        payload,
        short: 0,
    }
}

impl Frame {
    pub(crate) fn vlan(mut self, id: u16) -> Self {
        self.tags.push((0x8100, id));
        self
    }

    /// A service tag outside a customer tag.
    pub(crate) fn qinq(mut self, outer: u16, inner: u16) -> Self {
        self.tags = vec![(0x88a8, outer), (0x8100, inner)];
        self
    }

    pub(crate) fn options(mut self, words: u8) -> Self {
        self.options = words;
        self
    }

    pub(crate) fn extensions(mut self, list: &[u8]) -> Self {
        self.extensions = list.to_vec();
        self
    }

    pub(crate) fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.fragment = Some((offset, more));
        self
    }

    pub(crate) fn hops(mut self, hops: u8) -> Self {
        self.hops = hops;
        self
    }

    /// Leaves only the first `octets` of the payload, as the IP header says, too.
    pub(crate) fn short(mut self, octets: usize) -> Self {
        self.short = self.payload.len() - octets;
        self
    }

    /// The IP packet alone.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let payload = &self.payload[..self.payload.len() - self.short];
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.v4(src, dst, payload),
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.v6(src, dst, payload),
            _ => panic!("one family"),
        }
    }

    /// The whole frame.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for (kind, id) in &self.tags {
            frame.extend(kind.to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        let kind: u16 = if self.src.is_ipv4() { 0x0800 } else { 0x86dd };
        frame.extend(kind.to_be_bytes());
        frame.extend(self.packet());
        frame
    }

    fn v4(&self, src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
        let words = 5 + self.options;
        let total = usize::from(words) * 4 + payload.len();
        let (offset, more) = self.fragment.unwrap_or((0, false));
        let mut packet = vec![0x40 | words, 0];
        packet.extend(u16::try_from(total).expect("a length").to_be_bytes());
        packet.extend([0, 7]);
        packet.extend((offset | if more { 0x2000 } else { 0 }).to_be_bytes());
        packet.extend([self.hops, self.protocol, 0, 0]);
        packet.extend(src.octets());
        packet.extend(dst.octets());
        packet.extend(vec![1; usize::from(self.options) * 4]);
        packet.extend(payload);
        packet
    }

    fn v6(&self, src: Ipv6Addr, dst: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
        let mut list = self.extensions.clone();
        if self.fragment.is_some() {
            list.push(FRAGMENT);
        }
        let mut chain = Vec::new();
        for (at, kind) in list.iter().enumerate() {
            let next = list.get(at + 1).copied().unwrap_or(self.protocol);
            match *kind {
                FRAGMENT => {
                    let (offset, more) = self.fragment.unwrap_or((0, false));
                    chain.extend([next, 0]);
                    chain.extend((offset << 3 | u16::from(more)).to_be_bytes());
                    chain.extend([0, 0, 0, 7]);
                }
                // 16 octets: 4 words less two.
                AUTH => chain.extend([next, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                _ => chain.extend([next, 0, 1, 4, 0, 0, 0, 0]),
            }
        }
        chain.extend(payload);
        let first = list.first().copied().unwrap_or(self.protocol);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(chain.len()).expect("a length").to_be_bytes());
        packet.extend([first, self.hops]);
        packet.extend(src.octets());
        packet.extend(dst.octets());
        packet.extend(chain);
        packet
    }
}

/// A frame that is not IP.
pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff; 12];
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}
