//! Cables and switches between namespaces.

use anyhow::Result;

use super::Netns;

/// Lays a cable between two namespaces, with an interface at each end.
pub fn veth(a: (&Netns, &str), b: (&Netns, &str)) -> Result<()> {
    let ((a, a_name), (b, b_name)) = (a, b);
    a.ip(&format!(
        "link add {a_name} type veth peer name {b_name} netns {}",
        b.name()
    ))?;
    for (netns, name) in [(a, a_name), (b, b_name)] {
        netns.ip(&format!("link set {name} up"))?;
    }
    Ok(())
}

impl Netns {
    /// Gives an interface an address, as `10.77.0.1/24` or `fd77::1/64`. IPv6 addresses serve at
    /// once: nobody else has them.
    pub fn address(&self, interface: &str, address: &str) -> Result<()> {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        self.ip(&format!("addr add {address} dev {interface} {nodad}"))?;
        Ok(())
    }
}

/// A switch, in a namespace of its own.
#[derive(Debug)]
pub struct Bridge {
    netns: Netns,
}

impl Bridge {
    /// A switch without ports.
    pub fn new(role: &str) -> Result<Self> {
        let netns = Netns::new(role)?;
        // Without a querier, snooping would keep neighbour solicitations from their targets.
        netns.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")?;
        netns.ip("link set br0 up")?;
        Ok(Self { netns })
    }

    /// Plugs a namespace in, by a new interface there.
    pub fn plug(&self, netns: &Netns, interface: &str, addresses: &[&str]) -> Result<()> {
        // Names in the switch only need to differ, and have room for 15 bytes.
        let number = self.netns.ip("-o link")?.lines().count();
        let port = format!("port{number}");
        veth((netns, interface), (&self.netns, &port))?;
        self.netns.ip(&format!("link set {port} master br0"))?;
        for address in addresses {
            netns.address(interface, address)?;
        }
        Ok(())
    }
}
