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
fn another_way_to_tell_is_another_decision() {
    let host = rule(Action::Drop, &["10.1.2.3/32"]);
    let told = RulePlan {
        log: true,
        ..rule(Action::Drop, &["10.0.0.0/8"])
    };
    assert_eq!(findings(&[host, told]), []);
}

/// Packets of a small world: source 10.0.0.0/29, protocols 5 to 7, ports 24 to 26 or none.
fn world() -> impl Iterator<Item = (u8, u8, Option<u16>)> {
    (0..8).flat_map(|host| {
        [
            (5, None),
            (6, None),
            (6, Some(24)),
            (6, Some(25)),
            (6, Some(26)),
            (7, None),
        ]
        .map(|(protocol, port)| (host, protocol, port))
    })
}

fn matches(rule: &RulePlan, (host, protocol, port): (u8, u8, Option<u16>)) -> bool {
    let address = IpNet::from(std::net::IpAddr::from([10, 0, 0, host]));
    rule.enabled
        && (rule.source.is_empty() || rule.source.iter().any(|net| net.contains(&address)))
        && rule.protocol.is_none_or(|number| number == protocol)
        && (rule.ports.is_empty()
            || rule
                .ports
                .iter()
                .any(|(first, last)| port.is_some_and(|port| *first <= port && port <= *last)))
}

fn first(rules: &[RulePlan], packet: (u8, u8, Option<u16>)) -> Option<usize> {
    rules.iter().position(|rule| matches(rule, packet))
}

fn some_rule() -> impl Strategy<Value = RulePlan> {
    let network = (0u8..8, 29u8..=32).prop_map(|(host, length)| {
        IpNet::new(std::net::IpAddr::from([10, 0, 0, host]), length)
            .unwrap()
            .trunc()
    });
    (
        prop::collection::vec(network, 1..4),
        prop_oneof![
            Just((None, None)),
            Just((Some(6), None)),
            (24u16..27, 24u16..27).prop_map(|(a, b)| (Some(6), Some((a.min(b), a.max(b)))))
        ],
        any::<bool>(),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(source, (protocol, port), drops, enabled)| RulePlan {
            source,
            protocol,
            ports: port.into_iter().collect(),
            enabled,
            action: if drops { Action::Drop } else { Action::Accept },
            ..RulePlan::default()
        })
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

#[test]
fn what_else_a_rule_asks_for_is_told_apart() {
    use Action::{Accept, Drop};
    let parts: [fn(&mut RulePlan); 7] = [
        |rule| rule.destination = vec!["192.0.2.0/24".parse().unwrap()],
        |rule| rule.source_ports = vec![(1024, 65535)],
        |rule| rule.interface = Some("eth0".to_owned()),
        |rule| rule.vlan = Some((7, 9)),
        |rule| rule.new = true,
        |rule| (rule.protocol, rule.icmp) = (Some(1), vec![(0x0800, 0x08ff)]),
        |rule| {
            rule.rate = Some(crate::config::plan::RuleRate {
                packets: 1,
                seconds: 1,
            });
        },
    ];
    for part in parts {
        let (any, mut narrow) = (rule(Accept, &[]), rule(Drop, &[]));
        part(&mut narrow);
        let pair = [narrow.clone(), any.clone()];
        assert_eq!(findings(&pair), [], "the wider one behind");
        let pair = [any.clone(), narrow.clone()];
        assert_eq!(findings(&pair), [(1, Finding::Unreachable(0))]);
        let again = RulePlan {
            action: Accept,
            ..narrow.clone()
        };
        let found = findings(&[narrow.clone(), again]);
        if narrow.rate.is_some() {
            assert_eq!(found, [], "it may be used up");
        } else {
            assert_eq!(found, [(1, Finding::Shadowed(vec![0]))]);
        }
    }
}
