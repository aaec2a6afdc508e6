//! The loaded object with tables of random sources, and a frame to run its programs on.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData, MapError};
use ipnet::IpNet;
use smtp_lb::firewall::{ExtraMap, Ring, Stand};
use smtp_lb_common::packet::{mapped, protocol, split};

use super::feed::Family;
use super::paths::to_server;

/// Sources of one set: as in the object.
pub(crate) const SET: u32 = 1 << 17;
/// Sets: as in the object.
const SETS: u32 = 16;
/// Packets between two readings of the rings, which hold more than that.
const CHUNK: u32 = 10_000;
/// The XDP action by which the bench's programs say that they failed.
const ABORTED: u32 = 0;

/// A set of sources in a rig's table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set(u32);

/// How sources are taken from a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// At random.
    Random,
    /// At random, the same thousand.
    Few,
    /// All in turn.
    InTurn,
}

/// The maps of the bench's programs.
pub(crate) struct Tables {
    sources: Array<MapData, [u64; 2]>,
    template: Array<MapData, [u8; 152]>,
    sets: u32,
}

impl Tables {
    /// Of the two maps of an object.
    pub(crate) fn new(sources: ExtraMap, template: ExtraMap) -> Result<Self> {
        Ok(Self {
            sources: sources.try_into()?,
            template: template.try_into()?,
            sets: 0,
        })
    }

    /// Of an object that is loaded.
    fn of(stand: &mut Stand) -> Result<Self> {
        let mut take = |name: &str| {
            stand
                .take_map(name)
                .with_context(|| format!("the object has no {name}"))
        };
        Self::new(take("BENCH_SOURCES")?, take("BENCH_TEMPLATE")?)
    }

    /// A further set: as many of these as it has room for.
    pub(crate) fn add(&mut self, mut sources: impl FnMut() -> IpAddr) -> Result<Set> {
        ensure!(self.sets < SETS, "more than {SETS} sets of sources");
        let first = self.sets * SET;
        for at in 0..SET {
            self.sources.set(first + at, words(sources()), 0)?;
        }
        self.sets += 1;
        Ok(Set(first))
    }

    /// Says what the next packets are.
    pub(crate) fn prepare(&mut self, frame: &[u8], set: Set, pick: Pick) -> Result<()> {
        let (mask, in_turn) = match pick {
            Pick::Random => (SET - 1, 0),
            Pick::Few => ((1 << 10) - 1, 0),
            Pick::InTurn => (SET - 1, 1),
        };
        let v6 = u32::from(frame.get(12) == Some(&0x86));
        let length = u32::try_from(frame.len())?;
        let mut octets = [0; 152];
        for (at, word) in [set.0, mask, in_turn, v6, length, sum(frame)]
            .iter()
            .enumerate()
        {
            octets[at * 4..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        let room = octets[24..].get_mut(..frame.len());
        room.context("a frame of more than 128 octets")?
            .copy_from_slice(frame);
        Ok(self.template.set(0, octets, 0)?)
    }
}

/// Sum of the words of an IPv4 header, without source and checksum.
fn sum(frame: &[u8]) -> u32 {
    let header = frame.get(14..34).unwrap_or_default();
    let words = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    words
        .enumerate()
        .filter(|(at, _)| !(5..=7).contains(at))
        .map(|(_, word)| word)
        .sum()
}

/// A SYN over IPv4 to the virtual server.
pub(crate) fn syn() -> Result<Vec<u8>> {
    to_server(Family::V4, protocol::TCP, 25)
}

/// Fills the table that the programs of a stand take their sources from, of which each has one at random.
pub(crate) fn fill_random_sources(stand: &mut Stand, draw: impl FnMut() -> IpAddr) -> Result<()> {
    let mut tables = Tables::of(stand)?;
    let set = tables.add(draw)?;
    tables.prepare(&syn()?, set, Pick::Random)
}

/// The object, loaded.
pub(crate) struct Rig {
    pub(crate) stand: Stand,
    pub(crate) tables: Tables,
    rings: Vec<Ring>,
    /// Programs that are loaded later name them.
    tries: Vec<ExtraMap>,
}

impl Rig {
    /// Loads the object with one of its programs.
    pub(crate) fn load(object: &[u8], program: &str) -> Result<Self> {
        let mut stand = Stand::load_program(Some(object), program, &pins())?;
        let tables = Tables::of(&mut stand)?;
        let rings = stand.rings()?;
        Ok(Self {
            stand,
            tables,
            rings,
            tries: Vec::new(),
        })
    }

    /// Fills an `LPM_TRIE` of the object with the networks of a family.
    pub(crate) fn fill_trie(&mut self, family: Family, networks: &[IpNet]) -> Result<()> {
        let mut networks = networks.to_vec();
        networks.sort();
        // A set that is no built-in one.
        let value = smtp_lb_common::reputation::FIRST_FEED_SET;
        let name = match family {
            Family::V4 => "BENCH_TRIE_V4",
            Family::V6 => "BENCH_TRIE_V6",
        };
        let mut map = self.stand.take_map(name).context(name)?;
        match family {
            Family::V4 => {
                let mut trie = LpmTrie::<&mut MapData, [u8; 4], u32>::try_from(&mut map)?;
                for network in networks {
                    if let IpNet::V4(net) = network {
                        let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
                        patiently(|| trie.insert(&key, value, 0))?;
                    }
                }
            }
            Family::V6 => {
                let mut trie = LpmTrie::<&mut MapData, [u8; 16], u32>::try_from(&mut map)?;
                for network in networks {
                    if let IpNet::V6(net) = network {
                        let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
                        patiently(|| trie.insert(&key, value, 0))?;
                    }
                }
            }
        }
        self.tries.push(map);
        Ok(())
    }

    /// Nanoseconds of a packet, the mean over `packets` of them. With `events`, one is read for each.
    pub(crate) fn time(&mut self, frame: &[u8], packets: u32, events: bool) -> Result<f64> {
        if !events {
            return Ok(self.stand.time(frame, packets)?.as_nanos() as f64);
        }
        self.read_events();
        let turns = packets.div_ceil(CHUNK);
        let mut sum = 0.0;
        for _ in 0..turns {
            sum += self.stand.time(frame, CHUNK)?.as_nanos() as f64;
            let read = self.read_events();
            ensure!(read >= CHUNK, "{read} events of {CHUNK} packets");
        }
        Ok(sum / f64::from(turns))
    }

    fn read_events(&mut self) -> u32 {
        let mut read = 0;
        for ring in &mut self.rings {
            while ring.next().is_some() {
                read += 1;
            }
        }
        read
    }

    /// What is measured must be what it says: the XDP action of some hundred packets, when as many have
    /// gone before as wear off what is different at first.
    pub(crate) fn check(&mut self, what: &str, frame: &[u8], action: u32) -> Result<()> {
        self.stand.time(frame, CHUNK)?;
        self.read_events();
        let mut others: BTreeMap<u32, u32> = BTreeMap::new();
        for _ in 0..200 {
            let got = self.stand.run(frame)?;
            if got != action {
                *others.entry(got).or_default() += 1;
            }
        }
        self.read_events();
        ensure!(
            others.values().sum::<u32>() <= 2 && !others.contains_key(&ABORTED),
            "{what}: of 200 packets, XDP actions {others:?} in place of {action}"
        );
        Ok(())
    }
}

/// The kernel fills up the memory of tries behind their writers, who may be faster.
fn patiently(mut insert: impl FnMut() -> Result<(), MapError>) -> Result<()> {
    for _ in 0..1_000 {
        match insert() {
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == ErrorKind::OutOfMemory =>
            {
                thread::sleep(Duration::from_micros(200));
            }
            other => return Ok(other?),
        }
    }
    bail!("the kernel has no memory for a trie")
}

/// A folder for pins that no other process or rig has.
pub(crate) fn pins() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(format!(
        "/sys/fs/bpf/slb-bench-{}-{number}",
        std::process::id()
    ))
}

/// An address as two words.
pub(crate) fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(ip) => mapped(ip.into()),
        IpAddr::V6(ip) => split(ip.octets()),
    }
}
