//! Staged policies: they decide nothing, and count and tell of what they would have decided.

mod rate;

use smtp_lb::config::plan::{Action, FirewallMode, Plan};
use smtp_lb_common::verdict::{NoConnections, decide_staged};

use super::super::frames::{Frame, RST, SYN, tcp, udp};
use super::super::oracle::{self, Question};
use super::super::plans::{empty, policy, rule, server};
use super::super::stand::Bench;

const DEEDS: [(&str, Option<Action>); 5] = [
    ("none", None),
    ("accept", Some(Action::Accept)),
    ("decisive", Some(Action::AcceptDecisively)),
    ("drop", Some(Action::Drop)),
    ("reject", Some(Action::Reject)),
];

/// At each context an enforced and a staged policy. Sources are told apart by what these do:
/// `10.E.S.0/24`, where each of E and S is five times the deed of the global policy and that of the other.
fn plan(default: Action) -> Plan {
    let mode = match default {
        Action::Drop | Action::Reject => FirewallMode::Firewall,
        Action::Accept | Action::AcceptDecisively => FirewallMode::Adc,
    };
    let mut plan = empty(mode);
    plan.firewall.default = default;
    let mut of = |name: &str, takes: fn(usize, usize) -> usize| {
        let deeds = DEEDS.iter().enumerate();
        let rules = deeds.filter_map(|(at, (name, action))| {
            let mut sources = Vec::new();
            for enforced in 0..25 {
                let all = (0..25).filter(|staged| takes(enforced, *staged) == at);
                for staged in all {
                    sources.push(format!("10.{enforced}.{staged}.0/24"));
                    sources.push(format!("2001:db8:{enforced}:{staged}::/64"));
                }
            }
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            Some(rule(name, (*action)?, &sources))
        });
        let rules = rules.collect();
        policy(&mut plan, name, rules)
    };
    let global = of("global", |enforced, _| enforced / 5);
    let own = of("own", |enforced, _| enforced % 5);
    let staged_global = of("global-next", |_, staged| staged / 5);
    let staged_own = of("own-next", |_, staged| staged % 5);
    let firewall = &mut plan.firewall;
    firewall.global_policy = Some(global);
    firewall.host_policy = Some(own);
    firewall.staged_global_policy = Some(staged_global);
    firewall.staged_host_policy = Some(staged_own);
    let listen = ["192.0.2.1:25", "[2001:db8:f::1]:25"];
    server(&mut plan, "mail", &listen, Some(own));
    plan.virtual_servers[0].staged_policy = Some(staged_own);
    plan
}

/// To the virtual server by TCP, to the host by UDP.
fn packet(enforced: usize, staged: usize, v6: bool, is_tcp: bool) -> (Frame, Question) {
    let (from, to) = if v6 {
        (format!("2001:db8:{enforced}:{staged}::7"), "2001:db8:f::1")
    } else {
        (format!("10.{enforced}.{staged}.7"), "192.0.2.1")
    };
    let frame = if is_tcp {
        tcp(&from, to, 25, SYN)
    } else {
        udp(&from, to, 1025, 25)
    };
    let question = Question {
        src: from.parse().expect("an address"),
        dst: to.parse().expect("an address"),
        protocol: if is_tcp { 6 } else { 17 },
        source_port: Some(1025),
        port: Some(25),
        icmp: None,
        vlan: None,
        new: is_tcp,
        later: false,
    };
    (frame, question)
}

/// Holds every pair of deeds of two enforced and two staged policies against the oracle. Behind each packet:
/// received = Σ verdicts = Σ rules, the counters of staged rules, and the events.
fn all(default: Action) {
    let plan = plan(default);
    let mut bench = Bench::new(&plan);
    let mut otherwise = 0;
    for enforced in 0..25 {
        for staged in 0..25 {
            // Family and context by turns: each pair meets each of them with one of its neighbours.
            let (v6, is_tcp) = (
                (enforced + staged) % 2 == 0,
                (enforced + staged / 2) % 2 == 0,
            );
            let (frame, question) = packet(enforced, staged, v6, is_tcp);
            let octets = frame.bytes();
            let said = oracle::decide(&plan, &question);
            let compared = oracle::staged(&plan, &question);
            assert_eq!(bench.kernel(&octets), said, "{question:?}");
            assert_eq!(bench.staged, compared, "kernel: {question:?}");
            assert_eq!(bench.userspace(&octets), said, "{question:?}");
            assert_eq!(bench.staged, compared, "userspace: {question:?}");
            otherwise += compared
                .iter()
                .filter(|it| it.ends_with("otherwise"))
                .count();
        }
    }
    assert!(otherwise > 100, "{otherwise} of 625");
}

#[test]
fn every_pair_of_deeds_where_the_rest_is_accepted() {
    all(Action::Accept);
}

#[test]
fn every_pair_of_deeds_where_the_rest_is_dropped() {
    all(Action::Drop);
}

#[test]
fn every_pair_of_deeds_where_the_rest_is_rejected() {
    all(Action::Reject);
}

#[test]
fn what_decides_before_policies_is_not_compared() {
    let mut plan = plan(Action::Accept);
    plan.firewall.failsafe = vec![rule("ours", Action::Accept, &["10.16.0.0/16"])];
    let mut bench = Bench::new(&plan);
    let failsafe = tcp("10.16.3.1", "192.0.2.1", 25, SYN).bytes();
    assert_eq!(
        bench.kernel(&failsafe),
        "accept failsafe failsafe//ours log"
    );
    assert!(bench.staged.is_empty());
    // ARP.
    let arp = super::super::frames::ethernet(0x0806, &[0; 28]);
    assert_eq!(bench.kernel(&arp), "accept arp built-in//arp");
    assert!(bench.staged.is_empty());
}

#[test]
fn policies_are_compared_and_not_whether_anybody_may_be_answered() {
    let plan = plan(Action::Accept);
    let mut bench = Bench::new(&plan);
    // Enforced: nothing. Staged: reject, which nobody would hear of who sends a reset.
    let reset = tcp("10.0.20.7", "192.0.2.1", 25, RST).bytes();
    assert_eq!(
        bench.kernel(&reset),
        "accept default virtual-server:mail/own/default"
    );
    assert_eq!(
        bench.staged,
        [
            "global/global-next/reject reject otherwise",
            "virtual-server:mail/own-next/default accept"
        ]
    );
}

#[test]
fn without_a_staged_policy_nothing_is_compared() {
    let mut plan = plan(Action::Accept);
    plan.firewall.staged_global_policy = None;
    plan.virtual_servers[0].staged_policy = None;
    let mut bench = Bench::new(&plan);
    let (to_server, _) = packet(0, 4, false, true);
    bench.kernel(&to_server.bytes());
    assert!(bench.staged.is_empty());
    let (to_host, _) = packet(0, 4, true, false);
    bench.kernel(&to_host.bytes());
    assert_eq!(bench.staged, ["host/own-next/reject reject otherwise"]);
}

#[test]
fn a_promoted_policy_decides_what_it_said_it_would() {
    let mut plan = plan(Action::Accept);
    let (frame, _) = packet(0, 15, false, true);
    let frame = frame.bytes();
    let mut bench = Bench::new(&plan);
    assert_eq!(
        bench.kernel(&frame),
        "accept default virtual-server:mail/own/default"
    );
    assert_eq!(bench.staged[0], "global/global-next/drop drop otherwise");
    plan.firewall.global_policy = plan.firewall.staged_global_policy.take();
    bench.replan(&plan);
    assert_eq!(
        bench.kernel(&frame),
        "drop policy global/global-next/drop log"
    );
    assert!(bench.staged.is_empty());
}

#[test]
fn a_damaged_image_compares_nothing() {
    let plan = plan(Action::Accept);
    let bench = Bench::new(&plan);
    let mut lines = bench.compiled.lines.clone();
    // The staged policy of the host leads nowhere.
    lines[1][1] = 1 << (30 + 32);
    let (frame, _) = packet(0, 4, false, false);
    let octets = frame.bytes();
    let parsed = smtp_lb_common::packet::parse(octets.as_slice());
    let (decision, compared) =
        decide_staged(lines.as_slice(), &NoConnections, octets.as_slice(), &parsed);
    assert_eq!(decision.verdict.name(), "accept");
    assert_eq!(compared.map(|it| it.slot), [0, 0]);
}
