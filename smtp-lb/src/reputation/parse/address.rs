//! Networks, addresses and ranges as feeds write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::LineFault;

/// First and last address of `192.0.2.0/24`, `192.0.2.1`, `192.0.2.0-192.0.2.9`, and of their
/// IPv6 kin. Bits past the prefix are ignored, as ipset and nftables do.
pub(super) fn network(text: &str) -> Result<(IpAddr, IpAddr), LineFault> {
    if let Some((address, prefix)) = text.split_once('/') {
        return masked(address.trim_end(), prefix.trim_start());
    }
    if let Some((first, last)) = text.split_once('-') {
        return range(address(first.trim_end())?, address(last.trim_start())?);
    }
    let only = address(text)?;
    Ok((only, only))
}

/// A network of an address and a prefix length or a mask.
pub(super) fn masked(text: &str, mask: &str) -> Result<(IpAddr, IpAddr), LineFault> {
    let plain = text.parse().map_err(|_| LineFault::NoAddress)?;
    match plain {
        IpAddr::V4(ip) => v4(ip, length_v4(mask)?),
        IpAddr::V6(ip) => {
            let length = length(mask, 128)?;
            // IPv4 in IPv6 clothes.
            match ip.to_ipv4_mapped() {
                Some(ip) if length >= 96 => v4(ip, length - 96),
                _ => v6(ip, length),
            }
        }
    }
}

fn address(text: &str) -> Result<IpAddr, LineFault> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.to_canonical()),
        Err(_) => Err(LineFault::NoAddress),
    }
}

fn range(first: IpAddr, last: IpAddr) -> Result<(IpAddr, IpAddr), LineFault> {
    let all = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            first == Ipv4Addr::UNSPECIFIED && last == Ipv4Addr::BROADCAST
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            u128::from(first) == 0 && u128::from(last) == u128::MAX
        }
        _ => return Err(LineFault::BadRange),
    };
    if all {
        return Err(LineFault::Everybody);
    }
    if last < first {
        return Err(LineFault::BadRange);
    }
    Ok((first, last))
}

fn v4(address: Ipv4Addr, length: u32) -> Result<(IpAddr, IpAddr), LineFault> {
    if length == 0 {
        return Err(LineFault::Everybody);
    }
    let host = u32::MAX.checked_shr(length).unwrap_or(0);
    let address = u32::from(address);
    Ok((
        Ipv4Addr::from(address & !host).into(),
        Ipv4Addr::from(address | host).into(),
    ))
}

fn v6(address: Ipv6Addr, length: u32) -> Result<(IpAddr, IpAddr), LineFault> {
    if length == 0 {
        return Err(LineFault::Everybody);
    }
    let host = u128::MAX.checked_shr(length).unwrap_or(0);
    let address = u128::from(address);
    Ok((
        Ipv6Addr::from(address & !host).into(),
        Ipv6Addr::from(address | host).into(),
    ))
}

/// A prefix length, or `255.255.255.0`.
fn length_v4(text: &str) -> Result<u32, LineFault> {
    if !text.contains('.') {
        return length(text, 32);
    }
    let mask: Ipv4Addr = text.parse().map_err(|_| LineFault::BadMask)?;
    let mask = u32::from(mask);
    if mask.leading_ones() + mask.trailing_zeros() < 32 {
        return Err(LineFault::BadMask);
    }
    Ok(mask.leading_ones())
}

fn length(text: &str, longest: u32) -> Result<u32, LineFault> {
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(LineFault::BadMask);
    }
    match text.parse() {
        Ok(length) if length <= longest => Ok(length),
        _ => Err(LineFault::BadMask),
    }
}
