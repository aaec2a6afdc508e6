//! Networks as the packet path knows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use smtp_lb_common::added::{Key, key};
use smtp_lb_common::packet::{mapped, split};

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
}
