//! Networks as the packet path knows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use smtp_lb_common::added::{Key, key};
use smtp_lb_common::packet::{mapped, split};

/// The network of a client that the proxy speaks of: its /64, of IPv4 itself alone.
pub(in crate::reputation) fn network_of_client(client: IpAddr) -> IpNet {
    let client = client.to_canonical();
    let length = if client.is_ipv4() { 32 } else { 64 };
    IpNet::new(client, length).map_or_else(|_| client.into(), |network| network.trunc())
}

pub(super) fn key_of(network: IpNet) -> Key {
    let length = u32::from(network.prefix_len());
    match network.network() {
        IpAddr::V4(ip) => key(false, mapped(ip.into()), length),
        IpAddr::V6(ip) => key(true, split(ip.octets()), length),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the IPv4 address is the low half"
)]
pub(super) fn network_of(key: &Key) -> IpNet {
    let length = u8::try_from(key.length).unwrap_or(u8::MAX);
    let address: IpAddr = if key.family == 4 {
        Ipv4Addr::from(key.address[1] as u32).into()
    } else {
        let [high, low] = key.address;
        Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)).into()
    };
    IpNet::new(address, length).unwrap_or_else(|_| address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_back_from_their_keys() {
        for text in [
            "192.0.2.7/32",
            "10.0.0.0/8",
            "2001:db8::/32",
            "2001:db8::7/128",
        ] {
            let network: IpNet = text.parse().unwrap();
            assert_eq!(network_of(&key_of(network)), network);
        }
    }
    #[test]
    fn clients_are_listed_by_what_is_theirs() {
        for (client, network) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::7", "2001:db8::/64"),
        ] {
            let found = network_of_client(client.parse().unwrap());
            assert_eq!(found.to_string(), network);
        }
    }
}
