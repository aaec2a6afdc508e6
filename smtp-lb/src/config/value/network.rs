//! Networks and single addresses.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

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

    proptest! {
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
        }
    }
}
