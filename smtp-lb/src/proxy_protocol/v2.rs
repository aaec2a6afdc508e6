//! Version 2: binary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tlv::{self, CHECKSUM};
use super::{Addresses, Header, HeaderError, MAX, may_begin};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Octets before the addresses: the signature, version and command, family, length.
pub(super) const FIXED: usize = 16;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPEC: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

pub(super) fn decode(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    if !may_begin(octets, SIGNATURE) {
        return Err(HeaderError::Signature);
    }
    let Some((fixed, _)) = octets.split_first_chunk::<FIXED>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed;
    if command >> 4 != 2 {
        return Err(HeaderError::Version);
    }
    if command != LOCAL && command != PROXY {
        return Err(HeaderError::Command);
    }
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX {
        return Err(HeaderError::TooLong);
    }
    // Unspecified, IPv4, IPv6 and Unix; unspecified, stream and datagram.
    if family >> 4 > 3 || family & 0xf > 2 {
        return Err(HeaderError::Family);
    }
    let Some(whole) = octets.get(..length) else {
        return Ok(None);
    };
    let size = match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    };
    let rest = whole.get(FIXED..).unwrap_or_default();
    let (addresses, fields) = match rest.split_at_checked(size) {
        Some(parts) => parts,
        // The receiver of LOCAL is to skip what stands there.
        None if command == LOCAL => (&[][..], &[][..]),
        None => return Err(HeaderError::TooShort),
    };
    let mut header = tlv::decode(whole, fields)?;
    header.addresses = match (command, family) {
        (PROXY, TCP4) => four(addresses),
        (PROXY, TCP6) => six(addresses),
        _ => None,
    };
    Ok(Some((header, length)))
}

fn four(octets: &[u8]) -> Option<Addresses> {
    let (source, rest) = octets.split_first_chunk::<4>()?;
    let (destination, ports) = rest.split_first_chunk::<4>()?;
    both(
        Ipv4Addr::from(*source).into(),
        Ipv4Addr::from(*destination).into(),
        ports,
    )
}

fn six(octets: &[u8]) -> Option<Addresses> {
    let (source, rest) = octets.split_first_chunk::<16>()?;
    let (destination, ports) = rest.split_first_chunk::<16>()?;
    both(
        Ipv6Addr::from(*source).into(),
        Ipv6Addr::from(*destination).into(),
        ports,
    )
}

fn both(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Option<Addresses> {
    let ports: [u8; 4] = ports.try_into().ok()?;
    let [a, b, c, d] = ports;
    Some(Addresses {
        source: SocketAddr::new(source, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    })
}

pub(super) fn encode(header: &Header) -> Vec<u8> {
    let addresses = header.addresses.and_then(Addresses::canonical);
    let (command, family) = match addresses {
        // A connection of our own, which has no client.
        None if *header == Header::default() => (LOCAL, UNSPEC),
        None => (PROXY, UNSPEC),
        Some(it) if it.source.is_ipv4() => (PROXY, TCP4),
        Some(_) => (PROXY, TCP6),
    };
    let mut octets = SIGNATURE.to_vec();
    octets.extend([command, family, 0, 0]);
    if let Some(Addresses {
        source,
        destination,
    }) = addresses
    {
        for ip in [source.ip(), destination.ip()] {
            match ip {
                IpAddr::V4(ip) => octets.extend(ip.octets()),
                IpAddr::V6(ip) => octets.extend(ip.octets()),
            }
        }
        octets.extend(source.port().to_be_bytes());
        octets.extend(destination.port().to_be_bytes());
    }
    tlv::encode(header, &mut octets);
    // Of a checksum: type, length, and zeros in its place until it is known.
    octets.extend([CHECKSUM, 0, 4, 0, 0, 0, 0]);
    let length = u16::try_from(octets.len() - FIXED).unwrap_or(u16::MAX);
    if let Some(place) = octets.get_mut(FIXED - 2..FIXED) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    let sum = tlv::checksum(&octets, octets.len() - 4);
    if let Some(place) = octets.last_chunk_mut::<4>() {
        *place = sum.to_be_bytes();
    }
    octets
}
