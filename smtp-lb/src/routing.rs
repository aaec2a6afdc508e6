//! Routing for `snat = "none"`: what members send back to clients' addresses is for us.
//!
//! A rule for each member and port looks such packets up in a table of their own, where every address
//! is local; the kernel then finds the socket that is bound to the client's address. What goes to
//! addresses that this host has is decided before, in the kernel's local table, as ever.

mod netlink;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use thiserror::Error;

use crate::config::plan::{Plan, Snat};
use crate::netlink::NetlinkError;

/// Number of the table, and priority of the rules, by which ours are known again.
pub const TABLE: u32 = 7825;

/// Clients' own addresses cannot be used.
#[derive(Debug, Error)]
pub enum RoutingError {
    /// The kernel lets us not send from an address that is not ours.
    #[error("`snat = \"none\"` needs CAP_NET_ADMIN: {0}")]
    Transparent(#[source] io::Error),
    /// The rules cannot be set up.
    #[error(
        "cannot set up the routing of `snat = \"none\"`: {0}; with `[general] routing = \"manual\"` it is yours, \
         as `smtp-lb routing` prints it"
    )]
    Netlink(#[from] NetlinkError),
}

/// Members that see clients' own addresses.
#[must_use]
pub fn members(plan: &Plan) -> BTreeSet<SocketAddr> {
    let servers = plan.virtual_servers.iter();
    servers
        .filter(|server| server.snat == Snat::None)
        .filter_map(|server| plan.pools.get(server.pool.0))
        .flat_map(|pool| pool.members.iter().map(|member| member.address))
        .collect()
}

/// Whether the kernel lets us send from addresses that are not ours, if there is anybody to send to.
pub(crate) fn check(members: &BTreeSet<SocketAddr>) -> Result<(), RoutingError> {
    let Some(member) = members.first() else {
        return Ok(());
    };
    let socket = Socket::new(Domain::for_address(*member), Type::STREAM, None);
    let transparent = socket.and_then(|socket| {
        if member.is_ipv4() {
            socket.set_ip_transparent_v4(true)
        } else {
            socket.set_ip_transparent_v6(true)
        }
    });
    transparent.map_err(RoutingError::Transparent)
}

/// Makes the rules be those of `members`, and whatever else is ours gone. Blocks.
pub(crate) fn set(members: &BTreeSet<SocketAddr>) -> Result<(), RoutingError> {
    Ok(netlink::set(members)?)
}

/// The same as commands of iproute2, to begin with or to end with.
#[must_use]
pub fn commands(members: &BTreeSet<SocketAddr>, down: bool) -> String {
    let word = if down { "del" } else { "add" };
    let mut text = String::new();
    for (family, everything) in [("-4", "0.0.0.0/0"), ("-6", "::/0")] {
        let mut ours = members
            .iter()
            .filter(|member| member.is_ipv4() == (family == "-4"))
            .peekable();
        if ours.peek().is_none() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "ip {family} route {word} local {everything} dev lo table {TABLE}"
        );
        for member in ours {
            let (ip, port) = (member.ip(), member.port());
            let _ = writeln!(
                text,
                "ip {family} rule {word} priority {TABLE} from {ip} ipproto tcp sport {port} lookup {TABLE}"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_for_each_member_of_each_family() {
        let members = ["192.0.2.8:25", "192.0.2.8:26", "[2001:db8::8]:25"];
        let members = members
            .iter()
            .map(|member| member.parse().unwrap())
            .collect();
        assert_eq!(
            commands(&members, false),
            "ip -4 route add local 0.0.0.0/0 dev lo table 7825\n\
             ip -4 rule add priority 7825 from 192.0.2.8 ipproto tcp sport 25 lookup 7825\n\
             ip -4 rule add priority 7825 from 192.0.2.8 ipproto tcp sport 26 lookup 7825\n\
             ip -6 route add local ::/0 dev lo table 7825\n\
             ip -6 rule add priority 7825 from 2001:db8::8 ipproto tcp sport 25 lookup 7825\n"
        );
        assert_eq!(
            commands(&members, true).replace("del", "add"),
            commands(&members, false)
        );
        assert_eq!(commands(&BTreeSet::new(), false), "");
    }
}
