//! Layout of the compiled policy: one flat array of 64-byte lines.
//!
//! ```text
//! lines 0 and 1   header
//! reputation      a profile for each policy column, if any asks for reputation
//! floods          limits of new connections, a line to each column, if any has some
//! IPv4 root       words by the first bits of the source
//! IPv6 root       words for 2000::/3, by some bits after those three, then 8 words by the first three
//!                 bits for the rest
//! destinations    two roots more, by the destination, if any rule asks for it
//! intervals       sorted starts with their values, 4 to a line
//! limits          rates of rules that have one, 4 to a line
//! chains          rules left to test, 2 to a line, in order
//! divisions       sorted starts of services or destination classes with their steps, 4 to a line
//! matrix          source class × policy column → step, 8 to a line
//! virtual servers open-addressed hash by address and port, 1 to a line
//! rates           event rate of each slot, 4 to a line
//! names           whose the slots are, for people
//! ```
//! Kernel and userspace read it through [`Image`]; only the compiler in userspace writes it.

use crate::bucket::Rate;
use crate::reason::{FIRST_RULE_SLOT, Verdict};

/// 64 bytes: a cache line.
pub type Line = [u64; 8];
/// A map element, 1 MiB. Whoever has a page needs no call to read its lines, and most images have one only.
// Not an array of arrays, whose size the loader reckons wrong.
#[derive(Debug)]
#[repr(C)]
pub struct Page(pub [Line; PAGE_LINES as usize]);
/// Lines of a page.
pub const PAGE_LINES: u32 = 1 << 14;

/// Bits that a root may be indexed by: as few as leave a line of intervals to each word, so that it
/// stays in a core's cache.
pub const ROOT_BITS: core::ops::RangeInclusive<u32> = 6..=16;
/// Words in a line of a root.
pub const WORDS_PER_LINE: u32 = 8;
/// Intervals in a line.
pub const INTERVALS_PER_LINE: u32 = 4;
/// Chain entries in a line.
pub const ENTRIES_PER_LINE: u32 = 2;
/// Matrix cells in a line.
pub const CELLS_PER_LINE: u32 = 8;
/// Rates in a line.
pub const RATES_PER_LINE: u32 = 4;
/// Probes after which a virtual server is not in the hash; the compiler grows the table until
/// this suffices.
pub const MAX_PROBES: u32 = 4;
/// Entries of the longest chain; the compiler refuses a longer one.
pub const MAX_CHAIN: u32 = 128;
/// Divisions on the way to a chain: by service, and by destination.
pub const MAX_DIVISIONS: u32 = 2;
/// Halvings that find one line among any number that an image can hold.
pub const MAX_HALVINGS: u32 = 26;
/// First half of the header.
pub const MAGIC: u32 = 0x4c42_0007;

/// Access to the lines of an image.
pub trait Image {
    /// The line at `index`, if there is one.
    fn line(&self, index: u32) -> Option<&Line>;
}

impl Image for [Line] {
    #[inline(always)]
    fn line(&self, index: u32) -> Option<&Line> {
        self.get(index as usize)
    }
}

/// High and low half of a word.
#[inline(always)]
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
pub const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// A word of two halves.
#[inline(always)]
#[must_use]
pub const fn word(high: u32, low: u32) -> u64 {
    ((high as u64) << 32) | low as u64
}

/// A context: whose policy is asked, and who counts what it leaves undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Column of the matrix.
    pub column: u32,
    /// Counter slot of the context's default.
    pub default_slot: u32,
}

impl Context {
    /// As a word.
    #[must_use]
    pub const fn pack(self) -> u64 {
        word(self.column, self.default_slot)
    }

    /// From a word.
    #[must_use]
    #[inline(always)]
    pub const fn unpack(packed: u64) -> Self {
        let (column, default_slot) = halves(packed);
        Self {
            column,
            default_slot,
        }
    }
}

/// Header flag: what no rule decides is dropped.
pub const FLAG_DEFAULT_DROP: u32 = 1;
/// Header flag: events are asked for what the default decides.
pub const FLAG_LOG_DEFAULT: u32 = 2;
/// Header flag, with [`FLAG_DEFAULT_DROP`]: it is rejected, if it may be.
pub const FLAG_DEFAULT_REJECT: u32 = 8;
/// Header flag: contexts have reputation profiles.
pub const FLAG_REPUTATION: u32 = 4;
/// Header flag: contexts have limits of new connections.
pub const FLAG_FLOODS: u32 = 16;

/// Header flag: the failsafe list has entries.
pub const FLAG_FAILSAFE: u32 = 32;
/// Header flag: there is a global policy.
pub const FLAG_GLOBAL: u32 = 64;
/// Header flag: rules ask for destinations.
pub const FLAG_DESTINATIONS: u32 = 128;
/// Header flag: there are staged policies.
pub const FLAG_STAGED: u32 = 256;

// Each flag has a bit of its own.
const _: () = assert!(
    (FLAG_DEFAULT_DROP
        | FLAG_LOG_DEFAULT
        | FLAG_DEFAULT_REJECT
        | FLAG_REPUTATION
        | FLAG_FLOODS
        | FLAG_FAILSAFE
        | FLAG_GLOBAL
        | FLAG_DESTINATIONS
        | FLAG_STAGED)
        .count_ones()
        == 9
);

/// Column of the failsafe list. No staged policy has it, so it says that there is none.
pub const FAILSAFE_COLUMN: u32 = 0;

/// The roots of both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roots {
    /// First line of the IPv4 root; behind it is that of IPv6.
    pub first: u32,
    /// Bits that index that of IPv4: one of [`ROOT_BITS`], or of a tree's.
    pub bits_v4: u32,
    /// Bits that index that of IPv6, the same.
    pub bits_v6: u32,
}

impl Roots {
    /// First line of the IPv6 root.
    #[must_use]
    #[inline(always)]
    pub const fn v6(&self) -> u32 {
        self.first
            .wrapping_add(1u32.wrapping_shl(self.bits_v4) / WORDS_PER_LINE)
    }

    /// Lines of both.
    #[must_use]
    pub const fn lines(&self) -> u32 {
        (1 << self.bits_v4) / WORDS_PER_LINE + (1 << self.bits_v6) / WORDS_PER_LINE + 1
    }

    pub(crate) const fn pack(self) -> u64 {
        word(self.bits_v6 << 8 | self.bits_v4, self.first)
    }

    #[inline(always)]
    pub(crate) const fn unpack(packed: u64) -> Self {
        let (bits, first) = halves(packed);
        Self {
            first,
            bits_v4: bits & 0xff,
            bits_v6: bits >> 8,
        }
    }
}

/// Line 0, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `FLAG_…`.
    pub flags: u32,
    /// Columns of the matrix.
    pub columns: u32,
    /// First line of the matrix.
    pub matrix: u32,
    /// Where sources are looked up.
    pub sources: Roots,
    /// Where destinations are, with [`FLAG_DESTINATIONS`].
    pub destinations: Roots,
    /// First line of the virtual servers.
    pub servers: u32,
    /// Lines of the virtual servers less one; their number is a power of two.
    pub servers_mask: u32,
    /// First line of the rates.
    pub rates: u32,
    /// With [`FLAG_GLOBAL`], column of the policy that is asked before those of contexts.
    pub global: u32,
    /// Packets for no virtual server.
    pub host: Context,
    /// What no other image has: set when it is given to the kernel.
    pub token: u64,
}

/// Line 1: total lines, and a count of compilations, for people; the staged policies of the host and of
/// the global context; first line of the names, which are a word with their length in octets, then JSON.
#[must_use]
pub const fn about(
    lines: u32,
    generation: u32,
    host: Context,
    global: Context,
    names: u32,
) -> Line {
    [
        word(lines, generation),
        host.pack(),
        global.pack(),
        names as u64,
        0,
        0,
        0,
        0,
    ]
}

/// The staged policies of the host and of the global context, of line 1.
#[must_use]
#[inline(always)]
pub const fn staged_of(line: &Line) -> (Context, Context) {
    (Context::unpack(line[1]), Context::unpack(line[2]))
}

/// First line of the names, of line 1.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "as packed")]
pub const fn names_of(line: &Line) -> u32 {
    line[3] as u32
}

/// First line after the header. With [`FLAG_REPUTATION`] the profiles of all columns begin here, in
/// order.
pub const AFTER_HEADER: u32 = 2;

impl Header {
    /// As line 0.
    #[must_use]
    pub const fn pack(&self) -> Line {
        [
            word(MAGIC, self.flags),
            word(self.columns, self.matrix),
            word(self.servers, self.servers_mask),
            word(self.rates, self.global),
            self.sources.pack(),
            self.destinations.pack(),
            self.host.pack(),
            self.token,
        ]
    }

    /// From line 0; `None` if it is not a header of this layout.
    #[must_use]
    #[inline(always)]
    pub fn unpack(line: &Line) -> Option<Self> {
        let (magic, flags) = halves(line[0]);
        if magic != MAGIC {
            return None;
        }
        let (columns, matrix) = halves(line[1]);
        let (servers, servers_mask) = halves(line[2]);
        let (rates, global) = halves(line[3]);
        Some(Self {
            flags,
            columns,
            matrix,
            servers,
            servers_mask,
            rates,
            global,
            sources: Roots::unpack(line[4]),
            destinations: Roots::unpack(line[5]),
            host: Context::unpack(line[6]),
            token: line[7],
        })
    }
}

impl Header {
    /// Where the matrix says how to begin with a source of a class in a column.
    #[must_use]
    #[inline(always)]
    pub const fn cell(&self, class: u32, column: u32) -> u32 {
        self.matrix
            .wrapping_mul(CELLS_PER_LINE)
            .wrapping_add(class.wrapping_mul(self.columns).wrapping_add(column))
    }
}

/// What a root word or an interval's value says.
///
/// A word whose high half is 0 is a class (low half); else the high half is a number of lines
/// and the low half the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The class is known.
    Class(u32),
    /// Search these lines.
    Lines {
        /// First line.
        first: u32,
        /// How many, at least 1.
        count: u32,
    },
}

impl Target {
    /// As a word.
    #[must_use]
    pub const fn pack(self) -> u64 {
        match self {
            Self::Class(class) => word(0, class),
            Self::Lines { first, count } => word(count, first),
        }
    }

    /// From a word.
    #[must_use]
    #[inline(always)]
    pub const fn unpack(packed: u64) -> Self {
        match halves(packed) {
            (0, class) => Self::Class(class),
            (count, first) => Self::Lines { first, count },
        }
    }
}

/// What a cell of the matrix or a division says: where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rules to test, from this entry on, counted from the beginning of the image.
    Chain(u32),
    /// Search these lines for the packet's service or the class of its destination.
    Divide {
        /// For which of them.
        by: Division,
        /// First line.
        first: u32,
        /// How many, at least 1.
        count: u32,
    },
}

/// What a division is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Division {
    /// See [`service`].
    Service,
    /// The class of the destination.
    Destination,
}

/// In the high half of a packed [`Step`]: by destination.
pub const BY_DESTINATION: u32 = 1 << 31;

impl Step {
    /// As a word.
    #[must_use]
    pub const fn pack(self) -> u64 {
        match self {
            Self::Chain(first) => word(0, first),
            Self::Divide { by, first, count } => match by {
                Division::Service => word(count, first),
                Division::Destination => word(count | BY_DESTINATION, first),
            },
        }
    }
}

/// What a packet asks for, as a number: protocol, and of those that have one a port or the type and
/// code of ICMP. Where a later fragment has none, it is below all that have.
#[must_use]
#[inline(always)]
pub const fn service(protocol: u8, detail: Option<u16>) -> u64 {
    match detail {
        Some(detail) => (protocol as u64) << 17 | 1 << 16 | detail as u64,
        None => (protocol as u64) << 17,
    }
}

/// Any protocol, in an [`Entry`].
pub const ANY_PROTOCOL: u16 = 256;

/// What remains to be tested of one rule once source and destination are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the packed entry"
)]
pub struct Entry {
    /// Counter slot of the rule in this context.
    pub slot: u32,
    /// Protocol number or [`ANY_PROTOCOL`].
    pub protocol: u16,
    /// First and last destination port, or type and code of ICMP as one number.
    pub detail: Option<(u16, u16)>,
    /// First and last source port.
    pub source_ports: Option<(u16, u16)>,
    /// Index of the interface.
    pub interface: Option<u32>,
    /// First and last id of the outer VLAN.
    pub vlan: Option<(u16, u16)>,
    /// It must begin a TCP connection.
    pub new: bool,
    /// Place of the rule's rate among all rates of the image, counted from its beginning.
    pub limit: Option<u32>,
    /// What the rule does. A rule that rejects has two slots: `slot`, and behind it the one that
    /// counts what it drops, because it may not be answered. One of the global policy that accepts,
    /// too: the second counts what another context then decided.
    pub verdict: Verdict,
    /// No other context is asked, if it accepts.
    pub decisive: bool,
    /// The rule asks for events.
    pub log: bool,
    /// Not a rule: the chain ends here and nothing matched.
    pub end: bool,
}

/// Flags of [`Entry::pack`]'s first word.
pub mod entry {
    /// It drops.
    pub const DROP: u64 = 1;
    /// It asks for events.
    pub const LOG: u64 = 2;
    /// End of a chain.
    pub const END: u64 = 4;
    /// [`super::Entry::detail`] is asked for.
    pub const DETAIL: u64 = 8;
    /// It rejects.
    pub const REJECT: u64 = 16;
    /// [`super::Entry::decisive`].
    pub const DECISIVE: u64 = 32;
    /// Source ports are asked for.
    pub const SOURCE_PORTS: u64 = 64;
    /// The interface is asked for.
    pub const INTERFACE: u64 = 128;
    /// The VLAN is asked for.
    pub const VLAN: u64 = 256;
    /// [`super::Entry::new`].
    pub const NEW: u64 = 512;
    /// It has a rate.
    pub const LIMIT: u64 = 1024;
}

impl Entry {
    /// Matches everything.
    pub const ANY: Self = Self {
        slot: 0,
        protocol: ANY_PROTOCOL,
        detail: None,
        source_ports: None,
        interface: None,
        vlan: None,
        new: false,
        limit: None,
        verdict: Verdict::Accept,
        decisive: false,
        log: false,
        end: false,
    };

    /// The end of every chain.
    pub const END: Self = Self {
        end: true,
        ..Self::ANY
    };

    /// Whether nothing is left to test.
    #[must_use]
    pub const fn always_matches(&self) -> bool {
        self.protocol == ANY_PROTOCOL
            && self.detail.is_none()
            && self.source_ports.is_none()
            && self.interface.is_none()
            && self.vlan.is_none()
            && !self.new
            && self.limit.is_none()
    }

    /// As four words.
    #[must_use]
    pub const fn pack(self) -> [u64; 4] {
        let mut flags = match self.verdict {
            Verdict::Accept => 0,
            Verdict::Drop => entry::DROP,
            Verdict::Reject => entry::REJECT,
        };
        if self.decisive {
            flags |= entry::DECISIVE;
        }
        if self.log {
            flags |= entry::LOG;
        }
        if self.end {
            flags |= entry::END;
        }
        if self.new {
            flags |= entry::NEW;
        }
        let (mut ports, mut link, mut limit) = (0, 0, 0);
        if let Some((low, high)) = self.detail {
            flags |= entry::DETAIL;
            ports |= (high as u64) << 16 | low as u64;
        }
        if let Some((low, high)) = self.source_ports {
            flags |= entry::SOURCE_PORTS;
            ports |= (high as u64) << 48 | (low as u64) << 32;
        }
        if let Some(interface) = self.interface {
            flags |= entry::INTERFACE;
            link |= (interface as u64) << 32;
        }
        if let Some((low, high)) = self.vlan {
            flags |= entry::VLAN;
            link |= (high as u64) << 16 | low as u64;
        }
        if let Some(place) = self.limit {
            flags |= entry::LIMIT;
            limit = place as u64;
        }
        [
            ((self.slot as u64) << 32) | ((self.protocol as u64) << 16) | flags,
            ports,
            link,
            limit,
        ]
    }
}

/// A virtual server in the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Address as two words, IPv4 mapped into IPv6 (`::ffff:a.b.c.d`); all zero after the prefix
    /// for a wildcard.
    pub address: [u64; 2],
    /// TCP port.
    pub port: u16,
    /// Its context.
    pub context: Context,
    /// Its staged policy, or [`Context::NONE`].
    pub staged: Context,
}

const SERVER_PRESENT: u64 = 1 << 16;

impl Server {
    /// As a line.
    #[must_use]
    pub const fn pack(self) -> Line {
        [
            self.address[0],
            self.address[1],
            SERVER_PRESENT | self.port as u64,
            self.context.pack(),
            self.staged.pack(),
            0,
            0,
            0,
        ]
    }

    /// Is the line taken, and by this address and port?
    #[must_use]
    #[inline(always)]
    pub const fn matches(line: &Line, address: [u64; 2], port: u16) -> bool {
        line[0] == address[0] && line[1] == address[1] && line[2] == SERVER_PRESENT | port as u64
    }

    /// The context of a line.
    #[must_use]
    #[inline(always)]
    pub const fn context(line: &Line) -> Context {
        Context::unpack(line[3])
    }

    /// The staged policy of a line.
    #[must_use]
    #[inline(always)]
    pub const fn staged(line: &Line) -> Context {
        Context::unpack(line[4])
    }

    /// Where the probing of a key begins.
    #[must_use]
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the high bits are folded in"
    )]
    pub const fn hash(address: [u64; 2], port: u16) -> u32 {
        let mixed = (address[0] ^ address[1].rotate_left(29) ^ port as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32 ^ mixed as u32
    }
}

/// Slot whose rate is that of answers, on each CPU: no verdict has it.
pub const ANSWERS: u32 = FIRST_RULE_SLOT - 1;

/// Rate of the events of `slot`.
#[inline(always)]
pub fn rate<I: Image + ?Sized>(image: &I, header: &Header, slot: u32) -> Option<Rate> {
    let first = header.rates.wrapping_mul(RATES_PER_LINE);
    rate_at(image, first.wrapping_add(slot))
}

/// The rate at a place, counted from the beginning of the image.
#[inline(always)]
pub fn rate_at<I: Image + ?Sized>(image: &I, place: u32) -> Option<Rate> {
    let line = image.line(place / RATES_PER_LINE)?;
    let at = (place % RATES_PER_LINE * 2) as usize;
    Some(Rate {
        interval: *line.get(at)?,
        tolerance: *line.get(at + 1)?,
    })
}
