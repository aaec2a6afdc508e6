//! The global policy before those of a virtual server and the host: every pair of actions, with every
//! protocol, family, number of tags and kind of packet.

use smtp_lb::config::plan::{Action, FirewallMode, Plan};

use super::super::frames::{Frame, SYN, icmp, ip, tcp, udp};
use super::super::plans::{empty, policy, rule, server};
use super::hold;

/// What a context has for a packet; `None`: no rule.
const DEEDS: [Option<Action>; 5] = [
    None,
    Some(Action::Accept),
    Some(Action::AcceptDecisively),
    Some(Action::Drop),
    Some(Action::Reject),
];

const fn name(deed: Option<Action>) -> &'static str {
    match deed {
        None => "none",
        Some(Action::Accept) => "accept",
        Some(Action::AcceptDecisively) => "decisive",
        Some(Action::Drop) => "drop",
        Some(Action::Reject) => "reject",
    }
}

/// Sources are told apart by what the contexts do: 10.GLOBAL.OWN.0/24.
fn plan(default: Action) -> Plan {
    let mode = match default {
        Action::Drop | Action::Reject => FirewallMode::Firewall,
        Action::Accept | Action::AcceptDecisively => FirewallMode::Adc,
    };
    let mut plan = empty(mode);
    plan.firewall.default = default;
    let (mut global, mut own) = (Vec::new(), Vec::new());
    for (at, deed) in DEEDS.iter().enumerate() {
        let Some(action) = deed else { continue };
        let v6 = format!("2001:db8:{at}::/48");
        global.push(rule(
            name(*deed),
            *action,
            &[&format!("10.{at}.0.0/16"), &v6],
        ));
        let of = |global: usize| {
            [
                format!("10.{global}.{at}.0/24"),
                format!("2001:db8:{global}:{at}::/64"),
            ]
        };
        let sources: Vec<String> = (0..DEEDS.len()).flat_map(of).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        own.push(rule(name(*deed), *action, &sources));
    }
    let global = policy(&mut plan, "everybody", global);
    let own = policy(&mut plan, "own", own);
    plan.firewall.global_policy = Some(global);
    plan.firewall.host_policy = Some(own);
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(own),
    );
    plan
}

fn frame(global: usize, own: usize, protocol: &str, v6: bool, tags: usize, kind: &str) -> Frame {
    let (from, to) = if v6 {
        (format!("2001:db8:{global}:{own}::7"), "2001:db8:f::1")
    } else {
        (format!("10.{global}.{own}.7"), "192.0.2.1")
    };
    let frame = match protocol {
        "TCP" => tcp(&from, to, 25, SYN),
        "UDP" => udp(&from, to, 5, 25),
        "ICMP" => icmp(&from, to, if v6 { 128 } else { 8 }, 0, b"ping"),
        _ => ip(&from, to, 47, vec![0; 8]),
    };
    let frame = match tags {
        0 => frame,
        1 => frame.vlan(7),
        _ => frame.qinq(9, 7),
    };
    match kind {
        "first fragment" => frame.fragment(0, true),
        "later fragment" => frame.fragment(4, false),
        _ => frame,
    }
}

/// Reckoned from what the contexts do.
fn expected(global: usize, own: usize, protocol: &str, kind: &str, default: Action) -> String {
    let later = kind == "later fragment";
    let word = |action| match action {
        Action::Accept | Action::AcceptDecisively => "accept",
        Action::Reject if !later => "reject",
        Action::Drop | Action::Reject => "drop",
    };
    let context = if protocol == "TCP" && !later {
        "virtual-server:mail"
    } else {
        "host"
    };
    let by = |context: &str, policy: &str, deed: Option<Action>| {
        let action = word(deed.unwrap_or(default));
        format!("{action} policy {context}/{policy}/{} log", name(deed))
    };
    let (first, second) = (DEEDS[global], DEEDS[own]);
    match (first, second) {
        (None, None) if later => {
            format!("{} later-fragment built-in//later-fragment", word(default))
        }
        (None, None) => format!("{} default {context}/own/default", word(default)),
        (Some(Action::Accept), Some(_)) => {
            let decided = by(context, "own", second);
            format!("{decided} passed global/everybody/accept log")
        }
        (Some(_), _) => by("global", "everybody", first),
        (None, Some(_)) => by(context, "own", second),
    }
}

fn run(default: Action) {
    let mut rows = Vec::new();
    for (global, first) in DEEDS.into_iter().enumerate() {
        for (own, second) in DEEDS.into_iter().enumerate() {
            for protocol in ["TCP", "UDP", "ICMP", "GRE"] {
                for v6 in [false, true] {
                    for tags in 0..3 {
                        for kind in ["whole", "first fragment", "later fragment"] {
                            let family = if v6 { 6 } else { 4 };
                            let deeds = [name(first), name(second)].join(", ");
                            rows.push((
                                format!(
                                    "{protocol} over IPv{family}, {tags} tags, {kind}: {deeds}"
                                ),
                                frame(global, own, protocol, v6, tags, kind).bytes(),
                                expected(global, own, protocol, kind, default),
                            ));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(rows.len(), 5 * 5 * 4 * 2 * 3 * 3);
    hold(&plan(default), &rows);
}

#[test]
fn every_pair_of_actions_where_the_default_accepts() {
    run(Action::Accept);
}

#[test]
fn every_pair_of_actions_where_the_default_drops() {
    run(Action::Drop);
}

#[test]
fn every_pair_of_actions_where_the_default_rejects() {
    run(Action::Reject);
}

#[test]
fn failsafe_comes_before_the_global_policy() {
    let mut plan = plan(Action::Drop);
    plan.firewall.failsafe = vec![rule("admin", Action::Accept, &["10.3.3.0/24"])];
    let row = |from: &str, said: &str| {
        let octets = tcp(from, "192.0.2.1", 25, SYN).bytes();
        (from.to_owned(), octets, said.to_owned())
    };
    let rows = [
        row("10.3.3.7", "accept failsafe failsafe//admin log"),
        row("10.3.2.7", "drop policy global/everybody/drop log"),
    ];
    hold(&plan, &rows);
}
