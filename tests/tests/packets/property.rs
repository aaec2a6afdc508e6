//! Random policies and random packets: kernel = userspace = oracle.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smtp_lb::config::plan::{Action, FirewallMode, Plan, RulePlan};

use super::frames::{ACK, Frame, RST, SYN, ip, tcp_ports, udp};
use super::oracle::{self, Question};
use super::plans::{empty, policy, server};
use super::stand::Bench;

/// Networks cluster, so that they nest, touch and overlap.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        3 => (0u8..4, 0u8..4, 0u8..4).prop_map(|(b, c, d)| Ipv4Addr::new(10, b, c, d)),
        1 => any::<u32>().prop_map(Ipv4Addr::from),
    ];
    let v6 = prop_oneof![
        3 => (0u16..3, 0u16..3, 0u16..3, 0u16..3).prop_map(|(b, d, e, h)| {
            Ipv6Addr::new(0x2001, 0xdb8, b, d, e, 0, 0, h)
        }),
        1 => any::<u128>().prop_map(Ipv6Addr::from),
    ];
    prop_oneof![v4.prop_map(IpAddr::V4), v6.prop_map(IpAddr::V6)]
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), 0u8..=128).prop_map(|(address, length)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length % (most + 1))
            .expect("a length")
            .trunc()
    })
}

/// Ranges in order and apart, as the configuration gives them.
fn ranges(from: u16, to: u16) -> impl Strategy<Value = Vec<(u16, u16)>> {
    let one = (from..to, 0u16..4, 2u16..6);
    proptest::collection::vec(one, 1..4).prop_map(move |parts| {
        let mut next = 0;
        let mut ranges = Vec::new();
        for (first, more, gap) in parts {
            let first = if next == 0 { first } else { next + gap };
            next = first + more;
            ranges.push((first, next));
        }
        ranges
    })
}

/// What is left to test behind addresses: often nothing.
fn rest() -> impl Strategy<Value = RulePlan> {
    let some = |ranges| proptest::option::weighted(0.3, ranges);
    let protocol = prop_oneof![
        2 => Just(None), 3 => Just(Some(6)), 1 => Just(Some(17)), 1 => Just(Some(1)),
        1 => Just(Some(58)), 1 => Just(Some(47)),
    ];
    (
        protocol,
        some(ranges(20, 30)),
        some(ranges(1000, 1010)),
        some(ranges(0x0800, 0x0806)),
        proptest::option::weighted(0.1, prop_oneof![Just("lo"), Just("eth9")]),
        proptest::option::weighted(0.1, (75u16..79, 0u16..4)),
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(protocol, ports, source_ports, icmp, interface, vlan, new)| {
                let has_ports = matches!(protocol, Some(6 | 17));
                let of = |ranges: Option<Vec<(u16, u16)>>, is| ranges.filter(|_| is);
                RulePlan {
                    protocol,
                    ports: of(ports, has_ports).unwrap_or_default(),
                    source_ports: of(source_ports, has_ports).unwrap_or_default(),
                    icmp: of(icmp, matches!(protocol, Some(1 | 58))).unwrap_or_default(),
                    interface: interface.map(str::to_owned),
                    vlan: vlan.map(|(first, more)| (first, first + more)),
                    new: new && protocol == Some(6),
                    ..RulePlan::default()
                }
            },
        )
}

fn rule() -> impl Strategy<Value = RulePlan> {
    let action = prop_oneof![
        3 => Just(Action::Accept), 1 => Just(Action::AcceptDecisively), 3 => Just(Action::Drop),
    ];
    (
        proptest::collection::vec(network(), 0..6),
        prop_oneof![2 => Just(vec![]), 1 => proptest::collection::vec(network(), 1..5)],
        rest(),
        action,
        proptest::bool::weighted(0.8),
        any::<bool>(),
    )
        .prop_map(
            |(source, destination, rest, action, enabled, log)| RulePlan {
                enabled,
                source,
                destination,
                action,
                log,
                ..rest
            },
        )
}

fn rules(most: usize) -> impl Strategy<Value = Vec<RulePlan>> {
    proptest::collection::vec(rule(), 0..most).prop_map(|mut rules| {
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("r{at}");
        }
        rules
    })
}

fn a_plan() -> impl Strategy<Value = Plan> {
    (
        any::<[bool; 4]>(),
        any::<[bool; 3]>(),
        rules(3),
        rules(12),
        rules(6),
        rules(20),
        rules(8),
        proptest::collection::vec(address(), 1..6),
    )
        .prop_map(
            |(
                [firewall, log, with_host, with_global],
                staged,
                failsafe,
                edge,
                host,
                global,
                next,
                listen,
            )| {
                let mode = if firewall {
                    FirewallMode::Firewall
                } else {
                    FirewallMode::Adc
                };
                let mut plan = empty(mode);
                plan.firewall.log_default = log;
                plan.firewall.failsafe = failsafe;
                let global = policy(&mut plan, "global", global);
                plan.firewall.global_policy = with_global.then_some(global);
                let edge = policy(&mut plan, "edge", edge);
                let host = policy(&mut plan, "host", host);
                let next = policy(&mut plan, "next", next);
                let [stage_global, stage_host, stage_servers] = staged;
                plan.firewall.staged_global_policy = stage_global.then_some(next);
                plan.firewall.staged_host_policy = stage_host.then_some(next);
                plan.firewall.host_policy = with_host.then_some(host);
                for (at, address) in listen.iter().enumerate() {
                    let listen = std::net::SocketAddr::new(*address, 25).to_string();
                    server(
                        &mut plan,
                        &format!("vs{at}"),
                        &[&listen],
                        (at % 3 > 0).then_some(edge),
                    );
                }
                server(&mut plan, "any", &["0.0.0.0:26", "[::]:26"], Some(edge));
                for (at, server) in plan.virtual_servers.iter_mut().enumerate() {
                    server.staged_policy = (stage_servers && at % 2 == 0).then_some(next);
                }
                plan
            },
        )
}

/// A packet to a listener, to its neighbour, or to anywhere, from a network's edge or anywhere.
fn a_packet(plan: &Plan) -> impl Strategy<Value = (Frame, Question)> + use<> {
    let edges: Vec<IpAddr> = plan
        .firewall
        .policies
        .iter()
        .flat_map(|policy| &policy.rules)
        .chain(&plan.firewall.failsafe)
        .flat_map(|rule| rule.source.iter().chain(&rule.destination))
        .flat_map(|net| [net.network(), net.broadcast()])
        .collect();
    let listeners: Vec<IpAddr> = plan
        .virtual_servers
        .iter()
        .flat_map(|server| &server.listen)
        .map(std::net::SocketAddr::ip)
        .collect();
    let kind = (
        prop_oneof![4 => Just(6u8), 1 => Just(17), 1 => Just(1), 1 => Just(58), 1 => Just(47)],
        20u16..36,
        1000u16..1014,
        (7u8..10, 0u8..12),
        proptest::option::weighted(0.4, 74u16..84),
        prop_oneof![3 => Just(SYN), 1 => any::<u8>()],
        proptest::bool::weighted(0.1),
    );
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        address(),
        -1i8..=1,
        any::<[bool; 2]>(),
        kind,
    )
        .prop_map(move |(edge, to, other, wild, step, [near, local], kind)| {
            let src = if near && !edges.is_empty() {
                nudge(*edge.get(&edges), step)
            } else {
                wild
            };
            let same = |list: &[IpAddr]| -> Vec<IpAddr> {
                let same = |it: &&IpAddr| it.is_ipv4() == src.is_ipv4();
                list.iter().filter(same).copied().collect()
            };
            let (ours, theirs) = (same(&listeners), same(&edges));
            let dst = if local && !ours.is_empty() {
                *to.get(&ours)
            } else if !theirs.is_empty() {
                nudge(*other.get(&theirs), -step)
            } else {
                src
            };
            packet(src, dst, kind)
        })
}

/// Protocol, destination and source port, type and code, VLAN, flags, and whether it is a later fragment.
type What = (u8, u16, u16, (u8, u8), Option<u16>, u8, bool);

fn packet(src: IpAddr, dst: IpAddr, what: What) -> (Frame, Question) {
    let (protocol, port, source_port, icmp, vlan, flags, later) = what;
    let (from, into) = (src.to_string(), dst.to_string());
    let frame = match protocol {
        6 => tcp_ports(&from, &into, source_port, port, flags),
        17 => udp(&from, &into, source_port, port),
        other => ip(&from, &into, other, vec![icmp.0, icmp.1, 0, 0, 0, 0, 0, 0]),
    };
    let frame = match vlan {
        Some(id) => frame.vlan(id),
        None => frame,
    };
    let frame = if later {
        frame.fragment(4, false)
    } else {
        frame
    };
    let has_ports = matches!(protocol, 6 | 17) && !later;
    let is_icmp = matches!(protocol, 1 | 58) && !later;
    let question = Question {
        src,
        dst,
        protocol,
        source_port: has_ports.then_some(source_port),
        port: has_ports.then_some(port),
        icmp: is_icmp.then_some(icmp),
        vlan,
        new: protocol == 6 && !later && flags & (SYN | ACK | RST) == SYN,
        later,
    };
    (frame, question)
}

fn nudge(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip).wrapping_add_signed(step.into())).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).wrapping_add_signed(step.into())).into(),
    }
}

/// So many, unless `PROPTEST_CASES` says otherwise.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn kernel_userspace_and_oracle_agree() {
    let mut runner = TestRunner::new(Config {
        cases: cases(120),
        failure_persistence: None,
        ..Config::default()
    });
    let cases = a_plan().prop_flat_map(|plan| {
        let packets = proptest::collection::vec(a_packet(&plan), 40);
        (Just(plan), packets)
    });
    let bench = std::cell::RefCell::new(Bench::new(&empty(FirewallMode::Adc)));
    runner
        .run(&cases, |(plan, packets)| {
            let mut bench = bench.borrow_mut();
            bench.replan(&plan);
            for (frame, question) in packets {
                let octets = frame.bytes();
                let said = oracle::decide(&plan, &question);
                let staged = oracle::staged(&plan, &question);
                prop_assert_eq!(
                    &bench.userspace(&octets),
                    &said,
                    "userspace: {:?}",
                    question
                );
                prop_assert_eq!(&bench.staged, &staged, "userspace: {:?}", question);
                prop_assert_eq!(&bench.kernel(&octets), &said, "kernel: {:?}", question);
                prop_assert_eq!(&bench.staged, &staged, "kernel: {:?}", question);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn kernel_and_userspace_agree_on_any_octets() {
    let mut runner = TestRunner::new(Config {
        cases: cases(3_000),
        failure_persistence: None,
        ..Config::default()
    });
    let bench = std::cell::RefCell::new(Bench::new(&super::table::plan(FirewallMode::Firewall)));
    let octets = (
        proptest::collection::vec(any::<u8>(), 14..200),
        0usize..6,
        any::<[u8; 4]>(),
    );
    runner
        .run(&octets, |(mut frame, kind, [first, a, b, next])| {
            // Half-way sensible headers, so that parsing goes deep.
            let types = [
                [8, 0],
                [0x86, 0xdd],
                [0x81, 0],
                [0x88, 0xa8],
                [8, 6],
                [a, b],
            ];
            frame[12..14].copy_from_slice(&types[kind]);
            if frame.len() > 40 {
                frame[14] = if kind == 1 { 0x60 } else { 0x45 + first % 8 };
                frame[16] = 0;
                if kind == 1 {
                    frame[20] = [0, 6, 17, 43, 44, 51, 58, 60][usize::from(next % 8)];
                } else {
                    (frame[20], frame[23]) = (a & 0x3f, [1, 6, 17, 58][usize::from(next % 4)]);
                }
            }
            let mut bench = bench.borrow_mut();
            let userspace = bench.userspace(&frame);
            prop_assert_eq!(bench.kernel(&frame), userspace);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
