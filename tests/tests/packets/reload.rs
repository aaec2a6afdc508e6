//! Swapping images: atomic, and counters stay with their names.

use smtp_lb::config::plan::{Action, FirewallMode};
use smtp_lb::firewall::read_names;

use super::frames::{SYN, tcp};
use super::plans::{empty, policy, rule, server};
use super::stand::Bench;

#[test]
fn counters_of_rules_that_stay_go_on() {
    let make = |rules| {
        let mut plan = empty(FirewallMode::Firewall);
        let edge = policy(&mut plan, "edge", rules);
        server(&mut plan, "mail", &["192.0.2.1:25"], Some(edge));
        plan
    };
    let bad = || rule("bad", Action::Drop, &["10.66.0.0/16"]);
    let good = || rule("good", Action::Accept, &["10.0.0.0/8"]);
    let mut bench = Bench::new(&make(vec![bad(), good()]));
    let frame = tcp("10.66.0.1", "192.0.2.1", 25, SYN).bytes();
    for _ in 0..5 {
        bench.kernel(&frame);
    }
    // One before it, and the order turned.
    let new = rule("new", Action::Drop, &["172.16.0.0/12"]);
    bench.replan(&make(vec![new, bad(), good()]));
    bench.kernel(&frame);
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    let row = counters
        .rows
        .iter()
        .find(|row| row.label.rule == "bad")
        .expect("there");
    assert_eq!(row.count.packets, 6);
    // A rule that is gone remains in the sums; one that changed its action is another.
    let turned = rule("bad", Action::Accept, &["10.66.0.0/16"]);
    bench.replan(&make(vec![turned]));
    assert!(bench.kernel(&frame).starts_with("accept policy"));
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    let both: Vec<u64> = counters
        .rows
        .iter()
        .filter(|row| row.label.rule == "bad")
        .map(|row| row.count.packets)
        .collect();
    assert_eq!(both, [6, 1]);
}

#[test]
fn an_image_names_its_slots() {
    let bench = Bench::new(&super::table::plan(FirewallMode::Adc));
    assert_eq!(read_names(&bench.compiled.lines), bench.compiled.slots);
    assert!(bench.compiled.slots.iter().count() > 10);
}
