//! Random policies and random packets: kernel = userspace = oracle.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smtp_lb::config::plan::{Action, FirewallMode, Plan, RulePlan};

use super::frames::{Frame, SYN, ip, tcp, udp};
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

fn rule() -> impl Strategy<Value = RulePlan> {
    let protocol = prop_oneof![Just(None), Just(Some(6)), Just(Some(17)), Just(Some(47))];
    (
        proptest::collection::vec(network(), 0..6),
        protocol,
        proptest::option::weighted(0.3, (20u16..30, 0u16..5)),
        any::<[bool; 3]>(),
    )
        .prop_map(|(source, protocol, port, [drop, enabled, log])| RulePlan {
            name: String::new(),
            enabled: enabled || drop,
            protocol,
            source,
            port: port
                .filter(|_| matches!(protocol, Some(6 | 17)))
                .map(|(low, more)| (low, low + more)),
            action: if drop { Action::Drop } else { Action::Accept },
            log,
            ..RulePlan::default()
        })
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
        any::<[bool; 3]>(),
        rules(3),
        rules(12),
        rules(6),
        proptest::collection::vec(address(), 1..6),
    )
        .prop_map(
            |([firewall, log, with_host], failsafe, edge, host, listen)| {
                let mode = if firewall {
                    FirewallMode::Firewall
                } else {
                    FirewallMode::Adc
                };
                let mut plan = empty(mode);
                plan.firewall.log_default = log;
                plan.firewall.failsafe = failsafe;
                let edge = policy(&mut plan, "edge", edge);
                let host = policy(&mut plan, "host", host);
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
        .flat_map(|rule| &rule.source)
        .flat_map(|net| [net.network(), net.broadcast()])
        .collect();
    let listeners: Vec<IpAddr> = plan
        .virtual_servers
        .iter()
        .flat_map(|server| &server.listen)
        .map(std::net::SocketAddr::ip)
        .collect();
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        address(),
        -1i8..=1,
        any::<bool>(),
        prop_oneof![Just(6u8), Just(6), Just(17), Just(47)],
        20u16..32,
        any::<bool>(),
    )
        .prop_map(move |(edge, to, wild, step, near, protocol, port, tag)| {
            let src = if near && !edges.is_empty() {
                nudge(*edge.get(&edges), step)
            } else {
                wild
            };
            let same: Vec<_> = listeners
                .iter()
                .filter(|a| a.is_ipv4() == src.is_ipv4())
                .collect();
            let dst = if same.is_empty() {
                src
            } else {
                **to.get(&same)
            };
            let (from, into) = (src.to_string(), dst.to_string());
            let frame = match protocol {
                6 => tcp(&from, &into, port, SYN),
                17 => udp(&from, &into, 999, port),
                other => ip(&from, &into, other, vec![0; 8]),
            };
            let frame = if tag { frame.vlan(77) } else { frame };
            let port = (protocol != 47).then_some(port);
            (
                frame,
                Question {
                    src,
                    dst,
                    protocol,
                    port,
                },
            )
        })
}

fn nudge(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip).wrapping_add_signed(step.into())).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).wrapping_add_signed(step.into())).into(),
    }
}

#[test]
fn kernel_userspace_and_oracle_agree() {
    let mut runner = TestRunner::new(Config {
        cases: 120,
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
                prop_assert_eq!(
                    &bench.userspace(&octets),
                    &said,
                    "userspace: {:?}",
                    question
                );
                prop_assert_eq!(&bench.kernel(&octets), &said, "kernel: {:?}", question);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn kernel_and_userspace_agree_on_any_octets() {
    let mut runner = TestRunner::new(Config {
        cases: 3_000,
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
