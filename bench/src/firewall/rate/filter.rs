//! Filters that block the same sources.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use aya::Ebpf;
use aya::maps::{MapData, PerCpuHashMap, PerCpuValues};
use aya::programs::XdpMode;
use ipnet::IpNet;
use smtp_lb::firewall::Stand;
use smtp_lb::reputation::Ranges;
use smtp_lb_common::abi::PROGRAM;
use smtp_lb_common::image::Line;

use super::super::feed::Family;
use super::super::paths::way::Way;
use super::super::rig::{Rig, pins};
use super::cable::{Cable, run};
use super::offer::program;

/// Where xdp-filter keeps the addresses that it blocks.
const XDP_FILTER: &str = "/sys/fs/bpf/xdp-filter/filter_ipv4";

/// A filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program that drops everything.
    Floor,
    /// smtp-lb in the driver.
    Native,
    /// smtp-lb in the kernel's generic hook.
    Generic,
    /// smtp-lb built with an `LPM_TRIE`.
    Trie,
    /// nftables at the netdev ingress hook.
    NftIngressHash,
    NftIngressInterval,
    /// nftables at the input hook.
    NftInputHash,
    NftInputInterval,
    /// xdp-filter of xdp-tools.
    XdpFilter,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "drop everything (floor)",
            Self::Native => "smtp-lb, xdp-native",
            Self::Generic => "smtp-lb, xdp-generic",
            Self::Trie => "smtp-lb built with an LPM_TRIE, xdp-native",
            Self::NftIngressHash => "nftables, netdev ingress, hash set",
            Self::NftIngressInterval => "nftables, netdev ingress, interval set",
            Self::NftInputHash => "nftables, input, hash set",
            Self::NftInputInterval => "nftables, input, interval set",
            Self::XdpFilter => "xdp-filter, xdp-native",
        })
    }
}

/// A filter in force. What it leaves behind outside of its namespace goes when it is dropped.
pub(crate) enum Filter {
    /// A program that drops everything.
    Floor { _ebpf: Ebpf },
    /// smtp-lb.
    Ours { _stand: Box<Stand> },
    /// What goes with its namespace.
    OfNamespace,
    /// xdp-filter, on this interface of a namespace.
    XdpTools { namespace: String, device: String },
}

impl Filter {
    /// Puts one in force at the receiver's end.
    pub(crate) fn load(
        kind: Kind,
        object: &[u8],
        trie: &[u8],
        lines: &[Line],
        networks: &[IpNet],
        cable: &Cable,
    ) -> Result<Self> {
        match kind {
            Kind::Floor => floor(object, cable),
            Kind::Native => ours(object, lines, cable, true),
            Kind::Generic => ours(object, lines, cable, false),
            Kind::Trie => by_trie(trie, networks, cable),
            Kind::NftIngressHash | Kind::NftInputHash => {
                nftables(kind, &addresses(networks), cable)
            }
            Kind::NftIngressInterval | Kind::NftInputInterval => {
                nftables(kind, &ranges(networks), cable)
            }
            Kind::XdpFilter => xdp_filter(networks, cable),
        }
    }

    /// Strangers too.
    pub(crate) fn drops_all(&self) -> bool {
        matches!(self, Self::Floor { .. })
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        if let Self::XdpTools { namespace, device } = self {
            // What stays is told of by `xdp-filter status`.
            let _ = std::process::Command::new("nsenter")
                .arg(format!("--net=/run/netns/{namespace}"))
                .args(["xdp-filter", "unload", device])
                .output();
        }
    }
}

fn floor(object: &[u8], cable: &Cable) -> Result<Filter> {
    let mut ebpf = Ebpf::load(object)?;
    program(&mut ebpf, "bench_drop")?.load()?;
    cable.receiver.enter(|| -> Result<()> {
        program(&mut ebpf, "bench_drop")?.attach(&cable.device, XdpMode::Driver)?;
        Ok(())
    })??;
    Ok(Filter::Floor { _ebpf: ebpf })
}

fn ours(object: &[u8], lines: &[Line], cable: &Cable, native: bool) -> Result<Filter> {
    let mut stand = Stand::load_program(Some(object), PROGRAM, &pins())?;
    stand.reputation(lines)?;
    attach(stand, cable, native)
}

fn by_trie(object: &[u8], networks: &[IpNet], cable: &Cable) -> Result<Filter> {
    let mut rig = Rig::load(object, PROGRAM)?;
    rig.fill_trie(Family::V4, networks)?;
    attach(rig.stand, cable, true)
}

fn attach(mut stand: Stand, cable: &Cable, native: bool) -> Result<Filter> {
    stand.image(&Way::Listed.image(true)?)?;
    let device = &cable.device;
    cable.receiver.enter(|| stand.attach(device, native))??;
    Ok(Filter::Ours {
        _stand: Box::new(stand),
    })
}

fn addresses(networks: &[IpNet]) -> Vec<String> {
    let mut all: Vec<String> = networks.iter().map(|net| net.addr().to_string()).collect();
    all.sort();
    all.dedup();
    all
}

/// Disjoint, as an interval set wants them.
fn ranges(networks: &[IpNet]) -> Vec<String> {
    let mut ranges = Ranges::default();
    for network in networks {
        ranges.add(network.network(), network.broadcast());
    }
    ranges.merge();
    let show = |(first, last): &(u32, u32)| {
        let (first, last) = (Ipv4Addr::from(*first), Ipv4Addr::from(*last));
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    ranges.v4.iter().map(show).collect()
}

fn nftables(kind: Kind, elements: &[String], cable: &Cable) -> Result<Filter> {
    let device = &cable.device;
    let (table, hook) = match kind {
        Kind::NftIngressHash | Kind::NftIngressInterval => {
            ("netdev", format!("ingress device \"{device}\""))
        }
        _ => ("ip", "input".to_owned()),
    };
    let interval = matches!(kind, Kind::NftIngressInterval | Kind::NftInputInterval);
    let mut text = format!("table {table} bench {{\nset blocked {{\ntype ipv4_addr\n");
    if interval {
        text += "flags interval\n";
    }
    write!(
        text,
        "elements = {{ {} }}\n}}\nchain in {{\ntype filter hook {hook} priority 0; policy accept;\n\
         ip saddr @blocked counter drop\n}}\n}}\n",
        elements.join(",\n")
    )?;
    let folder = crate::lab::scratch()?;
    let path = folder.path().join("rules.nft");
    fs::write(&path, text)?;
    run(&cable.receiver, &["nft", "-f", &path.to_string_lossy()])?;
    Ok(Filter::OfNamespace)
}

fn xdp_filter(networks: &[IpNet], cable: &Cable) -> Result<Filter> {
    let device = cable.device.clone();
    let load = [
        "xdp-filter",
        "load",
        "-m",
        "native",
        "-p",
        "allow",
        "-f",
        "ipv4",
    ];
    run(&cable.receiver, &[&load[..], &[device.as_str()]].concat())?;
    let filter = Filter::XdpTools {
        namespace: cable.receiver.name().to_owned(),
        device,
    };
    let addresses = addresses(networks);
    let (first, rest) = addresses.split_first().context("nobody to block")?;
    run(&cable.receiver, &["xdp-filter", "ip", "-m", "src", first])?;
    // The rest as it writes them itself, which for each would be a process.
    let map = aya::maps::Map::from_map_data(MapData::from_pin(XDP_FILTER)?)?;
    let mut map = PerCpuHashMap::<MapData, u32, u64>::try_from(map)?;
    let key = |text: &String| -> Result<u32> {
        Ok(u32::from_ne_bytes(text.parse::<Ipv4Addr>()?.octets()))
    };
    let value = map.get(&key(first)?, 0)?;
    for address in rest {
        let values = PerCpuValues::try_from(value.to_vec())?;
        map.insert(key(address)?, values, 0)?;
    }
    ensure!(
        map.keys().count() == addresses.len(),
        "xdp-filter took not all"
    );
    Ok(filter)
}
