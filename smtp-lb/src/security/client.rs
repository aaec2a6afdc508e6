//! The network that a client counts as: who has one address has those beside it.

use std::net::IpAddr;

use ipnet::IpNet;

/// Prefix lengths to which clients are aggregated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    /// 0 to 32.
    pub v4: u8,
    /// 0 to 128.
    pub v6: u8,
}

impl Aggregate {
    /// As greylisting has it: senders retry from another address of the same rack.
    pub const NEIGHBOURS: Self = Self { v4: 24, v6: 64 };
    /// As counting has it: one host, with whatever it has of a /64.
    pub const HOST: Self = Self { v4: 32, v6: 64 };

    /// The client's network. An IPv4-mapped address is one of IPv4. A prefix that is too long is the
    /// address itself.
    #[must_use]
    pub fn of(self, client: IpAddr) -> IpNet {
        let client = client.to_canonical();
        let prefix = match client {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        };
        IpNet::new(client, prefix).map_or_else(|_| client.into(), |network| network.trunc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_client() {
        for (client, neighbours, host) in [
            ("192.0.2.77", "192.0.2.0/24", "192.0.2.77/32"),
            ("::ffff:192.0.2.77", "192.0.2.0/24", "192.0.2.77/32"),
            (
                "2001:db8:1:2:3::4",
                "2001:db8:1:2::/64",
                "2001:db8:1:2::/64",
            ),
        ] {
            let client = client.parse().unwrap();
            assert_eq!(Aggregate::NEIGHBOURS.of(client).to_string(), neighbours);
            assert_eq!(Aggregate::HOST.of(client).to_string(), host);
        }
    }
}
