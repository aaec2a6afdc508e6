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
    Rules(u32),
    /// One rule of so many networks.
    Prefixes(u32),
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(count) => write!(f, "{count} rules"),
            Self::Prefixes(count) => write!(f, "{count} prefixes"),
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
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept by a rule",
            Self::Drop => "drop by a rule",
            Self::DropEvent => "drop by a rule, with an event",
            Self::DefaultDrop => "drop by default",
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
    /// An `LPM_TRIE`'s look-up alone.
    Trie(Family, u32, bool),
}

/// Prefixes of the largest table.
pub(crate) const MANY: u32 = 100_000;

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Empty, Self::Pick];
        for family in [Family::V4, Family::V6] {
            for rules in [Rules::Rules(10), Rules::Rules(1_000), Rules::Prefixes(MANY)] {
                for way in [Way::Accept, Way::Drop, Way::DropEvent, Way::DefaultDrop] {
                    all.push(Self::Filter(family, rules, way));
                }
            }
            for member in [true, false] {
                all.push(Self::Image(family, MANY, member));
                all.push(Self::Trie(family, MANY, member));
            }
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
            Self::Trie(Family::V4, ..) => "bench_trie_v4",
            Self::Trie(Family::V6, ..) => "bench_trie_v6",
        }
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Empty | Self::Pick => Family::V4,
            Self::Filter(family, ..) | Self::Image(family, ..) | Self::Trie(family, ..) => family,
        }
    }

    pub(crate) fn rules(self) -> Rules {
        match self {
            Self::Empty | Self::Pick => Rules::Rules(10),
            Self::Filter(_, rules, _) => rules,
            Self::Image(_, count, _) | Self::Trie(_, count, _) => Rules::Prefixes(count),
        }
    }

    /// Are the sources members of a rule's networks?
    pub(crate) fn members(self) -> bool {
        match self {
            Self::Empty | Self::Pick => true,
            Self::Filter(_, _, way) => way != Way::DefaultDrop,
            Self::Image(_, _, member) | Self::Trie(_, _, member) => member,
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
            Self::Trie(_, count, _) => {
                write!(f, "look-up, {family}, {count} prefixes, {whose}: LPM_TRIE")
            }
        }
    }
}
