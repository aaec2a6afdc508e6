//! SYNs that cookies answer, octet for octet, and those that none does.

use std::net::{IpAddr, TcpListener};

use smtp_lb::config::plan::{Action, FirewallMode, FloodId, FloodPlan, FloodRate};
use smtp_lb::config::plan::{Plan, SynProtectionPlan};
use smtp_lb::firewall::{Counters, Word};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_tests::netns::Netns;

use super::frames::{ACK, DEST, Frame, HOP, RST, SYN, SYN_ACK, ip, tcp, udp};
use super::plans::{empty, policy, rule, server};
use super::stand::{Bench, sums_hold};

const FIN: u8 = 0x01;
const CLIENT: &str = "203.0.113.7";
const CLIENT6: &str = "2001:db8:7::7";
const MAIL: &str = "192.0.2.1";
const MAIL6: &str = "2001:db8:f::1";
const PASS: u32 = 2;
const DROP: u32 = 1;
const TX: u32 = 3;

fn plan(protection: SynProtectionPlan) -> Plan {
    let mut plan = empty(FirewallMode::Firewall);
    plan.firewall.failsafe = vec![rule("office", Action::Accept, &["10.0.9.0/24"])];
    let rules = vec![
        rule("bad", Action::Drop, &["10.0.7.0/24"]),
        rule("others", Action::Accept, &[]),
    ];
    let edge = policy(&mut plan, "edge", rules);
    let listen = ["192.0.2.1:25", "[2001:db8:f::1]:25", "192.0.2.1:26"];
    server(&mut plan, "mail", &listen, Some(edge));
    server(&mut plan, "open", &["192.0.2.1:27"], Some(edge));
    plan.virtual_servers[0].syn_protection = Some(protection);
    plan
}

/// Runs `test` where the virtual server listens, on port 25 and not on 26, and the kernel makes a cookie whenever
/// it is asked.
fn listening(test: impl FnOnce() + Send) {
    let netns = Netns::new("cookies").unwrap();
    for address in ["192.0.2.1/32", "2001:db8:f::1/128"] {
        netns.address("lo", address).unwrap();
    }
    netns.sysctl("net/ipv4/tcp_syncookies", "2").unwrap();
    netns
        .inside(|| {
            let listeners: Vec<TcpListener> = [(MAIL, 25), (MAIL6, 25), (MAIL, 27)]
                .iter()
                .map(|(address, port)| TcpListener::bind((*address, *port)).unwrap())
                .collect();
            test();
            drop(listeners);
            Ok(())
        })
        .unwrap();
}

/// A SYN with this segment size as its option, and a number of its own.
fn syn(src: &str, dst: &str, mss: u16) -> Frame {
    let mut header = vec![0x9c, 0x40, 0, 25, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    // Nine words: segment size, permission of SACK, time stamps, no operation, scale.
    header.extend([0xa0, SYN, 0xff, 0xff, 0, 0, 0, 0, 2, 4]);
    header.extend(mss.to_be_bytes());
    header.extend([4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7]);
    ip(src, dst, 6, header)
}

/// Checksum of RFC 1071: 0 over what holds its own.
fn checksum(octets: &[u8]) -> u16 {
    let pairs = octets.chunks(2);
    let mut sum: u64 = pairs
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

fn octets(address: &str) -> Vec<u8> {
    match address.parse().expect("an address") {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Holds an answer against what it must be in every octet, but the number itself: only the kernel knows that.
fn is_answer(sent: &[u8], answer: &[u8], us: &str, them: &str, mss: u16) {
    let mut end = 12;
    while sent[end..].starts_with(&[0x81, 0]) || sent[end..].starts_with(&[0x88, 0xa8]) {
        end += 4;
    }
    end += 2;
    assert_eq!(&answer[..6], &sent[6..12], "to whom it came from");
    assert_eq!(&answer[6..12], &sent[..6]);
    assert_eq!(&answer[12..end], &sent[12..end], "tags and all");
    let (us, them) = (octets(us), octets(them));
    let packet = &answer[end..];
    let tcp = if us.len() == 4 {
        let mut header = vec![0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6];
        assert_eq!(&packet[..10], &header);
        assert_eq!(checksum(&packet[..20]), 0);
        header.extend(&packet[10..12]);
        header.extend([us.clone(), them.clone()].concat());
        assert_eq!(&packet[..20], &header);
        &packet[20..]
    } else {
        let mut header = vec![0x60, 0, 0, 0, 0, 24, 6, 64];
        header.extend([us.clone(), them.clone()].concat());
        assert_eq!(&packet[..40], &header);
        &packet[40..]
    };
    assert_eq!(tcp.len(), 24, "nothing behind");
    assert_eq!(&tcp[..4], [0, 25, 0x9c, 0x40], "ports, exchanged");
    let asked = &sent[sent.len() - usize::from(sent_header(sent, end)) + 4..][..4];
    let asked = u32::from_be_bytes(asked.try_into().unwrap());
    assert_eq!(&tcp[8..12], asked.wrapping_add(1).to_be_bytes());
    assert_eq!(&tcp[12..14], [0x60, SYN_ACK]);
    assert_eq!(u16::from_be_bytes([tcp[14], tcp[15]]), 14_600, "a window");
    assert_eq!(&tcp[18..22], [0, 0, 2, 4]);
    assert_eq!(u16::from_be_bytes([tcp[22], tcp[23]]), mss);
    let summed = [us, them, vec![0, 6, 0, 24], tcp.to_vec()].concat();
    assert_eq!(checksum(&summed), 0);
}

/// Octets of the TCP header, behind an IP header without more.
fn sent_header(sent: &[u8], ip: usize) -> u8 {
    let tcp = ip + if sent[ip] >> 4 == 4 { 20 } else { 40 };
    (sent[tcp + 12] >> 4) * 4
}

fn packets(counters: &Counters, rule: &str, verdict: Word) -> u64 {
    let rows = counters
        .rows
        .iter()
        .filter(|row| row.label.rule == rule && row.label.verdict == verdict);
    rows.map(|row| row.count.packets).sum()
}

/// Runs one frame; its action, and what it is then.
fn run(bench: &mut Bench, frame: &Frame) -> (u32, Vec<u8>) {
    let (action, answer) = bench
        .stand
        .answer(&frame.bytes())
        .expect("the program runs");
    sums_hold(&bench.stand.counters(&bench.compiled).expect("counters"));
    (action, answer)
}

#[test]
fn a_syn_is_answered_with_the_numbers_that_it_must_have() {
    listening(|| {
        let mut bench = Bench::new(&plan(SynProtectionPlan::Always));
        let mut count = 0;
        for (us, them, sizes) in [
            // What the kernel can tell again of the size that a client asks for.
            (MAIL, CLIENT, [(1460, 1460), (1400, 1300), (9000, 1460)]),
            (MAIL6, CLIENT6, [(1440, 1440), (1300, 1220), (9000, 1440)]),
        ] {
            for (asked, told) in sizes {
                let frame = syn(them, us, asked);
                let frames = [
                    frame.clone(),
                    frame.clone().vlan(7),
                    frame.clone().qinq(8, 9),
                ];
                for frame in frames {
                    let (action, answer) = run(&mut bench, &frame);
                    assert_eq!(action, TX, "{frame:?}");
                    is_answer(&frame.bytes(), &answer, us, them, told);
                    count += 1;
                }
            }
            // Without options the frame grows, by what it is short of one.
            let frame = tcp(them, us, 25, SYN);
            let (action, answer) = run(&mut bench, &frame);
            let least = if us == MAIL { 536 } else { 1220 };
            assert_eq!(action, TX);
            is_answer(&frame.bytes(), &answer, us, them, least);
            // Explicit congestion notification is not taken up, and no hindrance.
            let frame = tcp(them, us, 25, SYN | 0xc0);
            assert_eq!(run(&mut bench, &frame).0, TX);
            count += 2;
        }
        let counters = bench.stand.counters(&bench.compiled).expect("counters");
        assert_eq!(packets(&counters, "syn-cookie", Word::Accept), count);
        assert_eq!(counters.accepted.packets, count);
        assert_eq!(
            (counters.answers.failed, counters.answers.rate_limited),
            (0, 0)
        );
        let row = counters
            .rows
            .iter()
            .find(|row| row.label.rule == "syn-cookie");
        assert_eq!(row.unwrap().label.virtual_server(), Some("mail"));
    });
}

#[test]
fn all_else_is_the_kernel_s() {
    listening(|| {
        let mut bench = Bench::new(&plan(SynProtectionPlan::Always));
        for (us, them) in [(MAIL, CLIENT), (MAIL6, CLIENT6)] {
            for flags in [ACK, SYN_ACK, SYN | FIN, SYN | RST, RST, FIN, FIN | ACK, 0] {
                let frame = tcp(them, us, 25, flags);
                assert_eq!(run(&mut bench, &frame).0, PASS, "{flags:#x}");
            }
            assert_ne!(run(&mut bench, &udp(them, us, 9, 25)).0, TX);
        }
        let v4 = syn(CLIENT, MAIL, 1460);
        let v6 = syn(CLIENT6, MAIL6, 1440);
        for frame in [
            v4.clone().options(1),
            v4.clone().fragment(0, true),
            v6.clone().extensions(&[HOP]),
            v6.clone().extensions(&[DEST, DEST]),
            v6.clone().fragment(0, true),
            // Nobody listens there.
            tcp(CLIENT, MAIL, 26, SYN),
            // A virtual server without protection.
            tcp(CLIENT, MAIL, 27, SYN),
            // Trusted, and who cannot be a client.
            tcp("10.0.9.1", MAIL, 25, SYN),
            tcp("224.0.0.9", MAIL, 25, SYN),
            tcp("127.0.0.1", MAIL, 25, SYN),
            tcp("::1", MAIL6, 25, SYN),
        ] {
            let (action, after) = run(&mut bench, &frame);
            assert_eq!((action, after), (PASS, frame.bytes()), "{frame:?}");
        }
        // Its header says more than there is of it.
        let mut header = vec![0x9c, 0x40, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0];
        header.extend([0xf0, SYN, 0xff, 0xff, 0, 0, 0, 0]);
        let long = ip(CLIENT, MAIL, 6, header);
        assert_ne!(run(&mut bench, &long).0, TX);
        // What a policy drops never comes so far.
        assert_eq!(run(&mut bench, &tcp("10.0.7.1", MAIL, 25, SYN)).0, DROP);
        let counters = bench.stand.counters(&bench.compiled).expect("counters");
        assert_eq!(packets(&counters, "syn-cookie", Word::Accept), 0);
    });
}

#[test]
fn without_the_kernel_s_number_the_kernel_answers() {
    let netns = Netns::new("none").unwrap();
    netns.address("lo", "192.0.2.1/32").unwrap();
    netns
        .inside(|| {
            let _listener = TcpListener::bind((MAIL, 25)).unwrap();
            let mut bench = Bench::new(&plan(SynProtectionPlan::Always));
            let frame = syn(CLIENT, MAIL, 1460);
            for (setting, action) in [("0", PASS), ("1", PASS), ("2", TX)] {
                std::fs::write("/proc/sys/net/ipv4/tcp_syncookies", setting).unwrap();
                assert_eq!(run(&mut bench, &frame).0, action, "{setting}");
            }
            let counters = bench.stand.counters(&bench.compiled).expect("counters");
            assert_eq!(packets(&counters, "others", Word::Accept), 2);
            Ok(())
        })
        .unwrap();
}

#[test]
fn past_the_mark_and_no_sooner() {
    listening(|| {
        let auto = SynProtectionPlan::Auto {
            rate: 5,
            accept_queue: 50,
        };
        let mut bench = Bench::new(&plan(auto));
        let frame = syn(CLIENT, MAIL, 1460);
        let actions: Vec<u32> = (0..8).map(|_| run(&mut bench, &frame).0).collect();
        assert_eq!(actions, [PASS, PASS, PASS, PASS, PASS, TX, TX, TX]);
        // Of the whole virtual server, whoever the client is; and each for itself.
        assert_eq!(run(&mut bench, &syn(CLIENT6, MAIL6, 1440)).0, TX);
        assert_eq!(run(&mut bench, &tcp(CLIENT, MAIL, 27, SYN)).0, PASS);
        assert_eq!(run(&mut bench, &tcp(CLIENT, MAIL, 25, ACK)).0, PASS);
        // It goes on over another plan.
        bench.replan(&plan(auto));
        assert_eq!(run(&mut bench, &frame).0, TX);
        bench.replan(&plan(SynProtectionPlan::Always));
        assert_eq!(run(&mut bench, &frame).0, TX);
    });
}

#[test]
fn sources_are_held_to_their_rates_all_the_same() {
    listening(|| {
        let mut plan = plan(SynProtectionPlan::Always);
        plan.firewall.flood_profiles = vec![FloodPlan {
            name: "mail".to_owned(),
            source: Some(FloodRate { rate: 1, burst: 3 }),
            network: None,
            log: false,
        }];
        plan.virtual_servers[0].flood = Some(FloodId(0));
        let mut bench = Bench::new(&plan);
        let frame = syn(CLIENT, MAIL, 1460);
        let actions: Vec<u32> = (0..5).map(|_| run(&mut bench, &frame).0).collect();
        assert_eq!(actions, [TX, TX, TX, DROP, DROP]);
    });
}

#[test]
fn who_asks_is_told_and_leaves_no_trace() {
    listening(|| {
        let auto = SynProtectionPlan::Auto {
            rate: 2,
            accept_queue: 50,
        };
        let mut plan = plan(auto);
        plan.firewall.flood_profiles = vec![FloodPlan {
            name: "mail".to_owned(),
            source: Some(FloodRate { rate: 1, burst: 4 }),
            network: None,
            log: false,
        }];
        plan.virtual_servers[0].flood = Some(FloodId(0));
        let mut bench = Bench::new(&plan);
        let frame = syn(CLIENT, MAIL, 1460);
        let told = |bench: &mut Bench| {
            let mut answers = (0..5).map(|_| {
                let answer = bench.stand.explain(&frame.bytes()).expect("it explains");
                (
                    Verdict::from_u8(answer.verdict).unwrap(),
                    Reason::from_u8(answer.reason).unwrap(),
                )
            });
            let first = answers.next().unwrap();
            assert!(answers.all(|answer| answer == first));
            first
        };
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(told(&mut bench));
            run(&mut bench, &frame);
        }
        assert_eq!(
            seen,
            [
                (Verdict::Accept, Reason::Policy),
                (Verdict::Accept, Reason::Policy),
                (Verdict::Accept, Reason::SynCookie),
                (Verdict::Accept, Reason::SynCookie),
                (Verdict::Drop, Reason::Flood),
            ]
        );
        let counters = bench.stand.counters(&bench.compiled).expect("counters");
        assert_eq!(counters.received.packets, 5);
    });
}
