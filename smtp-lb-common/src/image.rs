//! Layout of the compiled policy: one flat array of 64-byte lines.
//!
//! ```text
//! line 0          header
//! IPv4 root       65,536 words, by the first 16 bits of the source
//! IPv6 root       65,536 words for 2000::/3, by the 16 bits after those three, then 8 words by
//!                 the first three bits for the rest
//! reputation      a profile for each policy column, if any asks for reputation
//! floods          limits of new connections, a line to each column, if any has some
//! intervals       sorted starts with their values, 4 to a line
//! matrix          source class × policy column → chain, 16 to a line
//! chains          rules left to test, 4 to a line, in order
//! virtual servers open-addressed hash by address and port, 1 to a line
//! rates           event rate of each slot, 4 to a line
//! names           whose the slots are, for people
//! ```
//! Kernel and userspace read it through [`Image`]; only the compiler in userspace writes it.

use crate::bucket::Rate;
use crate::reason::{FIRST_RULE_SLOT, Verdict};

/// 64 bytes: a cache line, and one map element.
pub type Line = [u64; 8];

/// Words of the IPv4 root, and those of the IPv6 root that are for `2000::/3`.
pub const ROOT_WORDS: u32 = 1 << 16;
/// Lines of the IPv4 root.
pub const ROOT_LINES: u32 = ROOT_WORDS / 8;
/// Lines of the IPv6 root: all global addresses are in `2000::/3`, so it is resolved finer.
pub const ROOT_LINES_V6: u32 = ROOT_LINES + 1;
/// Intervals in a line.
pub const INTERVALS_PER_LINE: u32 = 4;
/// Chain entries in a line.
pub const ENTRIES_PER_LINE: u32 = 4;
/// Matrix cells in a line.
pub const CELLS_PER_LINE: u32 = 16;
/// Rates in a line.
pub const RATES_PER_LINE: u32 = 4;
/// Probes after which a virtual server is not in the hash; the compiler grows the table until
/// this suffices.
pub const MAX_PROBES: u32 = 4;
/// Entries of the longest chain; the compiler refuses a longer one.
pub const MAX_CHAIN: u32 = 128;
/// Halvings that find one line among any number that an image can hold.
pub const MAX_HALVINGS: u32 = 26;
/// First word of the header.
pub const MAGIC: u64 = 0x4c42_494d_4147_0001;

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

// Each flag has a bit of its own.
const _: () = assert!(
    (FLAG_DEFAULT_DROP | FLAG_LOG_DEFAULT | FLAG_DEFAULT_REJECT | FLAG_REPUTATION | FLAG_FLOODS)
        .count_ones()
        == 5
);

/// Line 0, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `FLAG_…`.
    pub flags: u32,
    /// Columns of the matrix.
    pub columns: u32,
    /// First line of the matrix.
    pub matrix: u32,
    /// First line of the chains.
    pub chains: u32,
    /// First line of the virtual servers.
    pub servers: u32,
    /// Lines of the virtual servers less one; their number is a power of two.
    pub servers_mask: u32,
    /// First line of the rates.
    pub rates: u32,
    /// First line of the names: a word with their length in octets, then JSON.
    pub names: u32,
    /// Failsafe list.
    pub failsafe: Context,
    /// Packets for no virtual server.
    pub host: Context,
    /// Total lines.
    pub lines: u32,
    /// Counts compilations, for people.
    pub generation: u32,
}

/// First line of the IPv4 root.
pub const ROOT_V4: u32 = 1;
/// First line of the IPv6 root.
pub const ROOT_V6: u32 = ROOT_V4 + ROOT_LINES;
/// First line after the roots. With [`FLAG_REPUTATION`] the profiles of all columns begin here, in
/// order.
pub const AFTER_ROOTS: u32 = ROOT_V6 + ROOT_LINES_V6;

impl Header {
    /// As line 0.
    #[must_use]
    pub const fn pack(&self) -> Line {
        [
            MAGIC,
            word(self.flags, self.columns),
            word(self.matrix, self.chains),
            word(self.servers, self.servers_mask),
            word(self.rates, self.names),
            self.failsafe.pack(),
            self.host.pack(),
            word(self.lines, self.generation),
        ]
    }

    /// From line 0; `None` if it is not a header of this layout.
    #[must_use]
    #[inline(always)]
    pub fn unpack(line: &Line) -> Option<Self> {
        if line[0] != MAGIC {
            return None;
        }
        let (flags, columns) = halves(line[1]);
        let (matrix, chains) = halves(line[2]);
        let (servers, servers_mask) = halves(line[3]);
        let (rates, names) = halves(line[4]);
        let (lines, generation) = halves(line[7]);
        Some(Self {
            flags,
            columns,
            matrix,
            chains,
            servers,
            servers_mask,
            rates,
            names,
            failsafe: Context::unpack(line[5]),
            host: Context::unpack(line[6]),
            lines,
            generation,
        })
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

/// Any protocol, in an [`Entry`].
pub const ANY_PROTOCOL: u16 = 256;

/// What remains to be tested of one rule once the source is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Counter slot of the rule in this context.
    pub slot: u32,
    /// Protocol number or [`ANY_PROTOCOL`].
    pub protocol: u16,
    /// The rule has a port condition.
    pub ports: Option<(u16, u16)>,
    /// What the rule does. A rule that rejects has two slots: `slot`, and behind it the one that
    /// counts what it drops, because it may not be answered.
    pub verdict: Verdict,
    /// The rule asks for events.
    pub log: bool,
    /// Not a rule: the chain ends here and nothing matched.
    pub end: bool,
}

const ENTRY_DROP: u64 = 1;
const ENTRY_LOG: u64 = 2;
const ENTRY_END: u64 = 4;
const ENTRY_PORTS: u64 = 8;
const ENTRY_REJECT: u64 = 16;

impl Entry {
    /// The end of every chain.
    pub const END: Self = Self {
        slot: 0,
        protocol: ANY_PROTOCOL,
        ports: None,
        verdict: Verdict::Accept,
        log: false,
        end: true,
    };

    /// As two words.
    #[must_use]
    pub const fn pack(self) -> [u64; 2] {
        let mut flags = match self.verdict {
            Verdict::Accept => 0,
            Verdict::Drop => ENTRY_DROP,
            Verdict::Reject => ENTRY_REJECT,
        };
        if self.log {
            flags |= ENTRY_LOG;
        }
        if self.end {
            flags |= ENTRY_END;
        }
        let ports = match self.ports {
            Some((low, high)) => {
                flags |= ENTRY_PORTS;
                word(low as u32, high as u32)
            }
            None => 0,
        };
        [
            ((self.slot as u64) << 32) | ((self.protocol as u64) << 16) | flags,
            ports,
        ]
    }

    /// From two words.
    #[must_use]
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fields of the packed words"
    )]
    pub const fn unpack(first: u64, second: u64) -> Self {
        let ports = if first & ENTRY_PORTS == 0 {
            None
        } else {
            Some(((second >> 32) as u16, second as u16))
        };
        Self {
            slot: (first >> 32) as u32,
            protocol: (first >> 16) as u16,
            ports,
            verdict: if first & ENTRY_DROP != 0 {
                Verdict::Drop
            } else if first & ENTRY_REJECT != 0 {
                Verdict::Reject
            } else {
                Verdict::Accept
            },
            log: first & ENTRY_LOG != 0,
            end: first & ENTRY_END != 0,
        }
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
            0,
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
    let line = image.line(header.rates.wrapping_add(slot / RATES_PER_LINE))?;
    let at = (slot % RATES_PER_LINE * 2) as usize;
    Some(Rate {
        interval: *line.get(at)?,
        tolerance: *line.get(at + 1)?,
    })
}
