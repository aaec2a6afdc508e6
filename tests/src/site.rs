//! A site: an outside with a trusted and an untrusted client, the host that smtp-lb runs on, and
//! behind it two mail servers and a log server.
//!
//! ```text
//!  outside                       host                      lan (a switch)
//!  10.77.0.10  trusted           10.77.0.1  ext0           10.78.0.11  mx1
//!  10.77.0.66  untrusted   ───   10.78.0.1  int0    ───    10.78.0.12  mx2
//!                                                          10.78.0.20  syslog
//! ```
//! IPv6 addresses are the same with `fd77::` and `fd78::` and the last number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;

use crate::netns::{Bridge, Netns, veth};

/// Version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Each of them.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    fn address(self, network: u8, host: u8) -> IpAddr {
        // Addresses look alike: the IPv6 one is written with the digits of the IPv4 one.
        let written = |number: u8| {
            u16::from(number / 100) << 8 | u16::from(number / 10 % 10) << 4 | u16::from(number % 10)
        };
        match self {
            Self::V4 => Ipv4Addr::new(10, network, 0, host).into(),
            Self::V6 => {
                let first = 0xfd00 | written(network);
                Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, written(host)).into()
            }
        }
    }

    /// The client that policies let in.
    #[must_use]
    pub fn trusted(self) -> IpAddr {
        self.address(77, 10)
    }

    /// The client that they do not.
    #[must_use]
    pub fn untrusted(self) -> IpAddr {
        self.address(77, 66)
    }

    /// The host, as seen from outside.
    #[must_use]
    pub fn outer(self) -> IpAddr {
        self.address(77, 1)
    }

    /// The host, as seen from inside.
    #[must_use]
    pub fn inner(self) -> IpAddr {
        self.address(78, 1)
    }

    /// First mail server.
    #[must_use]
    pub fn mx1(self) -> IpAddr {
        self.address(78, 11)
    }

    /// Second mail server.
    #[must_use]
    pub fn mx2(self) -> IpAddr {
        self.address(78, 12)
    }

    /// Log server.
    #[must_use]
    pub fn syslog(self) -> IpAddr {
        self.address(78, 20)
    }

    /// The virtual server.
    #[must_use]
    pub fn service(self) -> SocketAddr {
        SocketAddr::new(self.outer(), 25)
    }
}

/// The namespaces.
#[derive(Debug)]
pub struct Site {
    /// Both clients; what tells them apart is the source address.
    pub outside: Arc<Netns>,
    /// Where smtp-lb runs: `ext0` outward, `int0` inward.
    pub host: Arc<Netns>,
    /// First mail server.
    pub mx1: Arc<Netns>,
    /// Second mail server.
    pub mx2: Arc<Netns>,
    /// Log server.
    pub syslog: Arc<Netns>,
    _lan: Bridge,
}

impl Site {
    /// Builds it.
    pub fn new() -> Result<Self> {
        let outside = Netns::new("outside")?;
        let host = Netns::new("host")?;
        veth((&host, "ext0"), (&outside, "eth0"))?;
        let lan = Bridge::new("lan")?;
        lan.plug(&host, "int0", &[])?;
        let inside = |role: &str, address: fn(Family) -> IpAddr| -> Result<Netns> {
            let netns = Netns::new(role)?;
            lan.plug(&netns, "eth0", &[])?;
            give(&netns, "eth0", address)?;
            Ok(netns)
        };
        let mx1 = inside("mx1", Family::mx1)?;
        let mx2 = inside("mx2", Family::mx2)?;
        let syslog = inside("syslog", Family::syslog)?;
        give(&host, "ext0", Family::outer)?;
        give(&host, "int0", Family::inner)?;
        give(&outside, "eth0", Family::trusted)?;
        give(&outside, "eth0", Family::untrusted)?;
        Ok(Self {
            outside: Arc::new(outside),
            host: Arc::new(host),
            mx1: Arc::new(mx1),
            mx2: Arc::new(mx2),
            syslog: Arc::new(syslog),
            _lan: lan,
        })
    }
}

/// Gives an interface its addresses of both families.
fn give(netns: &Netns, interface: &str, address: fn(Family) -> IpAddr) -> Result<()> {
    netns.address(interface, &format!("{}/24", address(Family::V4)))?;
    netns.address(interface, &format!("{}/64", address(Family::V6)))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{Family, Site};
    use crate::smtp_client::{Client, Message};
    use crate::smtp_server::SmtpServer;
    use crate::wait::LONG;

    #[test]
    fn addresses_are_as_drawn() {
        assert_eq!(Family::V4.untrusted().to_string(), "10.77.0.66");
        assert_eq!(Family::V6.untrusted().to_string(), "fd77::66");
        assert_eq!(Family::V6.mx2().to_string(), "fd78::12");
    }

    #[test]
    fn neighbours_reach_each_other() {
        let site = Site::new().unwrap();
        for family in Family::BOTH {
            for (client, server, address) in [
                (&site.outside, &site.host, family.outer()),
                (&site.host, &site.mx1, family.mx1()),
                (&site.host, &site.mx2, family.mx2()),
                (&site.host, &site.syslog, family.syslog()),
            ] {
                let listen = [SocketAddr::new(address, 25)];
                let server = SmtpServer::start(Some(server), "server.example", &listen).unwrap();
                let mut client = Client::connect(Some(client), None, listen[0], LONG).unwrap();
                client.hello().unwrap();
                let message = Message::new("a", 3000);
                client.send(&message).unwrap();
                client.quit().unwrap();
                let delivery = &server.deliveries()[0];
                assert_eq!(delivery.digest, message.digest());
                assert_eq!(delivery.from, "<sender@outside.example>");
                assert_eq!(server.faults(), [""; 0]);
            }
        }
    }
}
