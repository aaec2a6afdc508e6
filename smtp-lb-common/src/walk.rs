//! From a cell of the matrix to the first rule that matches.
//!
//! Source and destination are known as classes. What can be told by service or destination is told by
//! halving, so that a chain is short whatever the number of rules.

use crate::bucket::Rate;
use crate::flood::is_new;
use crate::image::{
    ANY_PROTOCOL, BY_DESTINATION, CELLS_PER_LINE, ENTRIES_PER_LINE, Image, MAX_CHAIN,
    MAX_DIVISIONS, entry, halves, rate_at, service,
};
use crate::lookup::search_word;
use crate::packet::{Packet, Parsed, Transport};
use crate::reason::Verdict;

/// Who keeps account of the rules' rates.
pub trait Meter {
    /// Is one more packet within the rate of the rule of `slot`? Then it is counted, unless it is only a
    /// question. By default every packet is.
    fn within(&self, slot: u32, rate: Rate, question: bool) -> bool {
        let _ = (slot, rate, question);
        true
    }
}

/// The rule that matches, as the first word of its entry; or none, or that the image is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match(pub u64);

impl Match {
    /// No rule matches.
    pub const NONE: Self = Self(entry::END);
    /// The image leads nowhere: no compiler of ours wrote it.
    pub const DAMAGED: Self = Self(u64::MAX);
    /// Another image is in force by now.
    pub const CHANGED: Self = Self(u64::MAX - 1);

    /// There is a rule.
    #[must_use]
    #[inline(always)]
    pub const fn is_some(self) -> bool {
        self.0 & entry::END == 0
    }

    /// See [`Match::DAMAGED`].
    #[must_use]
    #[inline(always)]
    pub const fn is_damaged(self) -> bool {
        self.0 == u64::MAX
    }

    /// See [`Match::CHANGED`].
    #[must_use]
    #[inline(always)]
    pub const fn is_changed(self) -> bool {
        self.0 == u64::MAX - 1
    }

    /// There is a rule, and no other context is asked behind it.
    #[must_use]
    #[inline(always)]
    pub const fn ends(self) -> bool {
        self.is_some() && self.0 & (entry::DECISIVE | entry::DROP | entry::REJECT) != 0
    }

    /// What the rule does.
    #[must_use]
    #[inline(always)]
    pub const fn verdict(self) -> Verdict {
        if self.0 & entry::DROP != 0 {
            Verdict::Drop
        } else if self.0 & entry::REJECT != 0 {
            Verdict::Reject
        } else {
            Verdict::Accept
        }
    }

    /// Its counter slot.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self) -> u32 {
        halves(self.0).0
    }

    /// It asks for events.
    #[must_use]
    #[inline(always)]
    pub const fn log(self) -> bool {
        self.0 & entry::LOG != 0
    }
}

/// First rule that matches, from a cell of the matrix on, for a class of destinations.
#[inline(always)]
pub fn walk<I: Image + ?Sized, M: Meter>(
    image: &I,
    meter: &M,
    cell: u32,
    destination: u32,
    parsed: &Parsed,
) -> Match {
    first_match(image, meter, cell, destination, parsed).unwrap_or(Match::DAMAGED)
}

#[inline(always)]
fn first_match<I: Image + ?Sized, M: Meter>(
    image: &I,
    meter: &M,
    cell: u32,
    destination: u32,
    parsed: &Parsed,
) -> Option<Match> {
    let packet = &parsed.packet;
    let detail = detail(packet);
    let line = image.line(cell / CELLS_PER_LINE)?;
    let mut step = line[(cell % CELLS_PER_LINE) as usize];
    for _ in 0..MAX_DIVISIONS {
        let (count, first) = halves(step);
        if count == 0 {
            break;
        }
        let key = if count & BY_DESTINATION == 0 {
            service(packet.protocol, detail)
        } else {
            u64::from(destination)
        };
        step = search_word(image, first, count & !BY_DESTINATION, key)?;
    }
    let (divided, mut at) = halves(step);
    if divided != 0 {
        return None;
    }
    for _ in 0..MAX_CHAIN {
        let line = image.line(at / ENTRIES_PER_LINE)?;
        let word = (at % ENTRIES_PER_LINE * 4) as usize;
        let words = [line[word], line[word + 1], line[word + 2], line[word + 3]];
        if words[0] & entry::END != 0 {
            return Some(Match::NONE);
        }
        if matches(&words, detail, parsed) && has_room(image, meter, &words, parsed)? {
            return Some(Match(words[0]));
        }
        at = at.wrapping_add(1);
    }
    None
}

/// Destination port, or type and code of ICMP.
#[inline(always)]
const fn detail(packet: &Packet) -> Option<u16> {
    match packet.transport {
        Transport::Tcp | Transport::Udp => Some(packet.dport),
        Transport::Icmp => Some((packet.icmp_type as u16) << 8 | packet.icmp_code as u16),
        // What follows the header of a later fragment are octets of anything.
        Transport::Later | Transport::Other => None,
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "fields of the packed words"
)]
fn matches(words: &[u64; 4], detail: Option<u16>, parsed: &Parsed) -> bool {
    let [first, ports, link, _] = *words;
    let packet = &parsed.packet;
    let protocol = (first >> 16) as u16;
    if protocol != ANY_PROTOCOL && protocol != u16::from(packet.protocol) {
        return false;
    }
    if first & entry::DETAIL != 0 {
        match detail {
            Some(detail) if is_in(detail, ports as u32) => {}
            _ => return false,
        }
    }
    if first & entry::SOURCE_PORTS != 0
        && !(matches!(packet.transport, Transport::Tcp | Transport::Udp)
            && is_in(packet.sport, (ports >> 32) as u32))
    {
        return false;
    }
    if first & entry::INTERFACE != 0 && parsed.interface != (link >> 32) as u32 {
        return false;
    }
    // `NO_VLAN` is above all ids.
    if first & entry::VLAN != 0 && !is_in(parsed.vlan, link as u32) {
        return false;
    }
    first & entry::NEW == 0 || is_new(packet)
}

/// Is it from the low to the high half of `range`?
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "halves")]
const fn is_in(value: u16, range: u32) -> bool {
    range as u16 <= value && value <= (range >> 16) as u16
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "half of a word")]
fn has_room<I: Image + ?Sized, M: Meter>(
    image: &I,
    meter: &M,
    words: &[u64; 4],
    parsed: &Parsed,
) -> Option<bool> {
    if words[0] & entry::LIMIT == 0 {
        return Some(true);
    }
    let rate = rate_at(image, words[3] as u32)?;
    Some(meter.within(halves(words[0]).0, rate, parsed.question))
}
