//! Every action with every protocol, family, number of tags and kind of packet.

use smtp_lb::config::plan::{Action, FirewallMode, Plan};

use super::frames::{DEST, Frame, HOP, SYN, icmp, ip, tcp, udp};
use super::plans::{empty, policy, rule, server};
use super::stand::Bench;

/// Rules by what they do, each for sources of its own; [`STRANGER`] has none.
const RULES: [(&str, Action); 3] = [
    ("let", Action::Accept),
    ("silence", Action::Drop),
    ("tell", Action::Reject),
];
const STRANGER: usize = RULES.len() + 1;
const PROTOCOLS: [&str; 4] = ["TCP", "UDP", "ICMP", "GRE"];
const TAGS: [&str; 3] = ["untagged", "in a VLAN", "in two VLANs"];
const KINDS: [&str; 5] = [
    "whole",
    "with options or headers",
    "first fragment",
    "first fragment with options or headers",
    "later fragment",
];

/// By address alone, at the virtual server and at the host.
fn plan(default: Action) -> Plan {
    let mode = match default {
        Action::Accept | Action::AcceptDecisively => FirewallMode::Adc,
        Action::Drop | Action::Reject => FirewallMode::Firewall,
    };
    let mut plan = empty(mode);
    plan.firewall.default = default;
    let rules = RULES.iter().zip(1..).map(|((name, action), number)| {
        let sources = [
            format!("10.{number}.0.0/16"),
            format!("2001:db8:{number}::/48"),
        ];
        rule(name, *action, &[&sources[0], &sources[1]])
    });
    let edge = policy(&mut plan, "edge", rules.collect());
    plan.firewall.host_policy = Some(edge);
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(edge),
    );
    plan
}

/// A packet from sources of a rule.
fn frame(source: usize, protocol: &str, v6: bool, tags: usize, kind: &str) -> Frame {
    let (from, to) = if v6 {
        (format!("2001:db8:{source}::7"), "2001:db8:f::1")
    } else {
        (format!("10.{source}.0.7"), "192.0.2.1")
    };
    let frame = match protocol {
        "TCP" => tcp(&from, to, 25, SYN),
        "UDP" => udp(&from, to, 5, 53),
        "ICMP" => icmp(&from, to, if v6 { 128 } else { 8 }, 0, b"ping"),
        _ => ip(&from, to, 47, vec![0; 8]),
    };
    let frame = match tags {
        0 => frame,
        1 => frame.vlan(7),
        _ => frame.qinq(9, 7),
    };
    let frame = match kind {
        "first fragment" | "first fragment with options or headers" => frame.fragment(0, true),
        "later fragment" => frame.fragment(4, false),
        _ => frame,
    };
    if kind.ends_with("options or headers") {
        frame.options(3).extensions(&[HOP, DEST])
    } else {
        frame
    }
}

/// What must become of it, reckoned from what it is.
fn expected(default: Action, source: usize, protocol: &str, kind: &str) -> String {
    let later = kind == "later fragment";
    let word = |action| match action {
        Action::Accept | Action::AcceptDecisively => "accept",
        Action::Reject if !later => "reject",
        Action::Drop | Action::Reject => "drop",
    };
    // Whom a later fragment is for is not known: it has no port.
    let context = if protocol == "TCP" && !later {
        "virtual-server:mail"
    } else {
        "host"
    };
    match RULES.get(source - 1) {
        Some((rule, action)) => format!("{} policy {context}/edge/{rule} log", word(*action)),
        None if later => format!("{} later-fragment built-in//later-fragment", word(default)),
        None => format!("{} default {context}/edge/default", word(default)),
    }
}

/// Runs all rows with one default, and returns how many there are.
fn run(default: Action) -> usize {
    let mut bench = Bench::new(&plan(default));
    let (mut rows, mut wrong) = (0, Vec::new());
    for source in 1..=STRANGER {
        for protocol in PROTOCOLS {
            for v6 in [false, true] {
                for (tags, tagged) in TAGS.iter().enumerate() {
                    for kind in KINDS {
                        let octets = frame(source, protocol, v6, tags, kind).bytes();
                        let said = expected(default, source, protocol, kind);
                        let userspace = bench.userspace(&octets);
                        // Received = Σ verdicts = Σ rules: checked behind each.
                        let kernel = bench.kernel(&octets);
                        rows += 1;
                        if kernel != said || userspace != said {
                            let by = RULES.get(source - 1).map_or("no rule", |(name, _)| name);
                            let family = if v6 { 6 } else { 4 };
                            wrong.push(format!(
                                "{protocol} over IPv{family}, {tagged}, {kind}, by {by}:\n  table     \
                                 {said}\n  kernel    {kernel}\n  userspace {userspace}"
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {rows} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    rows
}

#[test]
fn every_combination_by_rule_and_where_the_default_accepts() {
    assert!(run(Action::Accept) >= 400);
}

#[test]
fn every_combination_by_rule_and_where_the_default_drops() {
    assert!(run(Action::Drop) >= 400);
}

#[test]
fn every_combination_by_rule_and_where_the_default_rejects() {
    assert!(run(Action::Reject) >= 400);
}
