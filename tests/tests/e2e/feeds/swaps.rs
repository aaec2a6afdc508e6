//! Large feeds take each other's place while packets flow, and every verdict is watched.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smtp_lb::config::{SystemResolver, parse};
use smtp_lb::firewall::Firewall;
use smtp_lb::reputation::Tagged;
use smtp_lb::reputation::image::{self, Compiled};
use smtp_lb::reputation::sets::Sets;
use smtp_lb_tests::bpffs::Pins;
use smtp_lb_tests::flood;
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::Family;
use smtp_lb_tests::tap::Tap;
use smtp_lb_tests::wait::LONG;

/// IPv4 prefixes of a feed; of IPv6 a tenth as many.
const PREFIXES: u32 = 1_000_000;
const SWAPS: u64 = 100;

/// Who lists a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Both,
    Nobody,
    FirstAlone,
    SecondAlone,
}

const KINDS: [Kind; 4] = [
    Kind::Both,
    Kind::FirstAlone,
    Kind::SecondAlone,
    Kind::Nobody,
];

impl Kind {
    fn is_listed(self, second: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Nobody => false,
            Self::FirstAlone => !second,
            Self::SecondAlone => second,
        }
    }
}

/// Sources whose packets are sent: a quarter of each kind, those that differ side by side.
fn sources(family: Family) -> BTreeMap<IpAddr, Kind> {
    (0_u8..48)
        .map(|last| {
            let kind = KINDS[usize::from(last % 4)];
            let address: IpAddr = match family {
                Family::V4 => Ipv4Addr::new(10, 99, 0, last).into(),
                Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, last.into()).into(),
            };
            (address, kind)
        })
        .collect()
}

/// A feed of random prefixes, none of which holds one of the sources but for those of its own.
fn feed(second: bool) -> Tagged {
    let mut entries = Tagged::default();
    let mut state = if second { 2_u64 } else { 1 };
    let mut random = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let ranges = entries.of(0);
    for _ in 0..PREFIXES {
        let drawn = random();
        let bits = [0, 0, 0, 8, 8, 10, 12][usize::try_from(drawn >> 32).unwrap() % 7];
        let hosts = (1_u32 << bits) - 1;
        let first = u32::try_from(drawn & 0xffff_ffff).unwrap() & !hosts;
        // Neither the sources nor this network.
        if first >> 24 != 10 {
            ranges.v4.push((first, first | hosts));
        }
    }
    for _ in 0..PREFIXES / 10 {
        let drawn = random();
        let bits = 64 + drawn % 4 * 8;
        let hosts = (1_u128 << bits) - 1;
        let first = (u128::from(drawn) << 64 >> 3 | 1 << 125) & !hosts;
        if first >> 96 != 0x2001_0db8 {
            ranges.v6.push((first, first | hosts));
        }
    }
    for (address, kind) in Family::BOTH.into_iter().flat_map(sources) {
        if kind.is_listed(second) {
            entries.of(0).add(address, address);
        }
    }
    entries.merge();
    entries
}

fn images() -> [Compiled; 2] {
    let compiled = [false, true].map(|second| {
        thread::spawn(move || {
            let entries = feed(second);
            let name = if second { "second" } else { "first" };
            let categories = ["bad".to_owned()];
            image::compile(&[(name, &entries)], &categories, &Sets::default(), 1).unwrap()
        })
    });
    compiled.map(|thread| thread.join().unwrap())
}

/// Two namespaces and a cable of one queue, on which packets do not overtake each other.
fn network() -> (Netns, Netns) {
    let (outside, host) = (Netns::new("outside").unwrap(), Netns::new("host").unwrap());
    let queues = "numtxqueues 1 numrxqueues 1";
    host.ip(&format!(
        "link add ext0 {queues} type veth peer name eth0 {queues} netns {}",
        outside.name()
    ))
    .unwrap();
    for (netns, link, last) in [(&host, "ext0", "1"), (&outside, "eth0", "10")] {
        netns.ip(&format!("link set {link} up")).unwrap();
        netns
            .ip(&format!("addr add 10.77.0.{last}/24 dev {link}"))
            .unwrap();
        netns
            .ip(&format!("addr add fd77::{last}/64 dev {link} nodad"))
            .unwrap();
    }
    (outside, host)
}

fn firewall(host: &Netns, pins: &Pins) -> Firewall {
    let text = format!(
        "[firewall]\nenforcement = \"xdp-native\"\ninterfaces = [\"ext0\"]\n\
         pin_path = \"{}\"\nreputation = \"all\"\n[[reputation.policy]]\nname = \"all\"\n\
         log = false\ncategory = [{{ name = \"bad\", action = \"drop\" }}]\n\
         [[virtual_server]]\nname = \"mx\"\nlisten = [\"10.77.0.1:25\"]\npool = \"p\"\n\
         [[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n",
        pins.path().display()
    );
    let plan = parse("test", &text, &SystemResolver).unwrap().plan;
    host.inside(|| Ok(Firewall::start(&plan)?)).unwrap()
}

/// What the watcher has seen.
#[derive(Debug, Default)]
struct Watched {
    /// Verdicts held against what the one image in force says.
    exact: u64,
    /// Verdicts while the image changed, of sources of which both say the same.
    meanwhile: u64,
}

struct Traffic<'a> {
    outside: &'a Netns,
    tap: Tap,
    to: SocketAddr,
    sources: BTreeMap<IpAddr, Kind>,
}

impl<'a> Traffic<'a> {
    fn new(outside: &'a Netns, host: &Netns, family: Family) -> Self {
        Self {
            outside,
            tap: Tap::new(host, family).unwrap(),
            // Where nobody listens.
            to: SocketAddr::new(family.outer(), 26),
            sources: sources(family),
        }
    }

    /// Sends a segment from each source, in order; says whose came through. The last one is always
    /// to come through, so what comes later than it never comes.
    fn batch(&self) -> BTreeMap<IpAddr, usize> {
        let order: Vec<IpAddr> = self.sources.keys().copied().collect();
        let last = *order.last().unwrap();
        let count = u32::try_from(order.len()).unwrap();
        let sent = flood::syn(self.outside, &order, self.to, count).unwrap();
        assert_eq!(sent, u64::from(count));
        let mut heard = BTreeMap::new();
        let began = Instant::now();
        while !heard.contains_key(&last) {
            for source in self.tap.sources() {
                *heard.entry(source).or_default() += 1;
            }
            assert!(
                began.elapsed() < LONG,
                "{last} is listed by nobody: {heard:?}"
            );
            thread::yield_now();
        }
        heard
    }

    /// Holds a batch against what must be. `epoch` is odd while the image changes.
    fn watch(&self, epoch: &AtomicU64, watched: &mut Watched) -> Option<u64> {
        let before = epoch.load(Ordering::SeqCst);
        let heard = self.batch();
        let after = epoch.load(Ordering::SeqCst);
        let still = before == after && before.is_multiple_of(2);
        // After an even number of swaps the first is in force.
        let second = before / 2 % 2 == 1;
        for (source, kind) in &self.sources {
            let passed = heard.get(source).copied().unwrap_or_default();
            let listed = kind.is_listed(second);
            if still {
                watched.exact += 1;
            } else if kind.is_listed(true) == kind.is_listed(false) {
                watched.meanwhile += 1;
            } else {
                continue;
            }
            assert_eq!(
                passed,
                usize::from(!listed),
                "{source}, {kind:?}, at {before}"
            );
        }
        still.then_some(before)
    }
}

#[test]
fn not_one_verdict_is_wrong_while_large_feeds_take_turns() {
    let (outside, host) = network();
    let pins = Pins::new().unwrap();
    let images = images();
    let firewall = firewall(&host, &pins);
    firewall.put_reputation(&images[0].lines).unwrap();
    let (epoch, seen) = (AtomicU64::new(0), [AtomicU64::new(0), AtomicU64::new(0)]);
    let watched = thread::scope(|scope| {
        let watchers: Vec<_> = Family::BOTH
            .into_iter()
            .zip(&seen)
            .map(|(family, seen)| {
                let (outside, host, epoch) = (&outside, &host, &epoch);
                scope.spawn(move || {
                    let traffic = Traffic::new(outside, host, family);
                    let mut watched = Watched::default();
                    while epoch.load(Ordering::SeqCst) < 2 * SWAPS {
                        if let Some(still) = traffic.watch(epoch, &mut watched) {
                            // One more, so that 0 is nothing.
                            seen.store(still + 1, Ordering::SeqCst);
                        }
                    }
                    watched
                })
            })
            .collect();
        // Every image is looked at while it stands, and goes while packets flow.
        for swap in 0..SWAPS {
            let began = Instant::now();
            while seen
                .iter()
                .any(|seen| seen.load(Ordering::SeqCst) <= 2 * swap)
            {
                if watchers.iter().any(thread::ScopedJoinHandle::is_finished) {
                    break;
                }
                assert!(began.elapsed() < LONG, "nobody looks");
                thread::sleep(Duration::from_micros(200));
            }
            epoch.fetch_add(1, Ordering::SeqCst);
            let next = usize::from(swap.is_multiple_of(2));
            firewall.put_reputation(&images[next].lines).unwrap();
            epoch.fetch_add(1, Ordering::SeqCst);
        }
        watchers
            .into_iter()
            .map(|watcher| watcher.join().unwrap())
            .collect::<Vec<_>>()
    });
    for watched in &watched {
        assert!(
            watched.exact >= SWAPS * 48 && watched.meanwhile > 0,
            "{watched:?}"
        );
    }
    println!("{watched:?}");
    smtp_lb::firewall::detach(pins.path()).unwrap();
}
