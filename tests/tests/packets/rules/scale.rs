//! Ten thousand rules in a thousand lists: what is tested rule by rule stays short.

use std::net::IpAddr;

use ipnet::IpNet;
use smtp_lb::config::plan::{Action, FirewallMode, Plan, RulePlan};

use super::super::frames::{SYN, tcp};
use super::super::oracle::{self, Question};
use super::super::plans::{empty, policy, server};
use super::super::stand::Bench;

/// A number from another, well mixed (splitmix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `lists` lists of 8 networks each, and ten rules on each for ports and destinations of their own.
fn plan(lists: u32) -> Plan {
    let network = |list: u32, at: u32| -> IpNet {
        let first = u32::try_from(mix(u64::from(list * 8 + at)) & 0xffff_ff00).expect("32 bits");
        IpNet::new(IpAddr::V4(first.into()), 24).expect("a length")
    };
    let mut rules = Vec::new();
    for list in 0..lists {
        let source: Vec<IpNet> = (0..8).map(|at| network(list, at)).collect();
        for n in 0..10_u16 {
            let own = u16::try_from(list % 200).expect("small");
            let port = 1_000 + own * 10 + n;
            rules.push(RulePlan {
                name: format!("r{list}-{n}"),
                enabled: true,
                source: source.clone(),
                destination: match n % 3 {
                    0 => vec![],
                    _ => vec![
                        format!("192.0.{}.0/24", list % 100)
                            .parse()
                            .expect("a network"),
                    ],
                },
                protocol: Some(6),
                ports: vec![(port, port), (20_000 + n * 7, 20_003 + n * 7)],
                action: if n % 2 == 0 {
                    Action::Accept
                } else {
                    Action::Drop
                },
                ..RulePlan::default()
            });
        }
    }
    // And some for any source that only port and destination tell apart.
    for n in 0..20_u16 {
        rules.push(RulePlan {
            name: format!("any{n}"),
            enabled: true,
            protocol: Some(6),
            destination: vec![
                format!("198.51.{}.0/24", n % 100)
                    .parse()
                    .expect("a network"),
            ],
            ports: vec![(30_000 + n, 30_000 + n)],
            action: Action::Drop,
            ..RulePlan::default()
        });
    }
    let mut plan = empty(FirewallMode::Adc);
    let edge = policy(&mut plan, "edge", rules);
    plan.firewall.host_policy = Some(edge);
    server(&mut plan, "mail", &["203.0.113.1:25"], None);
    plan
}

#[test]
fn ten_thousand_rules_are_what_the_oracle_says() {
    let plan = plan(1_000);
    let rules = &plan.firewall.policies[0].rules;
    assert_eq!(rules.len(), 10_020);
    let mut bench = Bench::new(&plan);
    let (mut by_rule, mut by_default) = (0, 0);
    for n in 0..300_u64 {
        let rule = &rules[usize::try_from(mix(n)).expect("64 bits") % rules.len()];
        let any: IpNet = "10.0.0.0/8".parse().expect("a network");
        let source = rule.source.first().copied().unwrap_or(any);
        let IpAddr::V4(src) = source.network() else {
            panic!("IPv4")
        };
        let dst = match rule.destination.first().map(IpNet::network) {
            Some(IpAddr::V4(dst)) if n % 5 > 0 => dst,
            _ => "192.0.99.1".parse().expect("an address"),
        };
        let port = rule.ports[usize::try_from(n % 2).expect("small") % rule.ports.len()].0;
        let frame = tcp(&src.to_string(), &dst.to_string(), port, SYN).bytes();
        let question = Question {
            src: src.into(),
            dst: dst.into(),
            protocol: 6,
            source_port: Some(40_000),
            port: Some(port),
            icmp: None,
            vlan: None,
            new: true,
            later: false,
        };
        let said = oracle::decide(&plan, &question);
        assert_eq!(bench.userspace(&frame), said, "userspace: {question:?}");
        // Its counters are many to read: of the kernel a few must do.
        if n % 30 == 0 {
            assert_eq!(bench.kernel(&frame), said, "kernel: {question:?}");
        }
        if said.contains("default") {
            by_default += 1;
        } else {
            by_rule += 1;
        }
    }
    assert!(
        by_rule > 100 && by_default > 10,
        "{by_rule} and {by_default}"
    );
}
