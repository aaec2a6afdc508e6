//! Which addresses are whose, so that a source takes the path that is measured and no other.

use std::net::IpAddr;

use anyhow::Result;
use ipnet::IpNet;
use smtp_lb::reputation::Ranges;

use super::feed::{Family, Feed};
use super::prefixes::{Random, SEED, of_feed, source};

/// Failsafe networks.
pub(crate) const FAILSAFE: [&str; 2] = ["100.64.0.0/10", "2400::/12"];
/// Rules, of one network each.
const RULES: u32 = 10;
/// Added entries.
const ADDED: usize = 10_000;

/// Whose a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Nobody's.
    Stranger,
    /// The feed's.
    Listed,
    /// A rule's.
    Ruled,
    /// The failsafe list's.
    Failsafe,
    /// An added entry's.
    Added,
}

impl Whose {
    /// All.
    pub(crate) const ALL: [Self; 5] = [
        Self::Stranger,
        Self::Listed,
        Self::Ruled,
        Self::Failsafe,
        Self::Added,
    ];
}

/// Who has which addresses of a family, beside a feed.
pub(crate) struct Ground {
    family: Family,
    feed: Vec<IpNet>,
    listed: Ranges,
    ruled: Vec<IpNet>,
    failsafe: Vec<IpNet>,
    added: Vec<IpAddr>,
    random: Random,
}

impl Ground {
    /// The networks of a feed, and who has addresses of its own beside it.
    pub(crate) fn new(family: Family, feed: Feed) -> Result<Self> {
        let wanted = |net: &IpNet| net.addr().is_ipv4() == (family == Family::V4);
        let mut ground = Self::among(family, of_feed(feed).filter(wanted).collect())?;
        ground.ruled = ruled(family)?;
        while ground.added.len() < ADDED {
            let address = ground.draw(Whose::Stranger);
            ground.added.push(address);
        }
        ground.added.sort();
        Ok(ground)
    }

    /// The same with those of a feed and of the failsafe list alone.
    pub(crate) fn among(family: Family, feed: Vec<IpNet>) -> Result<Self> {
        let mut listed = Ranges::default();
        for network in &feed {
            listed.add(network.network(), network.broadcast());
        }
        listed.merge();
        Ok(Self {
            family,
            feed,
            listed,
            ruled: Vec::new(),
            failsafe: vec![FAILSAFE[usize::from(family == Family::V6)].parse()?],
            added: Vec::new(),
            // Others than those of the feed.
            random: Random(SEED + 1),
        })
    }

    /// Networks of the rules, one each.
    pub(crate) fn rules(&self) -> &[IpNet] {
        &self.ruled
    }

    /// Addresses of the added entries.
    pub(crate) fn added(&self) -> &[IpAddr] {
        &self.added
    }

    /// Are there sources of that kind?
    pub(crate) fn has(&self, whose: Whose) -> bool {
        whose != Whose::Listed || !self.feed.is_empty()
    }

    /// A source of that kind and of no other.
    pub(crate) fn draw(&mut self, whose: Whose) -> IpAddr {
        loop {
            let source = match whose {
                Whose::Stranger => self.random.address(self.family),
                Whose::Listed => source(self.family, &self.feed, true, &mut self.random),
                Whose::Ruled => source(self.family, &self.ruled, true, &mut self.random),
                Whose::Failsafe => source(self.family, &self.failsafe, true, &mut self.random),
                Whose::Added => self.added[self.random.below(self.added.len())],
            };
            let within = |networks: &[IpNet]| networks.iter().any(|net| net.contains(&source));
            let held = [
                (Whose::Listed, self.listed.holds(source)),
                (Whose::Ruled, within(&self.ruled)),
                (Whose::Failsafe, within(&self.failsafe)),
                (Whose::Added, self.added.binary_search(&source).is_ok()),
            ];
            if is_ordinary(source) && held.iter().all(|(of, holds)| *holds == (*of == whose)) {
                return source;
            }
        }
    }
}

/// May be a host's: who is none is neither answered nor delivered to.
pub(crate) fn is_ordinary(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(ip) => matches!(ip.octets()[0], 1..=126 | 128..=223),
        IpAddr::V6(_) => true,
    }
}

/// Wide ones, so that their sources lie far apart.
fn ruled(family: Family) -> Result<Vec<IpNet>> {
    (0..RULES)
        .map(|number| {
            let text = match family {
                Family::V4 => format!("{}.0.0.0/12", 20 + number * 3),
                Family::V6 => format!("2{}0::/12", 60 + number),
            };
            Ok(text.parse()?)
        })
        .collect()
}
