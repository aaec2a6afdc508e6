//! A loaded program with its rules, its sources, and a frame.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData};
use ipnet::IpNet;
use smtp_lb::config::{Resolve, parse};
use smtp_lb::firewall::{ExplainRequest, Now, Ring, Slots, Stand, compile, frame};
use smtp_lb::reputation::Ranges;
use smtp_lb_common::packet::{mapped, split};

use super::case::{Case, Family, Rules, Way};
use super::load;
use super::prefixes::{Random, SEED, networks, of_feed, source};

/// Random sources in the table: a power of two, as in the object.
const SOURCES: u32 = 1 << 17;
/// Packets between two readings of the rings, which hold more than that.
const CHUNK: u32 = 10_000;

/// One case, ready to run.
pub(crate) struct Subject {
    stand: Stand,
    frame: Vec<u8>,
    /// Read where events are sent.
    rings: Vec<Ring>,
}

/// Resolves no names.
pub(crate) struct Nobody;

impl Resolve for Nobody {
    fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl Subject {
    pub(crate) fn load(object: &[u8], case: &Case) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pins = PathBuf::from(format!(
            "/sys/fs/bpf/slb-bench-{}-{number}",
            std::process::id()
        ));
        let mut stand = Stand::load_program(Some(object), case.program(), &pins)?;
        let mut random = Random(SEED);
        let networks = match case.rules() {
            Rules::Each(count) | Rules::Prefixes(count) => {
                networks(case.family(), count, &mut random)
            }
            Rules::Feed(feed) => {
                let compiled = load::compiled(feed)?;
                stand.reputation(&compiled.lines)?;
                let wanted = |net: &IpNet| net.addr().is_ipv4() == (case.family() == Family::V4);
                // Others than those of the feed.
                random = Random(SEED + 1);
                of_feed(feed).filter(wanted).collect()
            }
        };
        let mut plan = parse("bench", &configuration(case, &networks), &Nobody)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?
            .plan;
        // Past what a file may ask for: it is the sending that is measured.
        plan.firewall.event_rate = 1_000_000_000;
        stand.image(&compile(&plan, &Now::default(), Slots::default(), 1)?)?;
        fill_sources(&mut stand, case, &networks, &mut random)?;
        if let Case::Trie(family, ..) = case {
            fill_trie(&mut stand, *family, &networks)?;
        }
        let rings = match case {
            Case::Filter(_, _, Way::DropEvent) => stand.rings()?,
            _ => Vec::new(),
        };
        let mut subject = Self {
            stand,
            frame: packet(case.family())?,
            rings,
        };
        subject.check(case)?;
        Ok(subject)
    }

    /// What is measured must be what it says: the verdict of some hundred packets.
    fn check(&mut self, case: &Case) -> Result<()> {
        let drops = match case {
            Case::Empty => false,
            Case::Pick => true,
            Case::Filter(_, _, way) => !matches!(way, Way::Accept | Way::Listed(false)),
            Case::Image(_, _, member) | Case::Listed(_, _, member) | Case::Trie(_, _, member) => {
                *member
            }
        };
        let mut as_expected = 0;
        for _ in 0..200 {
            let action = self.stand.run(&self.frame)?;
            as_expected += u32::from((action == 1) == drops);
        }
        ensure!(as_expected == 200, "{case}: {as_expected} of 200 packets");
        Ok(())
    }

    /// Nanoseconds of a packet, the mean over `packets` of them.
    pub(crate) fn turn(&mut self, packets: u32) -> Result<f64> {
        if self.rings.is_empty() {
            let time = self.stand.time(&self.frame, packets)?;
            return Ok(time.as_nanos() as f64);
        }
        let turns = packets.div_ceil(CHUNK);
        let mut sum = 0.0;
        for _ in 0..turns {
            sum += self.stand.time(&self.frame, CHUNK)?.as_nanos() as f64;
            let mut read = 0;
            for ring in &mut self.rings {
                while ring.next().is_some() {
                    read += 1;
                }
            }
            ensure!(read >= CHUNK, "{read} events of {CHUNK} packets");
        }
        Ok(sum / f64::from(turns))
    }
}

/// The rules as an operator would write them.
fn configuration(case: &Case, networks: &[IpNet]) -> String {
    let (action, log) = match case {
        Case::Filter(_, _, Way::Accept) => ("accept", false),
        Case::Filter(_, _, Way::DropEvent) => ("drop", true),
        _ => ("drop", false),
    };
    let mut text = String::from(
        "[firewall]\nmode = \"firewall\"\nlog_default = false\nevent_rate = 1000000\n\
         event_burst = 1000000\n[[firewall.policy]]\nname = \"p\"\n",
    );
    let groups: Vec<&[IpNet]> = match case.rules() {
        Rules::Each(_) => networks.chunks(1).collect(),
        Rules::Prefixes(_) => vec![networks],
        Rules::Feed(_) => {
            text = text.replace("\"firewall\"", "\"adc\"\nreputation = \"all\"");
            text += "[[reputation.policy]]\nname = \"all\"\nlog = false\n\
                     category = [{ name = \"bad\", action = \"drop\" }]\n";
            Vec::new()
        }
    };
    for (number, group) in groups.iter().enumerate() {
        let mut list: Vec<String> = group.iter().map(|net| format!("\"{net}\"")).collect();
        list.sort();
        list.dedup();
        text.extend([
            format!("[[firewall.policy.rule]]\nname = \"r{number}\"\naction = \"{action}\"\n"),
            format!("log = {log}\nsource = [\n{}\n]\n", list.join(",\n")),
        ]);
    }
    text + "[[virtual_server]]\nname = \"mail\"\nlisten = [\"192.0.2.1:25\", \"[2001:db8::1]:25\"]\n\
            pool = \"p\"\nfirewall_policy = \"p\"\n[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n"
}

/// A SYN over IPv4 to the virtual server.
pub(crate) fn syn() -> Result<Vec<u8>> {
    packet(Family::V4)
}

fn packet(family: Family) -> Result<Vec<u8>> {
    let (src, dst) = match family {
        Family::V4 => ("192.0.2.200", "192.0.2.1"),
        Family::V6 => ("2001:db8::c8", "2001:db8::1"),
    };
    Ok(frame(&ExplainRequest {
        src: src.parse()?,
        dst: dst.parse()?,
        protocol: 6,
        sport: 1025,
        dport: 25,
        tcp_flags: 2,
        interface: None,
    })?)
}

fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(ip) => mapped(ip.into()),
        IpAddr::V6(ip) => split(ip.octets()),
    }
}

fn fill_sources(
    stand: &mut Stand,
    case: &Case,
    networks: &[IpNet],
    random: &mut Random,
) -> Result<()> {
    let mut held = Ranges::default();
    for network in networks {
        held.add(network.network(), network.broadcast());
    }
    held.merge();
    fill_random_sources(stand, || {
        let mut draw = || source(case.family(), networks, case.members(), random);
        let mut source = draw();
        // A stranger is nobody's, however many networks there are.
        while !case.members() && held.holds(source) {
            source = draw();
        }
        source
    })
}

/// Fills the table that the programs take their sources from.
pub(crate) fn fill_random_sources(
    stand: &mut Stand,
    mut draw: impl FnMut() -> IpAddr,
) -> Result<()> {
    let map = stand
        .take_map("BENCH_SOURCES")
        .context("no BENCH_SOURCES")?;
    let mut map = Array::<MapData, [u64; 2]>::try_from(map)?;
    for at in 0..SOURCES {
        map.set(at, words(draw()), 0)?;
    }
    Ok(())
}

fn fill_trie(stand: &mut Stand, family: Family, networks: &[IpNet]) -> Result<()> {
    let name = match family {
        Family::V4 => "BENCH_TRIE_V4",
        Family::V6 => "BENCH_TRIE_V6",
    };
    let map = stand.take_map(name).context(name)?;
    match family {
        Family::V4 => {
            let mut trie = LpmTrie::<MapData, [u8; 4], u32>::try_from(map)?;
            for network in networks {
                if let IpNet::V4(net) = network {
                    let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
                    trie.insert(&key, 1, 0)?;
                }
            }
        }
        Family::V6 => {
            let mut trie = LpmTrie::<MapData, [u8; 16], u32>::try_from(map)?;
            for network in networks {
                if let IpNet::V6(net) = network {
                    let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
                    trie.insert(&key, 1, 0)?;
                }
            }
        }
    }
    Ok(())
}
