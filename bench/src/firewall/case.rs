//! What is measured.

use std::fmt;

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What the sources are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// So many rules of one network each.
    Each(u32),
    /// One rule of so many networks.
    Prefixes(u32),
    /// A reputation feed.
    Feed(Feed),
}

/// A reputation feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    /// IPv4 networks.
    pub(crate) v4: u32,
    /// They are addresses, none longer.
    pub(crate) hosts: bool,
    /// IPv6 networks.
    pub(crate) v6: u32,
}

impl Feed {
    /// As large as all public ones together.
    pub(crate) const LARGE: Self = Self {
        v4: 1_000_000,
        hosts: false,
        v6: 100_000,
    };
    /// Larger than any.
    pub(crate) const HUGE: Self = Self {
        v4: 10_000_000,
        hosts: true,
        v6: 0,
    };

    const fn of(count: u32) -> Self {
        Self {
            v4: count,
            hosts: false,
            v6: count / 10,
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.hosts { "addresses" } else { "prefixes" };
        write!(f, "feed of {} IPv4 {what}", self.v4)?;
        if self.v6 > 0 {
            write!(f, " and {} IPv6", self.v6)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each(count) => write!(f, "{count} rules"),
            Self::Prefixes(count) => write!(f, "{count} prefixes"),
            Self::Feed(feed) => write!(f, "{feed}"),
        }
    }
}

/// What becomes of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A rule accepts.
    Accept,
    /// A rule drops.
    Drop,
    /// A rule drops and an event is sent for each.
    DropEvent,
    /// No rule matches, the default drops.
    DefaultDrop,
    /// A feed lists the source, or does not.
    Listed(bool),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept by a rule",
            Self::Drop => "drop by a rule",
            Self::DropEvent => "drop by a rule, with an event",
            Self::DefaultDrop => "drop by default",
            Self::Listed(true) => "drop by reputation",
            Self::Listed(false) => "accept by default, not listed",
        })
    }
}

/// One measured thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// The least that a program can do.
    Empty,
    /// Taking a random source and nothing else.
    Pick,
    /// The whole filter.
    Filter(Family, Rules, Way),
    /// Our look-up alone, of members or of strangers.
    Image(Family, u32, bool),
    /// Our look-up of who lists a source, of members or of strangers.
    Listed(Family, Feed, bool),
    /// An `LPM_TRIE`'s look-up alone.
    Trie(Family, u32, bool),
}

/// Prefixes of the largest table.
pub(crate) const MANY: u32 = 100_000;

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Empty, Self::Pick];
        for family in [Family::V4, Family::V6] {
            for rules in [Rules::Each(10), Rules::Each(1_000), Rules::Prefixes(MANY)] {
                for way in [Way::Accept, Way::Drop, Way::DropEvent, Way::DefaultDrop] {
                    all.push(Self::Filter(family, rules, way));
                }
            }
            for member in [true, false] {
                all.push(Self::Image(family, MANY, member));
                all.push(Self::Trie(family, MANY, member));
            }
        }
        let feeds = [
            Feed::of(0),
            Feed::of(1_000),
            Feed::of(100_000),
            Feed::LARGE,
            Feed::HUGE,
        ];
        for feed in feeds {
            for member in [true, false] {
                if feed.v4 > 0 || !member {
                    let rules = Rules::Feed(feed);
                    all.push(Self::Filter(Family::V4, rules, Way::Listed(member)));
                }
                if feed.v6 > 0 {
                    let rules = Rules::Feed(feed);
                    all.push(Self::Filter(Family::V6, rules, Way::Listed(member)));
                }
            }
        }
        for member in [true, false] {
            all.push(Self::Listed(Family::V4, Feed::LARGE, member));
            all.push(Self::Trie(Family::V4, Feed::LARGE.v4, member));
            all.push(Self::Listed(Family::V6, Feed::LARGE, member));
            all.push(Self::Listed(Family::V4, Feed::HUGE, member));
        }
        all
    }

    /// Name of the program in the object.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Empty => "bench_empty",
            Self::Pick => "bench_pick",
            Self::Filter(Family::V4, ..) => "bench_filter_v4",
            Self::Filter(Family::V6, ..) => "bench_filter_v6",
            Self::Image(Family::V4, ..) => "bench_image_v4",
            Self::Image(Family::V6, ..) => "bench_image_v6",
            Self::Listed(Family::V4, ..) => "bench_listed_v4",
            Self::Listed(Family::V6, ..) => "bench_listed_v6",
            Self::Trie(Family::V4, ..) => "bench_trie_v4",
            Self::Trie(Family::V6, ..) => "bench_trie_v6",
        }
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Empty | Self::Pick => Family::V4,
            Self::Filter(family, ..)
            | Self::Image(family, ..)
            | Self::Listed(family, ..)
            | Self::Trie(family, ..) => family,
        }
    }

    pub(crate) fn rules(self) -> Rules {
        match self {
            Self::Empty | Self::Pick => Rules::Each(10),
            Self::Filter(_, rules, _) => rules,
            Self::Listed(_, feed, _) => Rules::Feed(feed),
            Self::Image(_, count, _) | Self::Trie(_, count, _) => Rules::Prefixes(count),
        }
    }

    /// Are the sources members of a rule's networks?
    pub(crate) fn members(self) -> bool {
        match self {
            Self::Filter(_, _, Way::DefaultDrop | Way::Listed(false)) => false,
            Self::Empty | Self::Pick | Self::Filter(..) => true,
            Self::Image(_, _, member) | Self::Listed(_, _, member) | Self::Trie(_, _, member) => {
                member
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family() {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        let whose = if self.members() {
            "members"
        } else {
            "strangers"
        };
        match self {
            Self::Empty => f.write_str("empty program"),
            Self::Pick => f.write_str("taking a random source"),
            Self::Filter(_, rules, way) => write!(f, "filter, {family}, {rules}: {way}"),
            Self::Image(_, count, _) => {
                write!(f, "look-up, {family}, {count} prefixes, {whose}: image")
            }
            Self::Listed(_, feed, _) => write!(f, "look-up, {family}, {feed}, {whose}: image"),
            Self::Trie(_, count, _) => {
                write!(f, "look-up, {family}, {count} prefixes, {whose}: LPM_TRIE")
            }
        }
    }
}
