//! Asks the machine's name servers.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::ResolveHosts;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::time::timeout;

use super::schedule::{FILE, holds};
use super::stamp::Stamp;
use super::{Answer, DnsError, PATIENCE};

const HOSTS: &str = "/etc/hosts";
const SERVERS: &str = "/etc/resolv.conf";

/// The machine's resolver. Asks anew each time: who wants to know again knows when.
#[derive(Default)]
pub struct Resolver {
    read: Mutex<Option<Arc<Read>>>,
}

/// Both files, as they were.
struct Read {
    stamps: [Stamp; 2],
    hosts: Hosts,
    servers: Result<TokioResolver, DnsError>,
}

impl Resolver {
    /// The addresses of a host.
    ///
    /// # Errors
    /// They are not known, or there are none.
    pub async fn addresses(&self, host: &str) -> Result<Answer, DnsError> {
        let name = Name::from_utf8(host).map_err(|e| DnsError::Failed(e.to_string()))?;
        let read = self.read();
        if let Some(answer) = read.in_file(&name) {
            return Ok(answer);
        }
        let servers = read.servers.as_ref().map_err(Clone::clone)?;
        let asked = timeout(PATIENCE, async {
            tokio::join!(
                servers.ipv4_lookup(name.clone()),
                servers.ipv6_lookup(name.clone())
            )
        });
        let (v4, v6) = asked.await.map_err(|_| DnsError::Timeout)?;
        // Half an answer would take members away of which nobody said that they are gone.
        merge(&[found(v4)?, found(v6)?])
    }

    /// The files, read again if they have changed. They are small and local, as for getaddrinfo(3).
    fn read(&self) -> Arc<Read> {
        let stamps = [HOSTS, SERVERS].map(|file| Stamp::of(Path::new(file)));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some(known) if known.stamps == stamps => Arc::clone(known),
            _ => {
                let new = Arc::new(Read {
                    stamps,
                    hosts: Hosts::from_system().unwrap_or_default(),
                    servers: servers(),
                });
                *read = Some(Arc::clone(&new));
                new
            }
        }
    }
}

fn servers() -> Result<TokioResolver, DnsError> {
    let failed = |error: NetError| DnsError::System(error.to_string());
    let mut builder = TokioResolver::builder_tokio().map_err(failed)?;
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(failed)
}

impl Read {
    fn in_file(&self, name: &Name) -> Option<Answer> {
        let both = [RecordType::A, RecordType::AAAA];
        let found = both.map(|kind| {
            self.hosts
                .lookup_static_host(&Query::query(name.clone(), kind))
        });
        let found = found.iter().flatten().flat_map(addresses);
        let mut addresses: Vec<IpAddr> = found.map(|(address, _)| address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let ttl = FILE;
        (!addresses.is_empty()).then_some(Answer { addresses, ttl })
    }
}

/// That there is nothing of a family is an answer.
fn found(lookup: Result<Lookup, NetError>) -> Result<Vec<(IpAddr, u32)>, DnsError> {
    match lookup {
        Ok(lookup) => {
            let least = lookup.answers().iter().map(|record| record.ttl).min();
            // A name that leads to another is known no longer than it does.
            let found = addresses(&lookup).map(|(address, ttl)| (address, least.unwrap_or(ttl)));
            Ok(found.collect())
        }
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
        Err(error) => Err(DnsError::Failed(error.to_string())),
    }
}

fn addresses(lookup: &Lookup) -> impl Iterator<Item = (IpAddr, u32)> {
    lookup.answers().iter().filter_map(|record| {
        let address = match &record.data {
            RData::A(address) => IpAddr::V4(address.0),
            RData::AAAA(address) => IpAddr::V6(address.0),
            _ => return None,
        };
        Some((address, record.ttl))
    })
}

fn merge(families: &[Vec<(IpAddr, u32)>; 2]) -> Result<Answer, DnsError> {
    let all = families.concat();
    let ttl = all.iter().map(|(_, ttl)| *ttl).min();
    let ttl = ttl.ok_or(DnsError::NoAddress)?;
    let mut addresses: Vec<IpAddr> = all.into_iter().map(|(address, _)| address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(Answer {
        addresses,
        ttl: holds(Duration::from_secs(ttl.into())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_one_answer_that_holds_as_long_as_its_shortest() {
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let c: IpAddr = "2001:db8::1".parse().unwrap();
        let merged = merge(&[vec![(a, 300), (b, 300), (a, 300)], vec![(c, 60)]]).unwrap();
        assert_eq!(merged.addresses, [b, a, c]);
        assert_eq!(merged.ttl, Duration::from_mins(1));
        assert_eq!(merge(&[vec![], vec![]]), Err(DnsError::NoAddress));
    }

    #[tokio::test]
    async fn the_machine_knows_itself() {
        let resolver = Resolver::default();
        let answer = resolver.addresses("localhost").await.unwrap();
        assert!(
            answer.addresses.iter().all(IpAddr::is_loopback),
            "{answer:?}"
        );
        assert!(resolver.addresses("no..name").await.is_err());
    }
}
