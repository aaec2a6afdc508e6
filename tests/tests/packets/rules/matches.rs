//! Each thing that a rule can ask for: what is it, what is just beside it, and what does not have it.

use smtp_lb::config::plan::{Action, FirewallMode, Plan, RulePlan};

use super::super::frames::{
    ACK, DEST, Frame, HOP, RST, SYN, SYN_ACK, icmp, ip, tcp, tcp_ports, udp,
};
use super::super::plans::{empty, policy, rule};
use super::hold;

const ACTIONS: [Action; 4] = [
    Action::Accept,
    Action::AcceptDecisively,
    Action::Drop,
    Action::Reject,
];

/// A host policy of one rule, with a default that does the opposite.
fn plan(asked: RulePlan) -> Plan {
    let accepts = matches!(asked.action, Action::Accept | Action::AcceptDecisively);
    let mut plan = empty(if accepts {
        FirewallMode::Firewall
    } else {
        FirewallMode::Adc
    });
    let host = policy(&mut plan, "p", vec![asked]);
    plan.firewall.host_policy = Some(host);
    plan
}

/// Does the rule take the frame, in any tags, behind options and headers, and as a fragment?
struct Row {
    name: &'static str,
    frame: Frame,
    taken: bool,
    /// What is asked for is not in a later fragment.
    above: bool,
    /// Errors are not answered by others.
    error: bool,
}

fn row(name: &'static str, frame: Frame, taken: bool) -> Row {
    Row {
        name,
        frame,
        taken,
        above: true,
        error: false,
    }
}

/// What is asked for is in the IP header.
fn below(name: &'static str, frame: Frame, taken: bool) -> Row {
    Row {
        above: false,
        ..row(name, frame, taken)
    }
}

fn error(name: &'static str, frame: Frame, taken: bool) -> Row {
    Row {
        error: true,
        ..row(name, frame, taken)
    }
}

/// Each row × every action × {no tag, one, two} × {whole, options or headers, first fragment, later one}.
fn cross(asked: &RulePlan, rows: &[Row]) {
    for action in ACTIONS {
        let mut all = Vec::new();
        for row in rows {
            for tags in 0..3 {
                let frame = match tags {
                    0 => row.frame.clone(),
                    1 => row.frame.clone().vlan(7),
                    _ => row.frame.clone().qinq(7, 9),
                };
                for kind in 0..4 {
                    let (what, frame) = match kind {
                        0 => ("whole", frame.clone()),
                        1 => (
                            "behind options",
                            frame.clone().options(2).extensions(&[HOP, DEST]),
                        ),
                        2 => ("first fragment", frame.clone().fragment(0, true)),
                        _ => ("later fragment", frame.clone().fragment(4, false)),
                    };
                    let later = kind == 3;
                    let taken = row.taken && !(later && row.above);
                    let said = match said(action, taken, later) {
                        said if row.error => said.replace("reject", "drop"),
                        said => said,
                    };
                    all.push((
                        format!("{}, {tags} tags, {what}", row.name),
                        frame.bytes(),
                        said,
                    ));
                }
            }
        }
        let asked = RulePlan {
            action,
            ..asked.clone()
        };
        hold(&plan(asked), &all);
    }
}

fn said(action: Action, taken: bool, later: bool) -> String {
    let accepts = matches!(action, Action::Accept | Action::AcceptDecisively);
    let default = if accepts { "drop" } else { "accept" };
    match (taken, later) {
        (true, _) => {
            let verdict = match action {
                Action::Accept | Action::AcceptDecisively => "accept",
                Action::Reject if !later => "reject",
                Action::Drop | Action::Reject => "drop",
            };
            format!("{verdict} policy host/p/r log")
        }
        (false, true) => format!("{default} later-fragment built-in//later-fragment"),
        (false, false) => format!("{default} default host/p/default"),
    }
}

fn asks(part: RulePlan) -> RulePlan {
    RulePlan {
        name: "r".to_owned(),
        enabled: true,
        log: true,
        ..part
    }
}

const ECE_CWR: u8 = 0xc0;
const A: &str = "198.51.100.7";
const A6: &str = "2001:db8:a::7";
const B: &str = "192.0.2.1";
const B6: &str = "2001:db8:f::1";

#[test]
fn destinations() {
    let destination = [
        "192.0.2.1/32",
        "192.0.2.64/26",
        "2001:db8:f::/64",
        "2001:db8:e::5/128",
    ];
    let asked = asks(RulePlan {
        destination: destination
            .iter()
            .map(|it| it.parse().expect("a network"))
            .collect(),
        ..RulePlan::default()
    });
    cross(
        &asked,
        &[
            below("its host", tcp(A, B, 25, SYN), true),
            below("the one before", tcp(A, "192.0.2.0", 25, SYN), false),
            below("the one behind", udp(A, "192.0.2.2", 1, 2), false),
            below("its network's first", udp(A, "192.0.2.64", 1, 2), true),
            below(
                "its network's last",
                ip(A, "192.0.2.127", 47, vec![0; 8]),
                true,
            ),
            below(
                "past its network",
                ip(A, "192.0.2.128", 47, vec![0; 8]),
                false,
            ),
            below("as a source", tcp(B, A, 25, SYN), false),
            below("v6", tcp(A6, B6, 25, SYN), true),
            below(
                "v6 last",
                icmp(A6, "2001:db8:f::ffff:ffff:ffff:ffff", 128, 0, b""),
                true,
            ),
            below("v6 past", icmp(A6, "2001:db8:f:1::", 128, 0, b""), false),
            below("v6 host", udp(A6, "2001:db8:e::5", 1, 2), true),
            below("v6 beside", udp(A6, "2001:db8:e::6", 1, 2), false),
        ],
    );
}

#[test]
fn lists_of_ports() {
    for (protocol, is_tcp) in [(6, true), (17, false)] {
        let asked = asks(RulePlan {
            protocol: Some(protocol),
            ports: vec![(25, 25), (465, 465), (587, 590)],
            ..RulePlan::default()
        });
        let to = |port, v6: bool| {
            let (from, to) = if v6 { (A6, B6) } else { (A, B) };
            if is_tcp {
                tcp(from, to, port, SYN)
            } else {
                udp(from, to, 999, port)
            }
        };
        let other = if is_tcp {
            udp(A, B, 1, 25)
        } else {
            tcp(A, B, 25, SYN)
        };
        cross(
            &asked,
            &[
                row("a port", to(25, false), true),
                row("beside it", to(26, false), false),
                row("another", to(465, false), true),
                row("a range's first", to(587, false), true),
                row("its last", to(590, false), true),
                row("past it", to(591, false), false),
                row("v6", to(588, true), true),
                row("v6 before it", to(586, true), false),
                row("another protocol", other, false),
            ],
        );
    }
}

#[test]
fn source_ports() {
    let asked = asks(RulePlan {
        protocol: Some(6),
        source_ports: vec![(20, 21), (1024, 65535)],
        ..RulePlan::default()
    });
    let from = |port| tcp_ports(A, B, port, 25, SYN);
    cross(
        &asked,
        &[
            row("first", from(20), true),
            row("last", from(21), true),
            row("past", from(22), false),
            row("below the next", from(1023), false),
            row("the next", from(1024), true),
            row("the greatest", from(65535), true),
            row("as a destination", tcp_ports(A, B, 22, 20, SYN), false),
            row("v6", tcp_ports(A6, B6, 2000, 25, ACK), true),
            row("UDP", udp(A, B, 20, 25), false),
        ],
    );
}

#[test]
fn both_ports() {
    let asked = asks(RulePlan {
        protocol: Some(17),
        ports: vec![(53, 53), (123, 123)],
        source_ports: vec![(53, 53), (123, 123), (1024, 65535)],
        ..RulePlan::default()
    });
    cross(
        &asked,
        &[
            row("53 to 123", udp(A, B, 53, 123), true),
            row("123 to 53", udp(A, B, 123, 53), true),
            row("high to 53", udp(A6, B6, 65535, 53), true),
            row("low to 53", udp(A, B, 52, 53), false),
            row("53 to another", udp(A6, B6, 53, 54), false),
        ],
    );
}

#[test]
fn types_of_icmp() {
    let asked = |protocol, icmp| {
        asks(RulePlan {
            protocol: Some(protocol),
            icmp,
            ..RulePlan::default()
        })
    };
    // Echo requests; unreachable, fragmentation needed.
    cross(
        &asked(1, vec![(0x0304, 0x0304), (0x0800, 0x08ff)]),
        &[
            row("a type", icmp(A, B, 8, 0, b""), true),
            row("with a code", icmp(A, B, 8, 255, b""), true),
            row("another type", icmp(A, B, 0, 0, b""), false),
            error("type and code", icmp(A, B, 3, 4, b""), true),
            row("another code", icmp(A, B, 3, 3, b""), false),
            row("the same as a port", udp(A, B, 1, 0x0800), false),
            row("of IPv6", icmp(A6, B6, 8, 0, b""), false),
        ],
    );
    cross(
        &asked(58, vec![(0x8000, 0x80ff), (0x0104, 0x0104)]),
        &[
            row("v6 a type", icmp(A6, B6, 128, 0, b""), true),
            row("v6 another", icmp(A6, B6, 129, 0, b""), false),
            error("v6 type and code", icmp(A6, B6, 1, 4, b""), true),
            row("v6 another code", icmp(A6, B6, 1, 3, b""), false),
            row("of IPv4", icmp(A, B, 128, 0, b""), false),
            // Of IPv4's types none that asks for something, so it is not answered.
            error(
                "over IPv4",
                ip(A, B, 58, vec![128, 0, 0, 0, 0, 0, 0, 0]),
                true,
            ),
        ],
    );
}

#[test]
fn protocols_by_number() {
    let asked = asks(RulePlan {
        protocol: Some(47),
        ..RulePlan::default()
    });
    cross(
        &asked,
        &[
            below("GRE", ip(A, B, 47, vec![0; 8]), true),
            below("v6 GRE", ip(A6, B6, 47, vec![0; 8]), true),
            below("ESP", ip(A, B, 50, vec![0; 8]), false),
            below("v6 TCP", tcp(A6, B6, 25, SYN), false),
        ],
    );
}

#[test]
fn beginnings_of_connections() {
    let asked = asks(RulePlan {
        protocol: Some(6),
        ports: vec![(25, 25)],
        new: true,
        ..RulePlan::default()
    });
    cross(
        &asked,
        &[
            row("SYN", tcp(A, B, 25, SYN), true),
            row("with ECN", tcp(A, B, 25, SYN | ECE_CWR), true),
            row("SYN and ACK", tcp(A, B, 25, SYN_ACK), false),
            row("ACK", tcp(A, B, 25, ACK), false),
            row("RST", tcp(A, B, 25, RST), false),
            row("SYN and RST", tcp(A, B, 25, SYN | RST), false),
            row("nothing", tcp(A, B, 25, 0), false),
            row("v6 SYN", tcp(A6, B6, 25, SYN), true),
            row("v6 ACK", tcp(A6, B6, 25, ACK), false),
            row("another port", tcp(A, B, 26, SYN), false),
        ],
    );
}

#[test]
fn interfaces() {
    for (name, taken) in [("lo", true), ("eth9", false), ("gone0", false)] {
        let asked = asks(RulePlan {
            interface: Some(name.to_owned()),
            ..RulePlan::default()
        });
        cross(
            &asked,
            &[
                below("TCP", tcp(A, B, 25, SYN), taken),
                below("v6 UDP", udp(A6, B6, 1, 2), taken),
            ],
        );
    }
}

#[test]
fn vlans() {
    let frames = |id: u16| {
        [
            (tcp(A, B, 25, SYN).vlan(id), "TCP"),
            (udp(A6, B6, 1, 2).vlan(id), "v6 UDP"),
            (ip(A, B, 47, vec![0; 8]).qinq(id, 4000), "GRE in two"),
        ]
    };
    for action in ACTIONS {
        let mut rows = Vec::new();
        for (id, taken) in [
            (99, false),
            (100, true),
            (150, true),
            (199, true),
            (200, false),
            (0, false),
        ] {
            for (frame, name) in frames(id) {
                for later in [false, true] {
                    let frame = frame.clone();
                    let frame = if later {
                        frame.fragment(4, false)
                    } else {
                        frame
                    };
                    rows.push((
                        format!("{name} in VLAN {id}, later: {later}"),
                        frame.bytes(),
                        said(action, taken, later),
                    ));
                }
            }
        }
        let untagged = tcp(A, B, 25, SYN).bytes();
        rows.push(("untagged".to_owned(), untagged, said(action, false, false)));
        let asked = asks(RulePlan {
            vlan: Some((100, 199)),
            action,
            ..RulePlan::default()
        });
        hold(&plan(asked), &rows);
    }
}

#[test]
fn a_rule_asks_for_all_at_once() {
    let mut asked = rule("r", Action::Drop, &["198.51.100.0/24"]);
    asked = RulePlan {
        protocol: Some(6),
        destination: vec!["192.0.2.1/32".parse().expect("a network")],
        ports: vec![(25, 25)],
        source_ports: vec![(1024, 65535)],
        interface: Some("lo".to_owned()),
        vlan: Some((7, 7)),
        new: true,
        ..asked
    };
    let good = || tcp_ports(A, B, 40_000, 25, SYN);
    let row = |name: &str, frame: Frame, taken| {
        (
            name.to_owned(),
            frame.bytes(),
            said(Action::Drop, taken, false),
        )
    };
    let rows = [
        row("all", good().vlan(7), true),
        row("no VLAN", good(), false),
        row("another VLAN", good().vlan(8), false),
        row(
            "another source",
            tcp("198.51.101.7", B, 25, SYN).vlan(7),
            false,
        ),
        row(
            "another destination",
            tcp(A, "192.0.2.2", 25, SYN).vlan(7),
            false,
        ),
        row("another port", tcp(A, B, 26, SYN).vlan(7), false),
        row(
            "another source port",
            tcp_ports(A, B, 1023, 25, SYN).vlan(7),
            false,
        ),
        row("another flag", tcp(A, B, 25, ACK).vlan(7), false),
    ];
    hold(&plan(asked), &rows);
}
