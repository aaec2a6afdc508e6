//! Rates of rules: within it the rule matches, past it packets go on to the next one.

use smtp_lb::config::plan::{Action, FirewallMode, Plan, RuleRate};

use super::super::frames::{SYN, tcp};
use super::super::plans::{empty, policy, rule};
use super::super::stand::{Bench, sums_hold};

/// So many packets at once, and another one in so long that the test is over by then.
fn plan(packets: u32) -> Plan {
    let mut plan = empty(FirewallMode::Firewall);
    let mut some = rule("some", Action::Accept, &["10.0.0.0/8", "2001:db8::/32"]);
    some.rate = Some(RuleRate {
        packets,
        seconds: 3_600,
    });
    let rest = rule("rest", Action::Drop, &[]);
    let host = policy(&mut plan, "p", vec![some, rest]);
    plan.firewall.host_policy = Some(host);
    plan
}

#[test]
fn a_rule_matches_within_its_rate_and_questions_use_none_of_it() {
    let mut bench = Bench::new(&plan(5));
    let frame = tcp("10.0.0.1", "192.0.2.1", 25, SYN).bytes();
    // Each is one packet and one question.
    for _ in 0..4 {
        assert_eq!(bench.kernel(&frame), "accept policy host/p/some log");
    }
    let other = tcp("2001:db8::1", "2001:db8:f::1", 25, SYN).bytes();
    let drops = 1;
    assert_eq!(bench.stand.run(&other).expect("it runs"), 2, "the fifth");
    for frame in [&frame, &other, &frame] {
        assert_eq!(
            bench.stand.run(frame).expect("it runs"),
            drops,
            "past the rate"
        );
    }
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let of = |name| {
        let row = counters.rows.iter().find(|row| row.label.rule == name);
        row.map(|row| row.count.packets)
    };
    assert_eq!((of("some"), of("rest")), (Some(5), Some(3)));
    // A rate that is used up stays so over another image.
    bench.replan(&plan(5));
    assert_eq!(bench.stand.run(&frame).expect("it runs"), drops);
}

#[test]
fn a_rate_is_of_the_rule_in_its_context() {
    let mut plan = plan(1);
    plan.firewall.global_policy = plan.firewall.host_policy;
    let mut bench = Bench::new(&plan);
    let frame = tcp("10.0.0.1", "192.0.2.1", 25, SYN).bytes();
    // The global one lets the first go on to the host's, which accepts it by its own.
    assert_eq!(bench.stand.run(&frame).expect("it runs"), 2);
    assert_eq!(bench.stand.run(&frame).expect("it runs"), 1);
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let counted: Vec<_> = counters
        .rows
        .iter()
        .chain(&counters.beside)
        .filter(|row| row.count.packets > 0)
        .map(|row| {
            let label = &row.label;
            format!("{}/{}/{}", label.context, label.policy, label.rule)
        })
        .collect();
    assert_eq!(
        counted,
        ["host/p/some", "global/p/rest", "global/passed-on(p)/some"]
    );
}
