//! The address that members see: the kernel's choice, the client's own, or one of a pool whose ports we
//! give out ourselves, so that all of them can be used towards each member, and it is known how many
//! are left.

mod ports;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;
use socket2::SockRef;
use tokio::net::TcpSocket;

use crate::chance;
use crate::config::plan::{Plan, Snat};
use crate::event::Bus;
use crate::event::model::{Kind, SystemEvent};
use crate::pool::Pool;
pub(super) use ports::CAPACITY;
use ports::Ports;

/// Ports tried for one connection, where somebody else has them.
const TRIES: usize = 16;

/// Ports of one of our addresses towards one member, for all virtual servers together.
#[derive(Debug)]
pub(super) struct Pair {
    address: IpAddr,
    member: SocketAddr,
    ports: Ports,
    /// It was told that the host does not have the address.
    missing: AtomicBool,
    bus: Bus,
}

/// A port in use; it ends with the connection.
#[derive(Debug)]
pub(super) struct Port {
    pair: Arc<Pair>,
    port: u16,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.pair.ports.give(self.port);
        // Whether a mark is behind us.
        let _ = self.pair.ports.news();
    }
}

impl Pair {
    fn take(self: &Arc<Self>) -> Option<Port> {
        let port = self.ports.take();
        if let Some(percent) = self.ports.news() {
            let (address, member) = (self.address, self.member);
            let used = self.ports.used();
            let what = if percent < 100 {
                "snat_ports_low"
            } else {
                "snat_ports_exhausted"
            };
            let detail =
                format!("{used} of {CAPACITY} ports of {address} towards {member} are used");
            tracing::warn!("{what}: {detail}");
            self.bus.tell(Kind::System(SystemEvent { what, detail }));
        }
        Some(Port {
            port: port?,
            pair: Arc::clone(self),
        })
    }

    /// Tells once that the host does not have the address, until it has.
    fn is_missing(&self, missing: bool) {
        if self.missing.load(Ordering::Relaxed) == missing
            || self.missing.swap(missing, Ordering::Relaxed) == missing
        {
            return;
        }
        if missing {
            let what = "snat_address_lost";
            let detail = format!(
                "this host has no address {}, which a SNAT pool names",
                self.address
            );
            tracing::warn!("{what}: {detail}");
            self.bus.tell(Kind::System(SystemEvent { what, detail }));
        }
    }
}

type Pairs = HashMap<(IpAddr, SocketAddr), Weak<Pair>>;

/// All pairs that are in use, so that plans and virtual servers share them.
#[derive(Debug)]
pub(super) struct Registry {
    pairs: Mutex<Pairs>,
    bus: Bus,
}

impl Registry {
    pub(super) fn new(bus: Bus) -> Self {
        Self {
            pairs: Mutex::default(),
            bus,
        }
    }

    fn pair(&self, address: IpAddr, member: SocketAddr) -> Arc<Pair> {
        let mut pairs = self.lock();
        if let Some(pair) = pairs.get(&(address, member)).and_then(Weak::upgrade) {
            return pair;
        }
        let pair = Arc::new(Pair {
            address,
            member,
            ports: Ports::default(),
            missing: AtomicBool::new(false),
            bus: self.bus.clone(),
        });
        pairs.insert((address, member), Arc::downgrade(&pair));
        pair
    }

    /// Forgets what no plan and no connection has any more: once for each plan.
    pub(super) fn sweep(&self) {
        self.lock().retain(|_, pair| pair.strong_count() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a virtual server's members see.
#[derive(Debug)]
pub(super) enum Source {
    /// The kernel's choice.
    Automap,
    /// The client's own address.
    Client,
    /// One of these.
    Pool(Addresses),
}

/// The addresses of a pool that reach each member, by the member's place in its pool.
#[derive(Debug)]
pub(super) struct Addresses {
    members: Vec<Vec<Arc<Pair>>>,
    turn: AtomicUsize,
}

/// Use of one address towards one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnatPorts {
    /// Ours.
    pub address: IpAddr,
    /// The member's.
    pub member: SocketAddr,
    /// Connections now.
    pub used: usize,
    /// Connections that are possible.
    pub capacity: usize,
    /// Connections that found none.
    pub exhausted: u64,
}

impl Source {
    pub(super) fn new(snat: Snat, plan: &Plan, pool: &Pool, registry: &Registry) -> Self {
        let id = match snat {
            Snat::Automap => return Self::Automap,
            Snat::None => return Self::Client,
            Snat::Pool(id) => id,
        };
        let addresses = plan.snat_pools.get(id.0).map(|pool| &*pool.addresses);
        let members = pool.members().iter().map(|member| {
            let member = member.address();
            let fitting = addresses.unwrap_or_default().iter();
            fitting
                .filter(|address| address.is_ipv4() == member.is_ipv4())
                .map(|address| registry.pair(*address, member))
                .collect()
        });
        Self::Pool(Addresses {
            members: members.collect(),
            turn: AtomicUsize::new(0),
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Automap => "automap",
            Self::Client => "none",
            Self::Pool(_) => "pool",
        }
    }

    pub(super) fn ports(&self) -> Vec<SnatPorts> {
        let Self::Pool(addresses) = self else {
            return Vec::new();
        };
        let pairs = addresses.members.iter().flatten();
        pairs
            .map(|pair| SnatPorts {
                address: pair.address,
                member: pair.member,
                used: pair.ports.used(),
                capacity: CAPACITY,
                exhausted: pair.ports.exhausted(),
            })
            .collect()
    }

    /// Ways to connect to the member at `index` on behalf of `client`, to be tried one after the other.
    /// None, if the client's address cannot be seen there: a member's name may lead to another version
    /// of IP than at the start.
    pub(super) fn ways(&self, index: usize, client: IpAddr, member: IpAddr) -> Ways<'_> {
        match self {
            Self::Automap => Ways::Once(Some(Way::Kernel)),
            Self::Client => {
                let fits = client.is_ipv4() == member.is_ipv4();
                Ways::Once(fits.then_some(Way::Client(client)))
            }
            Self::Pool(addresses) => {
                let pairs = addresses.members.get(index).map_or(&[][..], Vec::as_slice);
                Ways::Pairs {
                    pairs,
                    turn: addresses.turn.fetch_add(1, Ordering::Relaxed),
                    passed: 0,
                    tries: TRIES,
                }
            }
        }
    }
}

/// What a socket is bound to before it connects.
#[derive(Debug)]
pub(super) enum Way {
    Kernel,
    Client(IpAddr),
    Port(Port),
}

/// An address and a port after the other.
#[derive(Debug)]
pub(super) enum Ways<'a> {
    Once(Option<Way>),
    Pairs {
        pairs: &'a [Arc<Pair>],
        turn: usize,
        /// Addresses that have no port left.
        passed: usize,
        tries: usize,
    },
}

impl Ways<'_> {
    /// Somebody else has the port: the next one is far from it.
    pub(super) fn elsewhere(&mut self) {
        if let Self::Pairs {
            pairs,
            turn,
            passed,
            ..
        } = self
            && let Some(at) = turn.wrapping_add(*passed).checked_rem(pairs.len())
            && let Some(pair) = pairs.get(at)
        {
            pair.ports.leave(chance::draw());
        }
    }

    /// No port of this address will do: on to the next one.
    pub(super) fn next_address(&mut self) {
        if let Self::Pairs { passed, .. } = self {
            *passed += 1;
        }
    }
}

impl Iterator for Ways<'_> {
    type Item = Way;

    fn next(&mut self) -> Option<Way> {
        match self {
            Self::Once(way) => way.take(),
            Self::Pairs {
                pairs,
                turn,
                passed,
                tries,
            } => {
                *tries = tries.checked_sub(1)?;
                while *passed < pairs.len() {
                    let at = turn.wrapping_add(*passed).checked_rem(pairs.len())?;
                    if let Some(port) = pairs.get(at)?.take() {
                        return Some(Way::Port(port));
                    }
                    *passed += 1;
                }
                None
            }
        }
    }
}

impl Way {
    /// Binds a socket, and gives what must live as long as its connection.
    pub(super) fn bind(self, socket: &TcpSocket) -> io::Result<Option<Port>> {
        match self {
            Self::Kernel => Ok(None),
            Self::Client(address) => {
                let options = SockRef::from(socket);
                if address.is_ipv4() {
                    options.set_ip_transparent_v4(true)?;
                } else {
                    options.set_ip_transparent_v6(true)?;
                }
                socket.bind(SocketAddr::new(address, 0))?;
                Ok(None)
            }
            Self::Port(port) => {
                // The same port goes to other members, too: what must differ is the pair.
                socket.set_reuseaddr(true)?;
                let bound = socket.bind(SocketAddr::new(port.pair.address, port.port));
                let missing = bound.as_ref().is_err_and(is_missing);
                port.pair.is_missing(missing);
                bound.map(|()| Some(port))
            }
        }
    }
}

/// Whether the host does not have the address that was to be bound.
pub(super) fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Whether another port may do: somebody else has this one, or its last connection lingers.
pub(super) fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::new(Bus::null())
    }

    fn source(registry: &Registry, addresses: &[&str], members: &[&str]) -> Source {
        let members = members.iter().map(|member| {
            let pairs = addresses
                .iter()
                .map(|address| registry.pair(address.parse().unwrap(), member.parse().unwrap()));
            pairs.collect()
        });
        Source::Pool(Addresses {
            members: members.collect(),
            turn: AtomicUsize::new(0),
        })
    }

    #[test]
    fn addresses_take_turns_and_members_do_not_share_ports() {
        let registry = registry();
        let source = source(
            &registry,
            &["192.0.2.1", "192.0.2.2"],
            &["192.0.2.8:25", "192.0.2.9:25"],
        );
        let client = "198.51.100.1".parse().unwrap();
        let held: Vec<_> = (0..10)
            .map(|n| source.ways(n % 2, client, client).next().unwrap())
            .collect();
        let used: Vec<usize> = source.ports().iter().map(|it| it.used).collect();
        assert_eq!(used.iter().sum::<usize>(), 10);
        assert!(used.iter().all(|&used| used <= 5), "{used:?}");
        drop(held);
        assert!(source.ports().iter().all(|it| it.used == 0));
    }

    #[test]
    fn the_next_address_is_taken_when_one_has_no_port() {
        let registry = registry();
        let source = source(&registry, &["192.0.2.1", "192.0.2.2"], &["192.0.2.8:25"]);
        let client = "198.51.100.1".parse().unwrap();
        let all: Vec<_> = (0..2 * CAPACITY)
            .map(|_| source.ways(0, client, client).next().unwrap())
            .collect();
        assert!(source.ways(0, client, client).next().is_none());
        let ports = source.ports();
        assert!(
            ports
                .iter()
                .all(|it| it.used == CAPACITY && it.exhausted > 0)
        );
        drop(all);
        assert!(source.ways(0, client, client).next().is_some());
    }

    #[test]
    fn plans_share_what_is_in_use() {
        let registry = registry();
        let make = || source(&registry, &["192.0.2.1"], &["192.0.2.8:25"]);
        let client = "198.51.100.1".parse().unwrap();
        let before = make();
        let held = before.ways(0, client, client).next();
        let after = make();
        drop(before);
        assert_eq!(after.ports()[0].used, 1);
        drop(held);
        assert_eq!(after.ports()[0].used, 0);
        registry.sweep();
        assert_eq!(registry.lock().len(), 1);
        drop(after);
        registry.sweep();
        assert_eq!(registry.lock().len(), 0);
        assert_eq!(make().ports()[0].exhausted, 0);
    }

    #[test]
    fn ports_that_others_have_are_tried_so_many_times() {
        let registry = registry();
        let source = source(&registry, &["192.0.2.1"], &["192.0.2.8:25"]);
        let client = "198.51.100.1".parse().unwrap();
        assert_eq!(source.ways(0, client, client).count(), TRIES);
        assert_eq!(Source::Automap.ways(0, client, client).count(), 1);
        assert_eq!(Source::Client.ways(0, client, client).count(), 1);
        let member = "2001:db8::8".parse().unwrap();
        assert_eq!(Source::Client.ways(0, client, member).count(), 0);
    }

    /// A block of ports that others have, far longer than there are tries.
    #[test]
    fn who_meets_others_ports_goes_on_far_from_them() {
        let registry = registry();
        let source = source(&registry, &["192.0.2.1"], &["192.0.2.8:25"]);
        let client = "198.51.100.1".parse().unwrap();
        let others = 1024..20_000;
        let mut held = Vec::new();
        for session in 0..5_000 {
            let mut ways = source.ways(0, client, client);
            let port = loop {
                let Some(Way::Port(port)) = ways.next() else {
                    panic!("session {session} has no port");
                };
                if !others.contains(&port.port) {
                    break port;
                }
                ways.elsewhere();
            };
            held.push(port);
        }
    }

    /// 192.0.2.1 is nobody's, the loopback address is everybody's.
    #[tokio::test]
    async fn an_address_that_the_host_lacks_is_told_once_and_passed_by() {
        let (bus, told) = Bus::channel(10);
        let registry = Registry::new(bus);
        let source = source(&registry, &["192.0.2.1", "127.0.0.1"], &["127.0.0.1:25"]);
        let client = "198.51.100.1".parse().unwrap();
        for _ in 0..4 {
            let mut ways = source.ways(0, client, client);
            let mut tries = 0;
            let _bound = loop {
                tries += 1;
                let socket = TcpSocket::new_v4().unwrap();
                match ways.next().unwrap().bind(&socket) {
                    Ok(port) => break port,
                    Err(error) if is_missing(&error) => ways.next_address(),
                    Err(error) => panic!("{error}"),
                }
            };
            assert!(tries <= 2, "{tries}");
        }
        let Kind::System(event) = told.try_recv().unwrap().kind else {
            panic!("of the system");
        };
        assert_eq!(event.what, "snat_address_lost");
        assert!(told.try_recv().is_none(), "once");
    }
}
