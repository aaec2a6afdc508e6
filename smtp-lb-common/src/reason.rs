//! Verdicts and why they were given.

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Let on to the host.
    Accept = 0,
    /// Taken away without a word.
    Drop = 1,
    /// Taken away, and its sender is told so.
    Reject = 2,
}

/// Verdicts that there are room for, in a built-in reason's slots.
pub const VERDICTS: u32 = 4;

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Drop, Self::Reject];

    /// The word used in counters, events and the CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }

    /// The verdict of a shared-layout octet.
    #[must_use]
    #[inline(always)]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Accept),
            1 => Some(Self::Drop),
            2 => Some(Self::Reject),
            _ => None,
        }
    }
}

/// Why a verdict was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// Neither IPv4, IPv6 nor ARP: not ours to judge.
    NonIp = 0,
    /// ARP.
    Arp = 1,
    /// IPv6 neighbour discovery and multicast listener discovery with hop limit 255 or 1.
    Neighbor = 2,
    /// A header that ends early or contradicts itself.
    Malformed = 3,
    /// More extension headers than are followed.
    Unparsable = 4,
    /// A fragment made to hide the transport header (RFC 1858, RFC 3128).
    TinyFragment = 5,
    /// A later fragment, decided by the default.
    LaterFragment = 6,
    /// The host has the connection that the segment or datagram belongs to.
    Reply = 7,
    /// An ICMP error about a connection of the host's.
    IcmpError = 8,
    /// A DHCP server's answer to this host.
    Dhcp = 9,
    /// No image is loaded yet, or it is damaged.
    NoImage = 10,
    /// A failsafe entry.
    Failsafe = 16,
    /// A rule of a policy.
    Policy = 17,
    /// No rule matched.
    Default = 18,
    /// The source is listed by a feed or an added entry.
    Reputation = 19,
    /// More new connections of a source, or of its network, than the context allows.
    Flood = 20,
    /// The virtual server is protected from SYN floods: answered in its stead, by a cookie.
    SynCookie = 21,
    /// A staged policy would have decided otherwise. Nothing is decided by it.
    Staged = 22,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 18] = [
        Self::NonIp,
        Self::Arp,
        Self::Neighbor,
        Self::Malformed,
        Self::Unparsable,
        Self::TinyFragment,
        Self::LaterFragment,
        Self::Reply,
        Self::IcmpError,
        Self::Dhcp,
        Self::NoImage,
        Self::Failsafe,
        Self::Policy,
        Self::Default,
        Self::Reputation,
        Self::Flood,
        Self::SynCookie,
        Self::Staged,
    ];

    /// The word used in counters, events and the CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonIp => "non-ip",
            Self::Arp => "arp",
            Self::Neighbor => "neighbor-discovery",
            Self::Malformed => "malformed",
            Self::Unparsable => "unparsable",
            Self::TinyFragment => "tiny-fragment",
            Self::LaterFragment => "later-fragment",
            Self::Reply => "reply",
            Self::IcmpError => "icmp-error",
            Self::Dhcp => "dhcp",
            Self::NoImage => "no-image",
            Self::Failsafe => "failsafe",
            Self::Policy => "policy",
            Self::Default => "default",
            Self::Reputation => "reputation",
            Self::Flood => "flood",
            Self::SynCookie => "syn-cookie",
            Self::Staged => "staged",
        }
    }

    /// The reason of a shared-layout octet.
    #[must_use]
    #[inline(always)]
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::NonIp,
            1 => Self::Arp,
            2 => Self::Neighbor,
            3 => Self::Malformed,
            4 => Self::Unparsable,
            5 => Self::TinyFragment,
            6 => Self::LaterFragment,
            7 => Self::Reply,
            8 => Self::IcmpError,
            9 => Self::Dhcp,
            10 => Self::NoImage,
            16 => Self::Failsafe,
            17 => Self::Policy,
            18 => Self::Default,
            19 => Self::Reputation,
            20 => Self::Flood,
            21 => Self::SynCookie,
            22 => Self::Staged,
            _ => return None,
        })
    }

    /// Counter slot of a built-in reason with `verdict`; rules have slots of their own.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self, verdict: Verdict) -> u32 {
        self as u32 * VERDICTS + verdict as u32
    }
}

/// First slot of rules and defaults; those below belong to built-in reasons.
pub const FIRST_RULE_SLOT: u32 = 32 * VERDICTS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_read_back() {
        for value in 0..=255 {
            let known = Reason::ALL.into_iter().find(|it| *it as u8 == value);
            assert_eq!(Reason::from_u8(value), known);
            let known = Verdict::ALL.into_iter().find(|it| *it as u8 == value);
            assert_eq!(Verdict::from_u8(value), known);
        }
        assert!(
            Reason::ALL
                .into_iter()
                .all(|it| it.slot(Verdict::Reject) < FIRST_RULE_SLOT - 1)
        );
    }
}
