//! Version 1: a line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Header, HeaderError, may_begin};

/// Octets of a line, CRLF included.
pub(super) const MAX_LINE: usize = 107;

const BEGIN: &[u8] = b"PROXY ";

pub(super) fn decode(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    if !may_begin(octets, BEGIN) {
        return Err(HeaderError::Signature);
    }
    let seen = octets.get(..MAX_LINE).unwrap_or(octets);
    let Some(end) = seen.windows(2).position(|pair| pair == b"\r\n") else {
        if seen.len() == MAX_LINE {
            return Err(HeaderError::Line);
        }
        return Ok(None);
    };
    let line = seen.get(BEGIN.len()..end).ok_or(HeaderError::Words)?;
    let header = Header {
        addresses: addresses(line)?,
        ..Header::default()
    };
    Ok(Some((header, end + 2)))
}

fn addresses(line: &[u8]) -> Result<Option<Addresses>, HeaderError> {
    let line = str::from_utf8(line).map_err(|_| HeaderError::Words)?;
    let mut words = line.split(' ');
    let ip: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => |word| Some(word.parse::<Ipv4Addr>().ok()?.into()),
        Some("TCP6") => |word| Some(word.parse::<Ipv6Addr>().ok()?.into()),
        _ => return Err(HeaderError::Words),
    };
    let mut next = || words.next().ok_or(HeaderError::Words);
    let (source, destination) = (next()?, next()?);
    let (source_port, destination_port) = (next()?, next()?);
    if words.next().is_some() {
        return Err(HeaderError::Words);
    }
    let both = || {
        Some(Addresses {
            source: SocketAddr::new(ip(source)?, port(source_port)?),
            destination: SocketAddr::new(ip(destination)?, port(destination_port)?),
        })
    };
    both().map(Some).ok_or(HeaderError::Words)
}

/// Digits only, and no zero before others.
fn port(word: &str) -> Option<u16> {
    let digits = word.bytes().all(|octet| octet.is_ascii_digit());
    let canonical = digits && (word == "0" || !word.starts_with('0'));
    canonical.then(|| word.parse().ok()).flatten()
}

pub(super) fn encode(addresses: Option<Addresses>) -> Vec<u8> {
    let Some(Addresses {
        source,
        destination,
    }) = addresses.and_then(Addresses::canonical)
    else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
    .into_bytes()
}
