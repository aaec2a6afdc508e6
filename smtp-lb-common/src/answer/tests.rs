use super::*;
use crate::packet::parse;
use proptest::prelude::*;

extern crate std;
use std::vec::Vec;

/// The checksum of RFC 1071, one word after the other: 0 over what holds its own.
fn naive(octets: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in octets.chunks(2) {
        sum += u64::from(pair[0]) * 256 + u64::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = sum % 0x1_0000 + sum / 0x1_0000;
    }
    0xffff - u16::try_from(sum).expect("folded")
}

/// A frame with this many tags, and options or extension headers.
#[derive(Debug, Clone)]
struct Sent {
    tags: usize,
    v6: bool,
    src: [u8; 16],
    dst: [u8; 16],
    /// Words of options, or extension headers of eight octets.
    extra: usize,
    protocol: u8,
    payload: Vec<u8>,
}

impl Sent {
    fn frame(&self) -> Vec<u8> {
        let mut frame = Vec::from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        for n in 0..self.tags {
            frame.extend([0x81, 0, 0, 5 + u8::try_from(n).expect("small")]);
        }
        let extra = self.extra * if self.v6 { 8 } else { 4 };
        let length = |fixed| u16::try_from(fixed + extra + self.payload.len()).expect("short");
        if self.v6 {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length(0).to_be_bytes());
            frame.extend([if extra > 0 { 60 } else { self.protocol }, 9]);
            frame.extend(self.src);
            frame.extend(self.dst);
            for n in 0..self.extra {
                let last = n + 1 == self.extra;
                frame.extend([if last { self.protocol } else { 60 }, 0, 1, 4, 0, 0, 0, 0]);
            }
        } else {
            let words = 5 + u8::try_from(self.extra).expect("small");
            frame.extend([8, 0, 0x40 | words, 0]);
            frame.extend(length(20).to_be_bytes());
            frame.extend([0, 7, 0, 0, 9, self.protocol, 0, 0]);
            frame.extend(&self.src[..4]);
            frame.extend(&self.dst[..4]);
            frame.extend([1].repeat(extra));
        }
        frame.extend(&self.payload);
        frame
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let payload = proptest::collection::vec(any::<u8>(), 20..1600);
    let protocol = prop_oneof![Just(6_u8), Just(17), Just(1), Just(58), Just(47)];
    let fixed = (
        0_usize..3,
        any::<bool>(),
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
    );
    (fixed, 0_usize..5, protocol, payload).prop_map(
        |((tags, v6, src, dst), extra, protocol, mut payload)| {
            if protocol == 6 {
                payload[12] = 0x50;
            }
            Sent {
                tags,
                v6,
                src,
                dst,
                extra,
                protocol,
                payload,
            }
        },
    )
}

/// The answer as the kernel program puts it together.
fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let parsed = parse(frame);
    let packet = &parsed.packet;
    assert_eq!(parsed.stop, None);
    let at = link_length(frame)?;
    let kind = Kind::of(packet);
    let mut head = [0xaa; HEAD];
    let mut first = [0xaa; LINK];
    link(frame, &mut first)?;
    let mut answer = Vec::from(&first[..at]);
    let quoted = quoted(kind, frame.len(), at, packet_length(frame, at, packet)?);
    let quote = &frame[at..at + quoted];
    match kind {
        Kind::ResetV4 | Kind::ResetV6 => reset(frame, at, packet, &mut head)?,
        Kind::UnreachableV4 | Kind::UnreachableV6 => {
            unreachable(packet, quoted, !naive(quote), &mut head);
        }
    }
    answer.extend(&head[..kind.length()]);
    answer.extend(quote);
    Some(answer)
}

proptest! {
    #[test]
    fn every_answer_is_sound_and_goes_back(sent in sent(), padding in 0_usize..7) {
        let mut frame = sent.frame();
        let whole = frame.len();
        frame.extend([0xee].repeat(padding));
        let answer = answer(&frame).expect("an answer");
        let link = 14 + sent.tags * 4;
        prop_assert_eq!(&answer[..6], &frame[6..12]);
        prop_assert_eq!(&answer[6..12], &frame[..6]);
        prop_assert_eq!(&answer[12..link], &frame[12..link]);
        let parsed = parse(answer.as_slice());
        prop_assert_eq!(parsed.stop, None);
        let (question, reply) = (parse(frame.as_slice()).packet, parsed.packet);
        prop_assert_eq!((reply.src, reply.dst), (question.dst, question.src));
        let ip = &answer[link..];
        let head = if sent.v6 { 40 } else { 20 };
        if sent.v6 {
            let length = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
            prop_assert_eq!(length + 40, ip.len());
        } else {
            prop_assert_eq!(naive(&ip[..20]), 0);
            prop_assert_eq!(usize::from(u16::from_be_bytes([ip[2], ip[3]])), ip.len());
        }
        // Pseudo-header, then all that follows.
        let payload = &ip[head..];
        let mut summed = Vec::new();
        if sent.v6 || reply.protocol == 6 {
            summed.extend(if sent.v6 { &ip[8..40] } else { &ip[12..20] });
            summed.extend(u32::try_from(payload.len()).expect("short").to_be_bytes());
            summed.extend([0, 0, 0, reply.protocol]);
        }
        summed.extend(payload);
        prop_assert_eq!(naive(&summed), 0);
        if sent.protocol == 6 {
            prop_assert_eq!(payload.len(), 20);
            prop_assert_eq!((reply.sport, reply.dport), (question.dport, question.sport));
            let number = |at: usize| {
                u32::from_be_bytes([payload[at], payload[at + 1], payload[at + 2], payload[at + 3]])
            };
            let asked = |at: usize| {
                let p = &sent.payload[at..];
                u32::from_be_bytes([p[0], p[1], p[2], p[3]])
            };
            let flags = sent.payload[13];
            if flags & 0x10 == 0 {
                let data = u32::try_from(sent.payload.len()).expect("short") - 20;
                let counted = data + u32::from(flags >> 1 & 1) + u32::from(flags & 1);
                prop_assert_eq!(payload[13], 0x14);
                prop_assert_eq!(number(4), 0);
                prop_assert_eq!(number(8), asked(4).wrapping_add(counted));
            } else {
                prop_assert_eq!(payload[13], 0x04);
                prop_assert_eq!(number(4), asked(8));
            }
        } else {
            let wanted: [u8; 2] = if sent.v6 { [1, 1] } else { [3, 13] };
            prop_assert_eq!(&payload[..2], &wanted[..]);
            prop_assert_eq!(&payload[4..8], &[0; 4]);
            let quoted = &frame[link..whole];
            let most = quoted.len().min(if sent.v6 { 1232 } else { 548 });
            prop_assert_eq!(&payload[8..], &quoted[..most]);
        }
    }

    #[test]
    fn folding_is_the_sum_modulo_what_it_should_be(sum in 0_u32..0xffff_0000) {
        let folded = u32::from(fold(sum));
        prop_assert_eq!(folded % 0xffff, sum % 0xffff);
        prop_assert!(folded > 0 || sum == 0);
    }
}

fn packet(v6: bool, src: [u64; 2], dst: [u64; 2], transport: Transport) -> Packet {
    Packet {
        v6,
        src,
        dst,
        protocol: 0,
        hops: 1,
        transport,
        sport: 1,
        dport: 2,
        flags: 2,
        icmp_type: 0,
        icmp_code: 0,
        offset: 34,
    }
}

const TO_ONE: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

#[test]
fn only_one_host_is_answered() {
    use crate::packet::mapped;
    let us = mapped(0xc000_0201);
    let answered = |src, dst| may_be(&TO_ONE[..], &packet(false, src, dst, Transport::Udp));
    for (address, one) in [
        (0x0a00_0001, true),
        (0xdfff_ffff, true),
        (0, false),
        (0x00ff_ffff, false),
        (0x7f00_0001, false),
        (0xe000_0001, false),
        (0xffff_ffff, false),
    ] {
        assert_eq!(answered(mapped(address), us), one, "from {address:x}");
        assert_eq!(answered(us, mapped(address)), one, "to {address:x}");
    }
    let us = [0x2001_0db8_0000_0000, 1];
    let answered = |src, dst| may_be(&TO_ONE[..], &packet(true, src, dst, Transport::Udp));
    for (address, one) in [
        ([0x2001_0db8_0000_0000, 2], true),
        ([0xfe80_0000_0000_0000, 2], true),
        ([0, 0], false),
        ([0, 1], false),
        ([0xff02_0000_0000_0000, 1], false),
    ] {
        assert_eq!(answered(address, us), one, "from {address:x?}");
        assert_eq!(answered(us, address), one, "to {address:x?}");
    }
}

#[test]
fn a_group_on_the_link_is_not_answered() {
    use crate::packet::mapped;
    let packet = packet(
        false,
        mapped(0x0a00_0001),
        mapped(0xc000_0201),
        Transport::Udp,
    );
    assert!(may_be(&TO_ONE[..], &packet));
    for at in [0, 6] {
        let mut ethernet = TO_ONE;
        ethernet[at] |= 1;
        assert!(!may_be(&ethernet[..], &packet), "octet {at}");
    }
    assert!(may_be(&[][..], &packet), "a connection without a frame");
}

#[test]
fn what_must_not_be_answered() {
    use crate::packet::mapped;
    let (src, dst) = (mapped(0x0a00_0001), mapped(0xc000_0201));
    let of = |transport| packet(false, src, dst, transport);
    assert!(!may_be(&TO_ONE[..], &of(Transport::Later)));
    assert!(may_be(&TO_ONE[..], &of(Transport::Other)));
    let tcp = |flags| Packet {
        flags,
        ..of(Transport::Tcp)
    };
    assert!(may_be(&TO_ONE[..], &tcp(TCP_SYN)));
    assert!(!may_be(&TO_ONE[..], &tcp(TCP_RST)));
    assert!(!may_be(&TO_ONE[..], &tcp(TCP_RST | TCP_ACK)));
    for icmp_type in 0..=255 {
        let icmp = Packet {
            icmp_type,
            ..of(Transport::Icmp)
        };
        let queries = [0, 8, 13, 14, 15, 16, 17, 18];
        assert_eq!(may_be(&TO_ONE[..], &icmp), queries.contains(&icmp_type));
        let icmp = Packet {
            v6: true,
            src: [1 << 61, 1],
            dst: [1 << 61, 2],
            ..icmp
        };
        let asks = icmp_type >= 128 && icmp_type != 137;
        assert_eq!(may_be(&TO_ONE[..], &icmp), asks, "{icmp_type}");
    }
}
