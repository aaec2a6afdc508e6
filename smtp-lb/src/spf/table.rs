//! DNS out of a table, for tests and fuzzing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use super::dns::{Answer, Dns, DnsFailure};

/// What a name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Txt(Vec<u8>),
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx(String),
    Ptr(String),
    Cname(String),
    /// Whatever else is asked for fails.
    Fails(DnsFailure),
}

/// Names in lower case with what they have, and how often it was asked.
#[derive(Debug, Default)]
pub(crate) struct Table {
    names: HashMap<String, Vec<Entry>>,
    asked: AtomicU32,
}

impl Table {
    pub(crate) fn add(&mut self, name: &str, entry: Entry) {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.names.entry(name).or_default().push(entry);
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    fn ask<T>(&self, name: &str, kind: impl Fn(&Entry) -> Option<T>) -> Answer<T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut name = name.to_ascii_lowercase();
        for _ in 0..8 {
            let Some(entries) = self.names.get(&name) else {
                return Ok(Vec::new());
            };
            let found: Vec<T> = entries.iter().filter_map(&kind).collect();
            if !found.is_empty() {
                return Ok(found);
            }
            let mut next = None;
            for entry in entries {
                match entry {
                    Entry::Fails(failure) => return Err(*failure),
                    Entry::Cname(target) => next = Some(target),
                    _ => {}
                }
            }
            match next {
                None => return Ok(Vec::new()),
                Some(target) => {
                    name = target
                        .strip_suffix('.')
                        .unwrap_or(target)
                        .to_ascii_lowercase();
                }
            }
        }
        Err(DnsFailure::ServerFailure)
    }
}

impl Dns for Table {
    async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        self.ask(name, |it| match it {
            Entry::Txt(text) => Some(text.clone()),
            _ => None,
        })
    }

    async fn a(&self, name: &str) -> Answer<Ipv4Addr> {
        self.ask(name, |it| match it {
            Entry::A(address) => Some(*address),
            _ => None,
        })
    }

    async fn aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        self.ask(name, |it| match it {
            Entry::Aaaa(address) => Some(*address),
            _ => None,
        })
    }

    async fn mx(&self, name: &str) -> Answer<String> {
        self.ask(name, |it| match it {
            Entry::Mx(host) => Some(host.clone()),
            _ => None,
        })
    }

    async fn ptr(&self, address: IpAddr) -> Answer<String> {
        self.ask(&reverse(address), |it| match it {
            Entry::Ptr(name) => Some(name.clone()),
            _ => None,
        })
    }
}

/// The name under which an address has its names.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev();
            let nibbles = nibbles.flat_map(|octet| [octet & 15, octet >> 4]);
            let digits = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
            let mut name: String = digits.flat_map(|digit| [digit, '.']).collect();
            name.push_str("ip6.arpa");
            name
        }
    }
}
