//! Rates of staged rules: their own, and none of the enforced ones' is used up for them.

use smtp_lb::config::plan::{Action, FirewallMode, Plan, RulePlan, RuleRate};

use super::super::super::frames::{SYN, tcp};
use super::super::super::plans::{empty, policy, rule};
use super::super::super::stand::{Bench, sums_hold};

const PASS: u32 = 2;
const DROP: u32 = 1;

/// So many packets at once, and another one in so long that the test is over by then.
fn few(name: &str, action: Action, packets: u32) -> RulePlan {
    let mut few = rule(name, action, &[]);
    few.rate = Some(RuleRate {
        packets,
        seconds: 3_600,
    });
    few
}

/// `rule: same/otherwise` of the staged rules that were compared.
fn compared(bench: &Bench) -> Vec<String> {
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let mut found = std::collections::BTreeMap::new();
    let staged = |policy: &str| policy.starts_with("staged");
    for row in counters.beside.iter().filter(|it| staged(&it.label.policy)) {
        let both: &mut [u64; 2] = found.entry(row.label.rule.clone()).or_default();
        both[usize::from(row.label.policy.contains("otherwise"))] += row.count.packets;
    }
    let rows = found.into_iter();
    rows.map(|(rule, [same, otherwise])| format!("{rule}: {same}/{otherwise}"))
        .collect()
}

#[test]
fn a_staged_rate_is_kept_beside_the_enforced_one() {
    let mut plan = empty(FirewallMode::Adc);
    let rest = || rule("rest", Action::Drop, &[]);
    let enforced = vec![few("some", Action::Accept, 4), rest()];
    let staged = vec![few("some", Action::Accept, 2), rest()];
    let host = policy(&mut plan, "now", enforced);
    let next = policy(&mut plan, "next", staged);
    plan.firewall.host_policy = Some(host);
    plan.firewall.staged_host_policy = Some(next);
    let mut bench = Bench::new(&plan);
    let frame = tcp("10.0.0.1", "192.0.2.1", 25, SYN).bytes();
    let mut run = |times: usize| {
        let mut actions = Vec::new();
        for _ in 0..times {
            // What is asked uses up nothing of either.
            bench.stand.explain(&frame).expect("it explains");
            actions.push(bench.stand.run(&frame).expect("it runs"));
        }
        (actions, compared(&bench))
    };
    assert_eq!(
        run(6),
        (
            vec![PASS, PASS, PASS, PASS, DROP, DROP],
            ["default: 0/0", "rest: 2/2", "some: 2/0"]
                .map(str::to_owned)
                .to_vec()
        )
    );
}

/// The enforced global policy drops, the staged one would let on: what the own policy, which is not asked,
/// would say is found without using up its rate.
#[test]
fn no_rate_of_an_enforced_rule_is_used_up() {
    let mut plan: Plan = empty(FirewallMode::Adc);
    let bad = rule("bad", Action::Drop, &["10.66.0.0/16"]);
    let global = policy(&mut plan, "now", vec![bad]);
    let next = policy(&mut plan, "next", vec![]);
    let own = policy(
        &mut plan,
        "own",
        vec![
            few("some", Action::Accept, 2),
            rule("rest", Action::Drop, &[]),
        ],
    );
    plan.firewall.global_policy = Some(global);
    plan.firewall.staged_global_policy = Some(next);
    plan.firewall.host_policy = Some(own);
    let mut bench = Bench::new(&plan);
    let mut run = |from: &str| {
        let frame = tcp(from, "192.0.2.1", 25, SYN).bytes();
        bench.stand.run(&frame).expect("it runs")
    };
    for _ in 0..5 {
        assert_eq!(run("10.66.0.1"), DROP);
    }
    // All of the rate is there yet.
    assert_eq!(
        [run("10.0.0.1"), run("10.0.0.1"), run("10.0.0.1")],
        [PASS, PASS, DROP]
    );
    // And now it is not.
    assert_eq!(run("10.66.0.1"), DROP);
    assert_eq!(compared(&bench), ["default: 4/5"]);
}
