//! Networks and single addresses.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Subnets};

use super::Fault;
use super::endpoint::parse_address;
use crate::config::diagnostic::quote;

/// Reads `"192.0.2.0/24"`, `"2001:db8::/32"`, or an address, which means itself alone.
pub(crate) fn parse(text: &str) -> Result<IpNet, Fault> {
    let Some((address, prefix)) = text.split_once('/') else {
        return parse_address(text).map(IpNet::from);
    };
    let address = parse_address(address)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let network = prefix
        .parse()
        .ok()
        .filter(|_| prefix.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|prefix| IpNet::new(address, prefix).ok())
        .ok_or_else(|| {
            Fault::new(
                format!("{} is not the length of a prefix", quote(prefix)),
                match from_mask(address, prefix) {
                    Some(network) => format!("write `\"{network}\"`"),
                    None => {
                        format!("write a number from 0 to {longest}, as `\"{address}/{longest}\"`")
                    }
                },
            )
        })?;
    let masked = network.trunc();
    if masked != network {
        return Err(Fault::new(
            format!("{} has bits set beyond its prefix", quote(text)),
            format!("write `\"{masked}\"` for the network, or `\"{address}\"` for the one address"),
        ));
    }
    Ok(network)
}

/// Reads what [`parse`] reads, or a range, `"10.0.0.5-10.0.0.90"`, ends included, as the networks
/// that make it up.
pub(crate) fn parse_several(text: &str) -> Result<Vec<IpNet>, Fault> {
    let Some((first, last)) = text.split_once('-') else {
        return parse(text).map(|network| vec![network]);
    };
    let (first, last) = (parse_address(first.trim())?, parse_address(last.trim())?);
    let backwards = first > last;
    match (first, last) {
        _ if first.is_ipv4() != last.is_ipv4() => Err(Fault::new(
            format!("{} is of two families", quote(text)),
            "write both ends as IPv4 or both as IPv6 addresses",
        )),
        _ if backwards => Err(Fault::new(
            format!("{} ends before it begins", quote(text)),
            format!("write `\"{last}-{first}\"`"),
        )),
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ok(Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Ok(Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// `192.0.2.0/255.255.255.0`, as other programs write it.
fn from_mask(address: IpAddr, mask: &str) -> Option<Ipv4Net> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    Ipv4Net::with_netmask(address, mask.parse().ok()?)
        .ok()
        .map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (text, network) in [
            ("10.0.0.5", "10.0.0.5/32"),
            ("fd00::5", "fd00::5/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("fd77::/123", "fd77::/123"),
        ] {
            assert_eq!(parse(text), Ok(network.parse().unwrap()), "{text}");
        }
        let four = "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`";
        for (text, message, help) in [
            (
                "10.0.0.5/24",
                "`10.0.0.5/24` has bits set beyond its prefix",
                "write `\"10.0.0.0/24\"` for the network, or `\"10.0.0.5\"` for the one address",
            ),
            (
                "fd77::1/64",
                "`fd77::1/64` has bits set beyond its prefix",
                "write `\"fd77::/64\"` for the network, or `\"fd77::1\"` for the one address",
            ),
            (
                "10.0.0.0/33",
                "`33` is not the length of a prefix",
                "write a number from 0 to 32, as `\"10.0.0.0/32\"`",
            ),
            (
                "10.0.0.0/+8",
                "`+8` is not the length of a prefix",
                "write a number from 0 to 32, as `\"10.0.0.0/32\"`",
            ),
            (
                "fd00::/129",
                "`129` is not the length of a prefix",
                "write a number from 0 to 128, as `\"fd00::/128\"`",
            ),
            (
                "10.0.0.5/255.255.255.0",
                "`255.255.255.0` is not the length of a prefix",
                "write `\"10.0.0.0/24\"`",
            ),
            ("10.0.0/8", "`10.0.0` is not an address", four),
            ("any", "`any` is not an address", four),
            (
                "::ffff:10.0.0.1",
                "`::ffff:10.0.0.1` is an IPv4 address written as IPv6",
                "write `10.0.0.1`",
            ),
        ] {
            assert_eq!(parse(text), Err(Fault::new(message, help)), "{text}");
        }
    }

    #[test]
    fn ranges() {
        let shown = |text| -> Vec<String> {
            let networks: Vec<IpNet> = parse_several(text).unwrap();
            networks.iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("10.0.0.0/8"), ["10.0.0.0/8"]);
        assert_eq!(
            shown("10.0.0.5-10.0.0.12"),
            ["10.0.0.5/32", "10.0.0.6/31", "10.0.0.8/30", "10.0.0.12/32"]
        );
        assert_eq!(shown("10.0.0.5 - 10.0.0.5"), ["10.0.0.5/32"]);
        assert_eq!(shown("0.0.0.0-255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(shown("fd00::-fd00::ffff"), ["fd00::/112"]);
        for (text, message, help) in [
            (
                "10.0.0.9-10.0.0.5",
                "`10.0.0.9-10.0.0.5` ends before it begins",
                "write `\"10.0.0.5-10.0.0.9\"`",
            ),
            (
                "10.0.0.9-fd00::1",
                "`10.0.0.9-fd00::1` is of two families",
                "write both ends as IPv4 or both as IPv6 addresses",
            ),
            (
                "10.0.0.9-90",
                "`90` is not an address",
                "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
            ),
        ] {
            assert_eq!(parse_several(text), Err(Fault::new(message, help)));
        }
    }

    proptest! {
        #[test]
        fn a_range_holds_its_addresses_and_no_others(a: u32, b: u32, near: i8) {
            let (first, last) = (a.min(b), a.max(b));
            let text = format!("{}-{}", std::net::Ipv4Addr::from(first), std::net::Ipv4Addr::from(last));
            let networks = parse_several(&text).unwrap();
            for end in [first, last] {
                let address = end.wrapping_add_signed(near.into());
                let within = (first..=last).contains(&address);
                let ip = IpAddr::V4(address.into());
                prop_assert_eq!(networks.iter().any(|network| network.contains(&ip)), within);
            }
        }

        #[test]
        fn what_it_proposes_is_right(ip: [u8; 4], prefix in 0_u8..=32) {
            let network = IpNet::new(ip.into(), prefix).unwrap();
            match parse(&network.to_string()) {
                Ok(parsed) => prop_assert_eq!(parsed, network.trunc()),
                Err(fault) => {
                    let proposal = fault.help.split('"').nth(1).unwrap();
                    prop_assert_eq!(parse(proposal), Ok(network.trunc()));
                }
            }
        }

        #[test]
        fn any_text_is_safe(text: String) {
            let _ = parse(&text);
            let _ = parse_several(&text);
        }
    }
}
