use proptest::prelude::*;

use super::*;
use crate::config::plan::Action;

fn rule(action: Action, source: &[&str]) -> RulePlan {
    RulePlan {
        enabled: true,
        action,
        source: source.iter().map(|net| net.parse().unwrap()).collect(),
        ..RulePlan::default()
    }
}

fn findings(rules: &[RulePlan]) -> Vec<(usize, Finding)> {
    let found = find(rules);
    assert!(!found.is_partial);
    found.findings
}

#[test]
fn one_rule_before_it_is_enough() {
    use Action::{Accept, Drop};
    let net = ["10.0.0.0/8"];
    let host = ["10.1.2.3/32"];
    let shadowed = vec![(1, Finding::Shadowed(vec![0]))];
    let rules = [rule(Drop, &net), rule(Accept, &host)];
    assert_eq!(findings(&rules), shadowed);
    let rules = [rule(Drop, &net), rule(Drop, &host)];
    assert_eq!(
        findings(&rules),
        [(1, Finding::RedundantToEarlier(vec![0]))]
    );
    let rules = [rule(Drop, &host), rule(Drop, &net)];
    assert_eq!(findings(&rules), [(0, Finding::RedundantToLater(vec![1]))]);
    let rules = [rule(Drop, &host), rule(Accept, &net)];
    assert_eq!(findings(&rules), []);
    let rules = [rule(Drop, &[]), rule(Accept, &net)];
    assert_eq!(findings(&rules), [(1, Finding::Unreachable(0))]);
}

#[test]
fn several_together_are_enough() {
    use Action::{Accept, Drop};
    let halves = [
        rule(Drop, &["10.0.0.0/9"]),
        rule(Accept, &["10.128.0.0/9", "192.0.2.0/24"]),
    ];
    let [low, high] = halves;
    let whole = rule(Drop, &["10.0.0.0/8"]);
    assert_eq!(
        findings(&[low.clone(), high.clone(), whole.clone()]),
        [(2, Finding::Shadowed(vec![0, 1]))]
    );
    // Both families count.
    let both = rule(Drop, &["10.0.0.0/8", "2001:db8::/32"]);
    assert_eq!(
        findings(&[low.clone(), high.clone(), both.clone()]),
        [(0, Finding::RedundantToLater(vec![2]))]
    );
    assert_eq!(
        findings(&[low, high, rule(Drop, &["2001:db8::/16"]), both]),
        [(3, Finding::Shadowed(vec![0, 1, 2]))]
    );
}

#[test]
fn ports_and_protocols_are_told_apart() {
    use Action::{Accept, Drop};
    let tcp = |ports: Option<(u16, u16)>| RulePlan {
        protocol: Some(6),
        ports: ports.into_iter().collect(),
        ..rule(Drop, &[])
    };
    let any = rule(Accept, &[]);
    // Not every packet has ports.
    assert_eq!(
        findings(&[tcp(Some((0, 65535))), tcp(None)]),
        [(0, Finding::RedundantToLater(vec![1]))]
    );
    assert_eq!(
        findings(&[
            tcp(Some((0, 65535))),
            RulePlan {
                action: Accept,
                ..tcp(None)
            }
        ]),
        []
    );
    assert_eq!(
        findings(&[
            tcp(Some((0, 24))),
            tcp(Some((25, 99))),
            RulePlan {
                action: Accept,
                ..tcp(Some((20, 30)))
            }
        ]),
        [(2, Finding::Shadowed(vec![0, 1]))]
    );
    assert_eq!(findings(&[tcp(None), any]), []);
}

#[test]
fn what_is_not_always_in_force_hides_nothing() {
    use Action::{Accept, Drop};
    let by_night = |action, source: &[&str]| RulePlan {
        schedule: Some("night".to_owned()),
        ..rule(action, source)
    };
    let off = RulePlan {
        enabled: false,
        ..rule(Drop, &[])
    };
    let host = rule(Accept, &["10.1.2.3/32"]);
    assert_eq!(findings(&[by_night(Drop, &[]), host.clone()]), []);
    assert_eq!(findings(&[off, host]), []);
    assert_eq!(
        findings(&[by_night(Drop, &[]), by_night(Accept, &["10.1.2.3/32"])]),
        [(1, Finding::Unreachable(0))]
    );
}

#[test]
fn what_has_a_rate_hides_nothing_and_can_be_hidden() {
    let rate = Some(crate::config::plan::RuleRate {
        packets: 10,
        seconds: 1,
    });
    let limited = RulePlan {
        rate,
        ..rule(Action::Drop, &["10.0.0.0/8"])
    };
    let host = rule(Action::Accept, &["10.1.2.3/32"]);
    assert_eq!(findings(&[limited.clone(), host]), []);
    let all = rule(Action::Accept, &[]);
    assert_eq!(findings(&[all, limited]), [(1, Finding::Unreachable(0))]);
}

#[test]
fn what_only_one_of_two_asks_for_tells_them_apart() {
    let asks = |change: fn(&mut RulePlan)| {
        let mut asking = rule(Action::Drop, &[]);
        change(&mut asking);
        asking
    };
    let all: [fn(&mut RulePlan); 8] = [
        |it| it.destination = vec!["192.0.2.0/24".parse().unwrap()],
        |it| it.source_ports = vec![(0, 65_535)],
        |it| it.ports = vec![(0, 65_535)],
        |it| it.icmp = vec![(0, 65_535)],
        |it| it.interface = Some("eth0".to_owned()),
        |it| it.vlan = Some((0, 4_095)),
        |it| it.new = true,
        |it| it.protocol = Some(6),
    ];
    for (number, change) in all.into_iter().enumerate() {
        let any = rule(Action::Accept, &[]);
        assert_eq!(findings(&[asks(change), any.clone()]), [], "{number}");
        assert_eq!(
            findings(&[any, asks(change)]),
            [(1, Finding::Unreachable(0))],
            "{number}"
        );
    }
    let other = |it: &mut RulePlan| it.interface = Some("eth1".to_owned());
    assert_eq!(findings(&[asks(all[4]), asks(other)]), []);
}

#[test]
fn addresses_of_different_families_match_nothing() {
    let mut mixed = rule(Action::Drop, &["10.0.0.0/8"]);
    mixed.destination = vec!["2001:db8::/32".parse().unwrap()];
    assert_eq!(findings(&[mixed]), [(0, Finding::Impossible)]);
}

#[test]
fn another_way_to_tell_is_another_decision() {
    let host = rule(Action::Drop, &["10.1.2.3/32"]);
    let told = RulePlan {
        log: true,
        ..rule(Action::Drop, &["10.0.0.0/8"])
    };
    assert_eq!(findings(&[host, told]), []);
}

/// A packet of a small world.
#[derive(Debug, Clone, Copy)]
struct Packet {
    /// Of 10.0.0.0/29.
    host: u8,
    /// 5 to 7.
    protocol: u8,
    /// 24 to 26 or 99, with protocol 6 alone.
    port: Option<u16>,
    /// With protocol 6 alone.
    new: bool,
    /// 192.0.2.0 or its neighbour, or somewhere else.
    destination: u8,
    /// 1, 2 or none.
    vlan: Option<u16>,
    interface: &'static str,
}

/// Whatever a rule of that world asks for, something else is in it, too.
fn world() -> impl Iterator<Item = Packet> {
    let mut all = Vec::new();
    for host in 0..8 {
        for (protocol, port, new) in [
            (5, None, false),
            (6, None, false),
            (6, Some(24), false),
            (6, Some(25), false),
            (6, Some(25), true),
            (6, Some(26), true),
            (6, Some(26), false),
            (6, Some(24), true),
            (6, Some(99), true),
            (7, None, false),
        ] {
            for destination in 0..3 {
                for vlan in [None, Some(1), Some(2)] {
                    all.extend(["eth0", "eth1"].map(|interface| Packet {
                        host,
                        protocol,
                        port,
                        new,
                        destination,
                        vlan,
                        interface,
                    }));
                }
            }
        }
    }
    all.into_iter()
}

fn is_in(networks: &[IpNet], address: [u8; 4]) -> bool {
    let address = IpNet::from(std::net::IpAddr::from(address));
    networks.is_empty() || networks.iter().any(|net| net.contains(&address))
}

fn matches(rule: &RulePlan, packet: Packet) -> bool {
    let within = |ranges: &[(u16, u16)], number: Option<u16>| {
        ranges.is_empty()
            || ranges.iter().any(|(first, last)| {
                number.is_some_and(|number| (*first..=*last).contains(&number))
            })
    };
    rule.enabled
        && is_in(&rule.source, [10, 0, 0, packet.host])
        && is_in(&rule.destination, [192, 0, 2, packet.destination])
        && rule.protocol.is_none_or(|number| number == packet.protocol)
        && within(&rule.ports, packet.port)
        && rule.vlan.is_none_or(|range| within(&[range], packet.vlan))
        && rule
            .interface
            .as_deref()
            .is_none_or(|name| name == packet.interface)
        && (!rule.new || packet.new)
}

fn first(rules: &[RulePlan], packet: Packet) -> Option<usize> {
    rules.iter().position(|rule| matches(rule, packet))
}

fn network(base: [u8; 3], hosts: u8, longest: u8) -> impl Strategy<Value = IpNet> {
    (0..hosts, longest..=32).prop_map(move |(host, length)| {
        let [a, b, c] = base;
        IpNet::new(std::net::IpAddr::from([a, b, c, host]), length)
            .unwrap()
            .trunc()
    })
}

fn some_rule() -> impl Strategy<Value = RulePlan> {
    let service = prop_oneof![
        4 => Just((None, Vec::new(), false)),
        2 => any::<bool>().prop_map(|new| (Some(6), Vec::new(), new)),
        4 => (24u16..27, 24u16..27, prop::bool::weighted(0.3))
            .prop_map(|(a, b, new)| (Some(6), vec![(a.min(b), a.max(b))], new)),
    ];
    let place = (
        prop::collection::vec(network([192, 0, 2], 2, 31), 0..2),
        prop_oneof![4 => Just(None), 1 => Just(Some((1, 1))), 1 => Just(Some((1, 2)))],
        prop_oneof![4 => Just(None), 1 => Just(Some("eth0".to_owned()))],
    );
    (
        prop::collection::vec(network([10, 0, 0], 8, 29), 1..4),
        service,
        place,
        any::<bool>(),
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(source, (protocol, ports, new), place, drops, enabled)| RulePlan {
                source,
                protocol,
                ports,
                new,
                destination: place.0,
                vlan: place.1,
                interface: place.2,
                enabled,
                action: if drops { Action::Drop } else { Action::Accept },
                ..RulePlan::default()
            },
        )
}

proptest! {
    #[test]
    fn what_is_found_holds_packet_by_packet(rules in prop::collection::vec(some_rule(), 1..9)) {
        let found: std::collections::BTreeMap<_, _> = findings(&rules).into_iter().collect();
        for number in 0..rules.len() {
            let decides = world().any(|packet| first(&rules, packet) == Some(number));
            match found.get(&number) {
                // Protocols and addresses outside of the small world are never in a rule alone,
                // so a rule that decides nothing in it decides nothing.
                None => prop_assert!(decides || !rules[number].enabled, "{number} decides nothing"),
                Some(Finding::RedundantToLater(_)) => {
                    let mut without = rules.clone();
                    without[number].enabled = false;
                    for packet in world() {
                        let action = |rules: &[RulePlan]| first(rules, packet).map(|at| rules[at].action);
                        prop_assert_eq!(action(&rules), action(&without));
                    }
                }
                Some(_) => prop_assert!(!decides, "{number} decides something"),
            }
        }
        // All of it at once changes nothing either.
        let mut left = rules.clone();
        for number in found.keys() {
            left[*number].enabled = false;
        }
        for packet in world() {
            let action = |rules: &[RulePlan]| first(rules, packet).map(|at| rules[at].action);
            prop_assert_eq!(action(&rules), action(&left));
        }
    }
}

#[test]
fn ten_thousand_rules_in_a_thousand_lists_are_looked_through() {
    // Each list is of ten networks, each rule of one list and a port of its own.
    let rules: Vec<RulePlan> = (0..10_000u32)
        .map(|number| {
            let list = number % 1_000;
            let source = (0..10u32).map(|net| {
                let address = std::net::Ipv4Addr::from((10 << 24) | (list * 10 + net) << 8);
                IpNet::new(address.into(), 24).unwrap()
            });
            let port = u16::try_from(number / 1_000 * 10).unwrap();
            RulePlan {
                protocol: Some(6),
                ports: vec![(port, port + 10)],
                source: source.collect(),
                ..rule(
                    if number % 2 == 0 {
                        Action::Drop
                    } else {
                        Action::Accept
                    },
                    &[],
                )
            }
        })
        .collect();
    assert_eq!(findings(&rules), []);
    let mut rules = rules;
    rules.push(RulePlan {
        ports: vec![(3, 12)],
        ..rules[7].clone()
    });
    assert_eq!(
        findings(&rules),
        [(10_000, Finding::RedundantToEarlier(vec![7, 1_007]))]
    );
}
