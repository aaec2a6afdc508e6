//! A parsed frame as plain words, every bit of which is defined.
//!
//! The kernel's verifier follows every way through the parser apart, some hundreds, and would
//! follow each of them through all that comes after. Once the result has been in memory as
//! words of which the verifier knows nothing, the ways are one.

use crate::packet::{Packet, Parsed, Transport};
use crate::reason::Reason;

/// Source and destination (two words each), ports and VLAN, what else is of the packet, what is not.
pub type Flat = [u64; 7];

/// In place of a reason: the parser was not stopped.
const WENT_ON: u8 = 0xff;

/// `parsed` as words.
#[must_use]
#[inline(always)]
pub const fn pack(parsed: &Parsed) -> Flat {
    let packet = &parsed.packet;
    let stop = match parsed.stop {
        Some(reason) => reason as u8,
        None => WENT_ON,
    };
    [
        packet.src[0],
        packet.src[1],
        packet.dst[0],
        packet.dst[1],
        parsed.vlan as u64
            | (packet.sport as u64) << 16
            | (packet.dport as u64) << 32
            | (packet.offset as u64) << 48,
        stop as u64
            | (packet.v6 as u64) << 8
            | (packet.protocol as u64) << 16
            | (packet.hops as u64) << 24
            | (packet.transport as u64) << 32
            | (packet.flags as u64) << 40
            | (packet.icmp_type as u64) << 48
            | (packet.icmp_code as u64) << 56,
        parsed.interface as u64 | (parsed.question as u64) << 32,
    ]
}

/// The frame that [`pack`] made words of.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "fields of packed words")]
pub const fn unpack(flat: &Flat) -> Parsed {
    let (ports, rest) = (flat[4], flat[5]);
    Parsed {
        vlan: ports as u16,
        interface: flat[6] as u32,
        question: flat[6] >> 32 & 1 == 1,
        stop: stopped(rest as u8),
        packet: Packet {
            v6: (rest >> 8) & 1 == 1,
            src: [flat[0], flat[1]],
            dst: [flat[2], flat[3]],
            protocol: (rest >> 16) as u8,
            hops: (rest >> 24) as u8,
            transport: match (rest >> 32) as u8 {
                1 => Transport::Tcp,
                2 => Transport::Udp,
                3 => Transport::Icmp,
                4 => Transport::Later,
                _ => Transport::Other,
            },
            sport: (ports >> 16) as u16,
            dport: (ports >> 32) as u16,
            flags: (rest >> 40) as u8,
            icmp_type: (rest >> 48) as u8,
            icmp_code: (rest >> 56) as u8,
            offset: (ports >> 48) as u16,
        },
    }
}

/// The reasons that [`crate::packet::parse`] gives in place of a packet.
#[inline(always)]
const fn stopped(reason: u8) -> Option<Reason> {
    match reason {
        WENT_ON => None,
        0 => Some(Reason::NonIp),
        1 => Some(Reason::Arp),
        4 => Some(Reason::Unparsable),
        5 => Some(Reason::TinyFragment),
        _ => Some(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::parse;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_hold_all_that_was_parsed(
            mut frame in proptest::collection::vec(any::<u8>(), 14..120),
            kind in 0usize..4, version in 0u8..16, interface: u32, question: bool,
        ) {
            frame[12..14].copy_from_slice(&[[8, 0], [0x86, 0xdd], [8, 6], [0x81, 0]][kind]);
            if let Some(octet) = frame.get_mut(14) {
                *octet = version << 4 | 5;
            }
            let parsed = Parsed { interface, question, ..parse(frame.as_slice()) };
            prop_assert_eq!(unpack(&pack(&parsed)), parsed);
        }
    }
}
