//! Rejected packets and what answers them, octet for octet.

use std::net::IpAddr;

use smtp_lb::config::plan::{Action, FirewallMode, Plan};

use super::frames::{ACK, AUTH, DEST, Frame, HOP, ROUTING, RST, SYN, SYN_ACK, icmp, ip, tcp, udp};
use super::plans::{empty, policy, rule, server};
use super::stand::{Bench, sums_hold};

const FIN: u8 = 0x01;
const CLIENT: &str = "203.0.113.7";
const CLIENT6: &str = "2001:db8:7::7";
const MAIL: &str = "192.0.2.1";
const MAIL6: &str = "2001:db8:f::1";
const OTHER: &str = "192.0.2.77";
const OTHER6: &str = "2001:db8:f::77";

fn plan() -> Plan {
    let mut plan = empty(FirewallMode::Firewall);
    plan.firewall.default = Action::Reject;
    plan.firewall.failsafe = vec![rule("office", Action::Accept, &["10.0.9.0/24"])];
    let mut quiet = rule("quiet", Action::Reject, &["10.5.0.0/16"]);
    quiet.log = false;
    let rules = vec![
        quiet,
        rule(
            "unwanted",
            Action::Reject,
            &["203.0.113.0/24", "2001:db8:7::/48"],
        ),
        rule("silent", Action::Drop, &["10.6.0.0/16"]),
        rule("known", Action::Accept, &["10.0.0.0/8"]),
    ];
    let edge = policy(&mut plan, "edge", rules);
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(edge),
    );
    plan
}

/// Checksum of RFC 1071, written for the tests alone.
fn checksum(octets: &[u8]) -> [u8; 2] {
    let pairs = octets.chunks(2);
    let mut sum: u64 = pairs
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}

/// Octets of an address.
fn octets(address: &str) -> Vec<u8> {
    match address.parse().expect("an address") {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The IP packet from `us` to `them`, its transport checksum at `at` filled in.
fn packet(
    us: &str,
    them: &str,
    protocol: u8,
    service: u8,
    mut body: Vec<u8>,
    at: usize,
) -> Vec<u8> {
    let (us, them) = (octets(us), octets(them));
    let length = u16::try_from(body.len()).expect("short");
    let mut summed = Vec::new();
    if protocol != 1 {
        summed.extend([us.clone(), them.clone()].concat());
        summed.extend([0, protocol]);
        summed.extend(length.to_be_bytes());
    }
    summed.extend(&body);
    body[at..at + 2].copy_from_slice(&checksum(&summed));
    let mut packet;
    if us.len() == 4 {
        packet = vec![0x45, service];
        packet.extend((length + 20).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend([us, them].concat());
        let sum = checksum(&packet);
        packet[10..12].copy_from_slice(&sum);
    } else {
        packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([protocol, 64]);
        packet.extend([us, them].concat());
    }
    packet.extend(body);
    packet
}

/// The link header of a frame, turned round.
fn back(sent: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while sent[end..].starts_with(&[0x81, 0]) || sent[end..].starts_with(&[0x88, 0xa8]) {
        end += 4;
    }
    [&sent[6..12], &sent[..6], &sent[12..end + 2], packet].concat()
}

/// The reset from port 25 of `us` to port 40,000 of `them`.
fn reset(us: &str, them: &str, number: u32, confirms: Option<u32>) -> Vec<u8> {
    let mut body = vec![0, 25, 0x9c, 0x40];
    body.extend(number.to_be_bytes());
    body.extend(confirms.unwrap_or(0).to_be_bytes());
    body.extend([0x50, if confirms.is_some() { 0x14 } else { 4 }]);
    body.extend([0; 6]);
    packet(us, them, 6, 0, body, 16)
}

/// The ICMP error that quotes this.
fn prohibited(us: &str, them: &str, quoted: &[u8]) -> Vec<u8> {
    let v6 = us.contains(':');
    let mut body = if v6 { vec![1, 1] } else { vec![3, 13] };
    body.extend([0; 6]);
    body.extend(&quoted[..quoted.len().min(if v6 { 1232 } else { 548 })]);
    packet(us, them, if v6 { 58 } else { 1 }, 0xc0, body, 2)
}

/// A segment with numbers and data.
fn segment(them: &str, us: &str, flags: u8, numbers: (u32, u32), data: usize) -> Frame {
    let mut octets = vec![0x9c, 0x40, 0, 25];
    octets.extend(numbers.0.to_be_bytes());
    octets.extend(numbers.1.to_be_bytes());
    // 24 octets of header.
    octets.extend([0x60, flags, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 1, 1]);
    octets.extend(vec![b'x'; data]);
    ip(them, us, 6, octets)
}

/// What a frame is answered by, verdict and counters checked.
fn answer(bench: &mut Bench, frame: &[u8], said: &str) -> Vec<u8> {
    assert_eq!(bench.userspace(frame), said);
    assert_eq!(bench.kernel(frame), said);
    bench.answer.clone()
}

const UNWANTED: &str = "reject policy virtual-server:mail/edge/unwanted log";
const NOT_ANSWERED: &str = "drop policy virtual-server:mail/edge/unwanted log";
const DEFAULT: &str = "reject default host//default";
const LATER: &str = "drop later-fragment built-in//later-fragment";
const DEFAULT_DROPPED: &str = "drop default host//default";

/// A frame without a tag, with one and with two.
fn tagged(frame: &Frame) -> [Frame; 3] {
    [
        frame.clone(),
        frame.clone().vlan(7),
        frame.clone().qinq(9, 7),
    ]
}

#[test]
fn tcp_is_reset_with_the_numbers_that_it_must_have() {
    let mut bench = Bench::new(&plan());
    let far = u32::MAX;
    for (us, them) in [(MAIL, CLIENT), (MAIL6, CLIENT6)] {
        for (flags, numbers, data, number, confirms) in [
            (SYN, (7, 0), 0, 0, Some(8)),
            (SYN, (far, 9), 0, 0, Some(0)),
            (SYN | FIN, (far, 9), 11, 0, Some(12)),
            (FIN, (5, 9), 1, 0, Some(7)),
            (0, (5, 9), 1001, 0, Some(1006)),
            (ACK, (5, 9), 3, 9, None),
            (SYN_ACK, (5, far), 0, far, None),
            (ACK | FIN, (5, 0), 700, 0, None),
        ] {
            for frame in tagged(&segment(them, us, flags, numbers, data)) {
                let sent = frame.bytes();
                let wanted = back(&sent, &reset(us, them, number, confirms));
                assert_eq!(answer(&mut bench, &sent, UNWANTED), wanted, "{frame:?}");
            }
        }
    }
}

#[test]
fn headers_between_and_padding_behind_change_no_answer() {
    let mut bench = Bench::new(&plan());
    let with_options = segment(CLIENT, MAIL, SYN, (7, 0), 2).options(10);
    let with_headers =
        segment(CLIENT6, MAIL6, SYN, (7, 0), 2).extensions(&[HOP, ROUTING, AUTH, DEST]);
    for (frame, us, them) in [(with_options, MAIL, CLIENT), (with_headers, MAIL6, CLIENT6)] {
        for frame in tagged(&frame) {
            let mut sent = frame.bytes();
            sent.extend([0xee; 9]);
            let wanted = back(&sent, &reset(us, them, 0, Some(10)));
            assert_eq!(answer(&mut bench, &sent, UNWANTED), wanted, "{frame:?}");
        }
    }
    let with_options = udp(CLIENT, OTHER, 5, 53).options(10);
    let with_headers = udp(CLIENT6, OTHER6, 5, 53).extensions(&[HOP, ROUTING, AUTH, DEST]);
    for (frame, us, them) in [
        (with_options, OTHER, CLIENT),
        (with_headers, OTHER6, CLIENT6),
    ] {
        for frame in tagged(&frame) {
            let mut sent = frame.bytes();
            sent.extend([0xee; 9]);
            let wanted = back(&sent, &prohibited(us, them, &frame.packet()));
            assert_eq!(answer(&mut bench, &sent, DEFAULT), wanted, "{frame:?}");
        }
    }
}

#[test]
fn what_is_not_tcp_is_prohibited_and_quoted_as_far_as_fits() {
    let mut bench = Bench::new(&plan());
    for (us, them) in [(OTHER, CLIENT), (OTHER6, CLIENT6)] {
        let mut frames = vec![
            udp(them, us, 5, 53),
            icmp(them, us, if us == OTHER { 8 } else { 128 }, 0, b"ping"),
            ip(them, us, 47, vec![]),
            ip(them, us, 50, vec![7]),
            udp(them, us, 5, 53).fragment(0, true),
        ];
        for length in [
            1, 2, 3, 4, 5, 500, 511, 512, 513, 519, 520, 521, 528, 529, 1191, 1192, 1193, 1400,
        ] {
            let random = (0..length).map(|n: usize| u8::try_from(n * n * 31 % 251).unwrap_or(0));
            frames.push(ip(them, us, 99, random.collect()));
        }
        for frame in frames.iter().flat_map(tagged) {
            let sent = frame.bytes();
            let wanted = back(&sent, &prohibited(us, them, &frame.packet()));
            assert_eq!(answer(&mut bench, &sent, DEFAULT), wanted, "{frame:?}");
        }
    }
}

#[test]
fn what_must_not_be_answered_is_dropped_by_the_same_rule() {
    let mut bench = Bench::new(&plan());
    for (us, them) in [(MAIL, CLIENT), (MAIL6, CLIENT6)] {
        for frame in tagged(&tcp(them, us, 25, RST)) {
            answer(&mut bench, &frame.bytes(), NOT_ANSWERED);
        }
        answer(
            &mut bench,
            &tcp(them, us, 25, RST | ACK).bytes(),
            NOT_ANSWERED,
        );
        for at in [0, 6] {
            let mut group = tcp(them, us, 25, SYN).bytes();
            group[at] |= 1;
            answer(&mut bench, &group, NOT_ANSWERED);
        }
    }
    let quoted = udp(OTHER, CLIENT, 53, 5).packet();
    for kind in [3, 4, 5, 9, 10, 11, 12, 40, 255] {
        let frame = icmp(CLIENT, OTHER, kind, 1, &quoted);
        answer(&mut bench, &frame.bytes(), DEFAULT_DROPPED);
    }
    let quoted = udp(OTHER6, CLIENT6, 53, 5).packet();
    for kind in [1, 2, 3, 4, 100, 127, 137] {
        let frame = icmp(CLIENT6, OTHER6, kind, 1, &quoted);
        answer(&mut bench, &frame.bytes(), DEFAULT_DROPPED);
    }
    for (from, to) in [
        ("0.0.0.0", OTHER),
        ("127.0.0.1", OTHER),
        ("224.0.0.1", OTHER),
        ("255.255.255.255", OTHER),
        (CLIENT, "224.0.0.251"),
        (CLIENT, "255.255.255.255"),
        ("::", OTHER6),
        ("::1", OTHER6),
        ("ff02::1", OTHER6),
        (CLIENT6, "ff02::fb"),
    ] {
        answer(&mut bench, &udp(from, to, 5, 53).bytes(), DEFAULT_DROPPED);
    }
    for (us, them) in [(OTHER, CLIENT), (OTHER6, CLIENT6)] {
        answer(
            &mut bench,
            &udp(them, us, 5, 53).fragment(2, false).bytes(),
            LATER,
        );
    }
}

#[test]
fn explaining_answers_nothing() {
    let mut bench = Bench::new(&plan());
    let frame = tcp("10.5.0.1", MAIL, 25, SYN).bytes();
    let answer = bench.stand.explain(&frame).expect("explains");
    assert_eq!(answer.verdict, 2);
    // And leaves the rate of answers as it was: what follows would be past it.
    let mut few = plan();
    few.firewall.reject_rate = 1;
    bench.replan(&few);
    for _ in 0..3 {
        bench.stand.explain(&frame).expect("explains");
    }
    assert_eq!(
        bench.kernel(&frame),
        "reject policy virtual-server:mail/edge/quiet"
    );
}

#[test]
fn past_the_rate_of_answers_there_are_none() {
    let mut plan = plan();
    // One at once on each CPU, and then one a second.
    plan.firewall.reject_rate = 1;
    let mut bench = Bench::new(&plan);
    let frame = tcp("10.5.0.1", MAIL, 25, SYN).bytes();
    for _ in 0..300 {
        bench.stand.run(&frame).expect("runs");
    }
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let rejected = counters.rejected.packets;
    // A slow run may earn some.
    assert!((1..100).contains(&rejected), "{rejected}");
    assert_eq!(counters.dropped.packets, 300 - rejected);
    assert_eq!(counters.answers.rate_limited, 300 - rejected);
    assert_eq!(counters.answers.failed, 0);
}

#[test]
fn a_rule_that_rejected_and_one_that_drops_go_on_counting_as_one() {
    let mut bench = Bench::new(&plan());
    let frame = tcp(CLIENT, MAIL, 25, RST).bytes();
    assert_eq!(bench.kernel(&frame), NOT_ANSWERED);
    let mut turned = plan();
    turned.firewall.policies[0].rules[1].action = Action::Drop;
    bench.replan(&turned);
    assert_eq!(bench.kernel(&frame), NOT_ANSWERED);
    bench.replan(&plan());
    assert_eq!(bench.kernel(&frame), NOT_ANSWERED);
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    let rows = counters
        .rows
        .iter()
        .filter(|row| row.label.rule == "unwanted");
    let counts: Vec<_> = rows
        .map(|row| (row.label.verdict.as_str(), row.count.packets))
        .collect();
    assert_eq!(
        counts.iter().find(|(word, _)| *word == "drop"),
        Some(&("drop", 3))
    );
}
