//! Random prefixes and random sources, the same in every run.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::feed::{Family, Feed};

/// Lengths as blocklists have them, IPv4 and IPv6.
const LENGTHS_V4: [u8; 8] = [32, 32, 32, 32, 24, 24, 22, 20];
const LENGTHS_V6: [u8; 8] = [128, 64, 64, 64, 56, 48, 48, 40];

/// Where every sequence begins.
pub(crate) const SEED: u64 = 7;

/// `SplitMix64`: not for secrets, the same sequence for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An address anywhere: IPv4, or IPv6 within `2000::/3`.
    pub(crate) fn address(&mut self, family: Family) -> IpAddr {
        let random = (u128::from(self.next()) << 64) | u128::from(self.next());
        match family {
            #[expect(clippy::cast_possible_truncation, reason = "32 random bits")]
            Family::V4 => Ipv4Addr::from(random as u32).into(),
            Family::V6 => Ipv6Addr::from((random >> 3) | (1 << 125)).into(),
        }
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }
}

/// `count` random networks.
pub(crate) fn networks(family: Family, count: u32, random: &mut Random) -> Vec<IpNet> {
    (0..count).filter_map(|_| network(family, random)).collect()
}

fn network(family: Family, random: &mut Random) -> Option<IpNet> {
    let lengths = match family {
        Family::V4 => LENGTHS_V4,
        Family::V6 => LENGTHS_V6,
    };
    let length = lengths[random.below(lengths.len())];
    Some(IpNet::new(random.address(family), length).ok()?.trunc())
}

/// The networks of a feed, the same in every run, IPv4 first. Those of a family are those that
/// [`networks`] gives of as many.
pub(crate) fn of_feed(feed: Feed) -> impl Iterator<Item = IpNet> {
    let (mut v4, mut v6) = (Random(SEED), Random(SEED));
    let first = (0..feed.v4).filter_map(move |_| {
        if feed.hosts {
            Some(v4.address(Family::V4).into())
        } else {
            network(Family::V4, &mut v4)
        }
    });
    first.chain((0..feed.v6).filter_map(move |_| network(Family::V6, &mut v6)))
}

/// A source: within one of `networks`, or anywhere.
pub(crate) fn source(
    family: Family,
    networks: &[IpNet],
    member: bool,
    random: &mut Random,
) -> IpAddr {
    let anywhere = random.address(family);
    if !member {
        return anywhere;
    }
    // The host bits of an address anywhere under the network's bits.
    match (networks[random.below(networks.len())], anywhere) {
        (IpNet::V4(net), IpAddr::V4(ip)) => {
            Ipv4Addr::from(u32::from(net.network()) | (u32::from(ip) & u32::from(net.hostmask())))
                .into()
        }
        (IpNet::V6(net), IpAddr::V6(ip)) => Ipv6Addr::from(
            u128::from(net.network()) | (u128::from(ip) & u128::from(net.hostmask())),
        )
        .into(),
        (_, other) => other,
    }
}
