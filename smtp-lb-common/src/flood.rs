//! Limits of new connections by source, and whose SYNs are answered by cookies.
//!
//! The last stage: only a SYN that all else has accepted comes here. What limits there are is in the
//! image, a line to each context; what they have let pass is the host's to keep.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::bucket::Rate;
use crate::cookie::{self, Protection, Watcher};
use crate::image::{AFTER_HEADER, Context, FLAG_FLOODS, FLAG_REPUTATION, Header, Image, Line};
use crate::image::{halves, word};
use crate::packet::{Packet, Parsed, TCP_ACK, TCP_RST, TCP_SYN, Transport};
use crate::reason::{Reason, Verdict};
use crate::reputation::PROFILE_LINES;
use crate::verdict::{Decision, context_of};

/// Sources and networks that are kept account of at once; the one that was asked for longest ago goes.
pub const SOURCES: u32 = 1 << 17;

/// Whose connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Key {
    /// Its first bits, in place; IPv4 in the low half.
    pub prefix: u64,
    /// Counter slot of the limit.
    pub slot: u32,
    /// Length of the prefix, and 100 more of IPv6.
    pub kind: u32,
}

const _: () = assert!(size_of::<Key>() == 16);

/// What a context does about floods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of an IPv4 address or the /64 of an IPv6 one.
    pub source: Option<Rate>,
    /// Of its /24 or /48.
    pub network: Option<Rate>,
    /// Events are asked for what they drop.
    pub log: bool,
    /// Counter slot of what they drop.
    pub slot: u32,
    /// SYNs are answered by cookies.
    pub syn: Option<Protection>,
}

const LOG: u64 = 1;
const SOURCE: u64 = 2;
const NETWORK: u64 = 4;
const SYN_ALWAYS: u64 = 8;
const SYN_AUTO: u64 = 16;

impl Limits {
    /// None at all.
    pub const NONE: Self = Self {
        source: None,
        network: None,
        log: false,
        slot: 0,
        syn: None,
    };

    /// As a line.
    #[must_use]
    pub fn pack(&self) -> Line {
        let mut line = [0; 8];
        let mut flags = if self.log { LOG } else { 0 };
        for (at, flag, rate) in [(2, SOURCE, self.source), (4, NETWORK, self.network)] {
            if let Some(rate) = rate {
                flags |= flag;
                (line[at], line[at + 1]) = (rate.interval, rate.tolerance);
            }
        }
        let mut cookies = 0;
        if let Some(Protection { mark, slot }) = self.syn {
            cookies = slot;
            flags |= if mark.is_some() { SYN_AUTO } else { SYN_ALWAYS };
            if let Some(mark) = mark {
                (line[6], line[7]) = (mark.interval, mark.tolerance);
            }
        }
        (line[0], line[1]) = (flags, word(cookies, self.slot));
        line
    }

    /// From a line.
    #[must_use]
    #[inline(always)]
    pub const fn unpack(line: &Line) -> Self {
        let flags = line[0];
        Self {
            source: if flags & SOURCE == 0 {
                None
            } else {
                Some(rate(line[2], line[3]))
            },
            network: if flags & NETWORK == 0 {
                None
            } else {
                Some(rate(line[4], line[5]))
            },
            log: flags & LOG != 0,
            slot: halves(line[1]).1,
            syn: if flags & (SYN_ALWAYS | SYN_AUTO) == 0 {
                None
            } else {
                Some(Protection {
                    mark: if flags & SYN_AUTO == 0 {
                        None
                    } else {
                        Some(rate(line[6], line[7]))
                    },
                    slot: halves(line[1]).0,
                })
            },
        }
    }
}

#[inline(always)]
const fn rate(interval: u64, tolerance: u64) -> Rate {
    Rate {
        interval,
        tolerance,
    }
}

/// What was let pass, kept by the host.
pub trait Gate {
    /// May one more connection of the source begin? Then it is counted.
    fn admit(&self, key: &Key, rate: Rate) -> bool;
}

/// Is this the beginning of a TCP connection?
#[must_use]
#[inline(always)]
pub const fn is_new(packet: &Packet) -> bool {
    matches!(packet.transport, Transport::Tcp)
        && packet.flags & (TCP_SYN | TCP_ACK | TCP_RST) == TCP_SYN
}

/// Whether the stage has anything to say: a SYN was accepted, and not by the failsafe list.
#[must_use]
#[inline(always)]
pub fn is_asked<I: Image + ?Sized>(image: &I, parsed: &Parsed, decision: &Decision) -> bool {
    matches!(decision.verdict, Verdict::Accept)
        && !matches!(decision.reason, Reason::Failsafe)
        && parsed.stop.is_none()
        && is_new(&parsed.packet)
        && image
            .line(0)
            .and_then(Header::unpack)
            .is_some_and(|header| header.flags & FLAG_FLOODS != 0)
}

/// The stage: a SYN that is one too many is dropped, one that a cookie shall answer is decided anew, too.
/// A damaged image does neither.
#[must_use]
#[inline(always)]
pub fn stage<I: Image + ?Sized, H: Gate + Watcher>(
    image: &I,
    host: &H,
    packet: &Packet,
    decision: &Decision,
) -> Option<Decision> {
    let limits = limits(image, packet)?;
    if !admits(host, packet, &limits) {
        return Some(Decision {
            verdict: Verdict::Drop,
            reason: Reason::Flood,
            slot: limits.slot,
            log: limits.log,
            ..*decision
        });
    }
    let protection = limits.syn?;
    host.is_on(&protection)
        .then(|| cookie::decision(protection.slot, decision))
}

#[inline(always)]
fn admits<G: Gate>(gate: &G, packet: &Packet, limits: &Limits) -> bool {
    if let Some(rate) = limits.source
        && !gate.admit(&source(packet, limits.slot), rate)
    {
        return false;
    }
    match limits.network {
        Some(rate) => gate.admit(&network(packet, limits.slot), rate),
        None => true,
    }
}

/// An IPv4 address, or the /64 of an IPv6 one: who has one address there has them all.
#[inline(always)]
const fn source(packet: &Packet, slot: u32) -> Key {
    let (prefix, kind) = if packet.v6 {
        (packet.src[0], 164)
    } else {
        (packet.src[1] & 0xffff_ffff, 32)
    };
    Key { prefix, slot, kind }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 one.
#[inline(always)]
const fn network(packet: &Packet, slot: u32) -> Key {
    let (prefix, kind) = if packet.v6 {
        (packet.src[0] & !0xffff, 148)
    } else {
        (packet.src[1] & 0xffff_ff00, 24)
    };
    Key { prefix, slot, kind }
}

/// The limits of the packet's context.
#[inline(always)]
fn limits<I: Image + ?Sized>(image: &I, packet: &Packet) -> Option<Limits> {
    let header = image.line(0).and_then(Header::unpack)?;
    let Context { column, .. } = context_of(image, &header, packet)?;
    let before = if header.flags & FLAG_REPUTATION == 0 {
        0
    } else {
        header.columns.wrapping_mul(PROFILE_LINES)
    };
    let at = AFTER_HEADER.wrapping_add(before).wrapping_add(column);
    image.line(at).map(Limits::unpack)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use core::cell::RefCell;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn rates() -> impl Strategy<Value = Rate> {
        (1u32..1_000_000, 1u32..100_000).prop_map(|(rate, burst)| Rate::new(rate, burst))
    }

    proptest! {
        #[test]
        fn a_line_says_what_was_packed(
            source in proptest::option::of(rates()),
            network in proptest::option::of(rates()),
            mark in proptest::option::of(rates()),
            log: bool, slot: u32, cookies in proptest::option::of(0u32..),
        ) {
            let syn = cookies.map(|slot| Protection { mark, slot });
            let limits = Limits { source, network, log, slot, syn };
            prop_assert_eq!(Limits::unpack(&limits.pack()), limits);
        }
    }

    /// At one moment, as the kernel keeps it.
    struct Kept(RefCell<HashMap<Key, u64>>);

    impl Gate for Kept {
        fn admit(&self, key: &Key, rate: Rate) -> bool {
            let mut kept = self.0.borrow_mut();
            let state = kept.entry(*key).or_default();
            rate.admit(*state, 1_000)
                .map(|next| *state = next)
                .is_some()
        }
    }

    fn syn(v6: bool, src: [u64; 2]) -> Packet {
        Packet {
            v6,
            src,
            dst: [0, 1],
            protocol: 6,
            hops: 64,
            transport: Transport::Tcp,
            sport: 1,
            dport: 25,
            flags: TCP_SYN,
            icmp_type: 0,
            icmp_code: 0,
            offset: 0,
        }
    }

    #[test]
    fn a_source_and_its_network_have_their_own_measure() {
        let limits = Limits {
            source: Some(Rate::new(1, 2)),
            network: Some(Rate::new(1, 5)),
            ..Limits::NONE
        };
        for (v6, first, same_network, other) in [
            (
                false,
                [0, 0xffff_c000_0201],
                [0, 0xffff_c000_0202],
                [0, 0xffff_c000_0301],
            ),
            (
                true,
                [0x2001_0db8_0001_0001, 7],
                [0x2001_0db8_0001_0002, 7],
                [0x2001_0db8_0002_0001, 7],
            ),
        ] {
            let kept = Kept(RefCell::default());
            let passed = |source| admits(&kept, &syn(v6, source), &limits);
            assert!(
                passed(first) && passed(first) && !passed(first),
                "two of one"
            );
            if v6 {
                assert!(!passed([first[0], 8]), "its /64 is one");
            }
            assert!(passed(same_network) && passed(same_network));
            assert!(!passed(same_network));
            let third = [
                same_network[0] ^ if v6 { 7 } else { 0 },
                same_network[1] ^ if v6 { 0 } else { 7 },
            ];
            assert!(passed(third), "five of the network");
            assert!(!passed(third), "and no more");
            assert!(passed(other), "another is another");
        }
    }
}
