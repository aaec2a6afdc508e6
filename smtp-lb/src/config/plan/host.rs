//! Members by host name: each address that the name has is a member of its own.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{ConnectionLimits, MemberPlan, Plan, PoolPlan};

/// Addresses of one name that become members.
pub const ADDRESSES: usize = 32;

/// An entry of `members` that names a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// As written, or `host:port`. Unique within the pool; members are called so, with a slash and
    /// their address.
    pub name: String,
    /// The host, whose addresses are looked up.
    pub host: String,
    /// Their port.
    pub port: u16,
    /// Members by address that are written before it.
    pub after: usize,
    /// Weight of each.
    pub ratio: u32,
    /// Priority group of each.
    pub priority: u32,
    /// Bounds of each.
    pub limits: ConnectionLimits,
}

impl HostPlan {
    fn member(&self, address: IpAddr) -> MemberPlan {
        MemberPlan {
            name: format!("{}/{address}", self.name),
            address: SocketAddr::new(address, self.port),
            host: Some(self.host.clone()),
            written: Some(self.name.clone()),
            ratio: self.ratio,
            priority: self.priority,
            limits: self.limits,
        }
    }
}

impl PoolPlan {
    /// Gives each name its addresses as of now, at most [`ADDRESSES`] of them; the order is that of the
    /// file. An address that the pool has already, and one that is of no server, is left out.
    pub fn settle(&mut self, addresses: &dyn Fn(&str) -> Vec<IpAddr>) {
        let fixed: Vec<MemberPlan> = std::mem::take(&mut self.members)
            .into_iter()
            .filter(|member| member.written.is_none())
            .collect();
        let mut taken: HashSet<SocketAddr> = fixed.iter().map(|member| member.address).collect();
        let count = fixed.len();
        let mut fixed = fixed.into_iter();
        for at in 0..=count {
            for host in self.hosts.iter().filter(|host| host.after == at) {
                let found = addresses(&host.host);
                let fit = found
                    .into_iter()
                    .filter(|address| is_of_one_server(*address));
                let members = fit.take(ADDRESSES).map(|address| host.member(address));
                let new = members.filter(|member| taken.insert(member.address));
                self.members.extend(new.collect::<Vec<_>>());
            }
            self.members.extend(fixed.next());
        }
    }
}

impl Plan {
    /// Hosts that members are named by.
    #[must_use]
    pub fn hosts(&self) -> BTreeSet<&str> {
        let hosts = self.pools.iter().flat_map(|pool| &pool.hosts);
        hosts.map(|host| host.host.as_str()).collect()
    }
}

/// Whether one server can be reached at it.
pub(crate) fn is_of_one_server(ip: IpAddr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use crate::config::plan::PoolPlan;
    use crate::config::{MembersLater, parse};

    fn pool() -> PoolPlan {
        let text = "[[pool]]\nname = \"p\"\nmembers = [\"10.0.0.1:25\", \"a.example:25\", \
            { name = \"b\", address = \"b.example:26\", ratio = 5 }, \"10.0.0.2:25\", \"a.example:27\"]\n\
            [[virtual_server]]\nname = \"v\"\nlisten = [\"127.0.0.1:25\"]\npool = \"p\"\n";
        let mut plan = parse("test", text, &MembersLater).unwrap().plan;
        assert_eq!(
            plan.hosts().into_iter().collect::<Vec<_>>(),
            ["a.example", "b.example"]
        );
        plan.pools.remove(0)
    }

    fn names(pool: &PoolPlan) -> Vec<&str> {
        pool.members
            .iter()
            .map(|member| member.name.as_str())
            .collect()
    }

    #[test]
    fn each_address_of_a_name_is_a_member_in_its_place() {
        let mut pool = pool();
        assert_eq!(names(&pool), ["10.0.0.1:25", "10.0.0.2:25"]);
        pool.settle(&|host| match host {
            "a.example" => vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            _ => vec!["192.0.2.9".parse().unwrap()],
        });
        let all = [
            "10.0.0.1:25",
            "a.example:25/192.0.2.1",
            "a.example:25/2001:db8::1",
            "b/192.0.2.9",
            "10.0.0.2:25",
            "a.example:27/192.0.2.1",
            "a.example:27/2001:db8::1",
        ];
        assert_eq!(names(&pool), all);
        let member = &pool.members[3];
        assert_eq!(
            (member.address.to_string().as_str(), member.ratio),
            ("192.0.2.9:26", 5)
        );
        assert_eq!(member.host.as_deref(), Some("b.example"));
        assert_eq!(member.written.as_deref(), Some("b"));
        // Again, with others.
        pool.settle(&|host| match host {
            "a.example" => vec!["192.0.2.2".parse().unwrap()],
            _ => vec![],
        });
        let fewer = [
            "10.0.0.1:25",
            "a.example:25/192.0.2.2",
            "10.0.0.2:25",
            "a.example:27/192.0.2.2",
        ];
        assert_eq!(names(&pool), fewer);
    }

    #[test]
    fn what_is_no_server_or_a_member_already_is_left_out_and_there_is_an_end() {
        let mut pool = pool();
        pool.settle(&|host| match host {
            "a.example" => ["10.0.0.2", "0.0.0.0", "224.0.0.1", "192.0.2.1", "192.0.2.1"]
                .map(|it| it.parse().unwrap())
                .to_vec(),
            _ => (0..100).map(|last| [192, 0, 2, last].into()).collect(),
        });
        let of = |written: &str| {
            let members = pool.members.iter();
            members
                .filter(|it| it.written.as_deref() == Some(written))
                .count()
        };
        assert_eq!(
            (of("a.example:25"), of("b"), of("a.example:27")),
            (1, 32, 2)
        );
    }
}
