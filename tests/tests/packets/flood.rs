//! Limits of new connections by source, in the packet path.

use smtp_lb::config::plan::{Action, FirewallMode, FloodId, FloodPlan, FloodRate, Plan};
use smtp_lb::firewall::{Counters, Word};
use smtp_lb_common::reason::{Reason, Verdict};

use super::frames::{SYN, tcp, udp};
use super::plans::{empty, policy, rule, server};
use super::stand::{Bench, sums_hold};

const ACK: u8 = 0x10;
const RST: u8 = 0x04;
const MAIL: [&str; 2] = ["192.0.2.1", "2001:db8:f::1"];

/// So slow that no test waits for another one.
const fn at_once(burst: u32) -> FloodRate {
    FloodRate { rate: 1, burst }
}

fn plan() -> Plan {
    let mut plan = empty(FirewallMode::Adc);
    plan.firewall.failsafe = vec![rule("office", Action::Accept, &["10.0.9.0/24"])];
    let edge = policy(
        &mut plan,
        "edge",
        vec![rule("bad", Action::Drop, &["10.0.7.0/24"])],
    );
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(edge),
    );
    server(&mut plan, "open", &["192.0.2.9:25"], None);
    plan.firewall.flood_profiles = vec![
        FloodPlan {
            name: "mail".to_owned(),
            source: Some(at_once(3)),
            network: Some(at_once(5)),
            log: true,
        },
        FloodPlan {
            name: "all".to_owned(),
            source: None,
            network: Some(at_once(2)),
            log: false,
        },
    ];
    plan.firewall.flood = Some(FloodId(1));
    plan.virtual_servers[0].flood = Some(FloodId(0));
    plan
}

/// How many of five SYNs get through.
fn passed(bench: &mut Bench, src: &str, dst: &str, port: u16) -> usize {
    let frame = tcp(src, dst, port, SYN).bytes();
    (0..5)
        .filter(|_| bench.stand.run(&frame).expect("the program runs") == 2)
        .count()
}

fn packets(counters: &Counters, context: &str, rule: &str, verdict: Word) -> u64 {
    let rows = counters.rows.iter().filter(|row| {
        row.label.context == context && row.label.rule == rule && row.label.verdict == verdict
    });
    rows.map(|row| row.count.packets).sum()
}

#[test]
fn sources_and_networks_are_held_to_their_rates() {
    let mut bench = Bench::new(&plan());
    let [v4, v6] = MAIL;
    for (dst, first, neighbours, other) in [
        (v4, "10.0.0.1", ["10.0.0.2", "10.0.0.3"], "10.0.1.1"),
        (
            v6,
            "2001:db8:1:1::1",
            ["2001:db8:1:2::1", "2001:db8:1:3::1"],
            "2001:db8:2::1",
        ),
    ] {
        assert_eq!(passed(&mut bench, first, dst, 25), 3, "{first}");
        assert_eq!(passed(&mut bench, neighbours[0], dst, 25), 2, "of five");
        assert_eq!(passed(&mut bench, neighbours[1], dst, 25), 0);
        assert_eq!(passed(&mut bench, other, dst, 25), 3, "{other}");
    }
    // The /64 is one.
    assert_eq!(passed(&mut bench, "2001:db8:1:1::99", v6, 25), 0);
    // The firewall's own for who has none, and each context counts for itself.
    assert_eq!(passed(&mut bench, "10.0.0.1", "192.0.2.9", 25), 2);
    assert_eq!(passed(&mut bench, "10.0.0.1", "192.0.2.77", 22), 2);
    // Failsafe is not held to anything, and what is dropped anyway takes nothing.
    assert_eq!(passed(&mut bench, "10.0.9.1", v4, 25), 5);
    assert_eq!(passed(&mut bench, "10.0.7.1", v4, 25), 0);

    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let of = |context, rule, verdict| packets(&counters, context, rule, verdict);
    let mail = "virtual-server:mail";
    // Of each family: 2 of the first, 3 and 5 of its neighbours, 2 of another; and the /64.
    assert_eq!(of(mail, "flood", Word::Drop), 2 * (2 + 3 + 5 + 2) + 5);
    assert_eq!(of("virtual-server:open", "flood", Word::Drop), 3);
    assert_eq!(of("host", "flood", Word::Drop), 3);
    assert_eq!(of(mail, "bad", Word::Drop), 5);
    assert_eq!(of("failsafe", "office", Word::Accept), 5);
}

#[test]
fn only_what_begins_a_connection_is_counted() {
    let mut bench = Bench::new(&plan());
    let [v4, _] = MAIL;
    for flags in [ACK, SYN | ACK, SYN | RST, RST, 0] {
        let frame = tcp("10.0.0.1", v4, 25, flags).bytes();
        for _ in 0..10 {
            assert_eq!(bench.stand.run(&frame).expect("it runs"), 2, "{flags:#x}");
        }
    }
    let frame = udp("10.0.0.1", v4, 9, 25).bytes();
    for _ in 0..10 {
        assert_eq!(bench.stand.run(&frame).expect("it runs"), 2);
        let syn = tcp("10.0.0.1", v4, 25, SYN).bytes();
        bench.stand.explain(&syn).expect("it explains");
    }
    assert_eq!(passed(&mut bench, "10.0.0.1", v4, 25), 3);
    // Another plan with the same names goes on where this one was.
    bench.replan(&plan());
    assert_eq!(passed(&mut bench, "10.0.0.1", v4, 25), 0);
}

#[test]
fn what_is_dropped_is_told_if_asked() {
    let mut bench = Bench::new(&plan());
    let syn = tcp("10.0.0.1", MAIL[0], 25, SYN).bytes();
    for _ in 0..3 {
        bench.stand.run(&syn).expect("it runs");
        assert!(bench.event().is_none());
    }
    bench.stand.run(&syn).expect("it runs");
    let event = bench.event().expect("an event");
    assert_eq!(event.verdict, Verdict::Drop as u8);
    assert_eq!(event.reason, Reason::Flood as u8);
    let label = bench.compiled.slots.label(event.slot).expect("a label");
    assert_eq!(label.virtual_server(), Some("mail"));
    assert_eq!(
        (label.policy.as_str(), label.rule.as_str()),
        ("flood(mail)", "flood")
    );
}

#[test]
fn limits_leave_the_default_alone() {
    for (default, limited, word) in [
        (Action::Drop, false, Word::Drop),
        (Action::Drop, true, Word::Drop),
        (Action::Reject, false, Word::Reject),
        (Action::Reject, true, Word::Reject),
    ] {
        let mut plan = plan();
        plan.firewall.mode = FirewallMode::Firewall;
        plan.firewall.default = default;
        if !limited {
            plan.firewall.flood = None;
            plan.virtual_servers[0].flood = None;
        }
        let mut bench = Bench::new(&plan);
        let frame = tcp("10.0.1.1", "192.0.2.9", 25, SYN).bytes();
        bench.stand.run(&frame).expect("the program runs");
        let counters = bench.stand.counters(&bench.compiled).expect("counters");
        assert_eq!(
            packets(&counters, "virtual-server:open", "default", word),
            1,
            "{default:?}, limited: {limited}"
        );
        sums_hold(&counters);
    }
}
