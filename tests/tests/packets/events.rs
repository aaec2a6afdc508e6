//! Events: rationed by rule, bounded by the ring, every one accounted for.

use std::collections::HashMap;

use smtp_lb::config::plan::{Action, FirewallMode};
use smtp_lb_common::abi::RING_BYTES;

use super::frames::{SYN, tcp};
use super::plans::{empty, policy, rule, server};
use super::stand::{Bench, sums_hold};

#[test]
fn each_rule_has_a_rate_of_its_own() {
    let mut plan = empty(FirewallMode::Adc);
    // One event an hour past the burst: what comes in a test is the burst alone.
    plan.firewall.event_rate = 1;
    plan.firewall.event_burst = 10;
    let mut few = rule("few", Action::Drop, &["10.2.0.0/16"]);
    few.log_rate = Some(3);
    let rules = vec![rule("many", Action::Drop, &["10.1.0.0/16"]), few];
    let edge = policy(&mut plan, "edge", rules);
    server(&mut plan, "mail", &["192.0.2.1:25"], Some(edge));
    let mut bench = Bench::new(&plan);
    for _ in 0..200 {
        for source in ["10.1.0.1", "10.2.0.1"] {
            let frame = tcp(source, "192.0.2.1", 25, SYN).bytes();
            bench.stand.run(&frame).expect("runs");
        }
    }
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let mut told: HashMap<u32, u64> = HashMap::new();
    while let Some(event) = bench.event() {
        *told.entry(event.slot).or_default() += 1;
    }
    let by_name = |name: &str| {
        let named = |slot: &&u32| bench.compiled.slots.label(**slot).expect("named").rule == name;
        told.keys().find(named).map_or(0, |slot| told[slot])
    };
    let (many, few) = (by_name("many"), by_name("few"));
    // A slow run may earn a few more than the burst.
    assert!((10..=20).contains(&many), "{many}");
    assert!((3..=30).contains(&few) && few < 200, "{few}");
    assert_eq!(counters.events.asked, 400);
    assert_eq!(counters.events.sent, many + few);
    assert_eq!(counters.events.rate_limited, 400 - many - few);
    assert_eq!(counters.events.ring_full, 0);
}

#[test]
fn a_full_ring_is_counted_and_then_read_to_the_last() {
    let mut plan = empty(FirewallMode::Adc);
    let edge = policy(&mut plan, "edge", vec![rule("all", Action::Drop, &[])]);
    server(&mut plan, "mail", &["192.0.2.1:25"], Some(edge));
    let mut bench = Bench::new(&plan);
    let frame = tcp("10.1.0.1", "192.0.2.1", 25, SYN).bytes();
    // 64 octets and a header of 8; whichever CPU runs the test, some ring overflows.
    let one_ring = RING_BYTES / 72;
    let runs = (one_ring + 10) * 2 * u32::try_from(num_cpus()).expect("a number");
    bench.stand.time(&frame, runs).expect("runs");
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let events = counters.events;
    assert_eq!(events.asked, u64::from(runs));
    assert!(events.ring_full > 0, "{events:?}");
    let mut read = 0;
    while bench.event().is_some() {
        read += 1;
    }
    assert_eq!(read, events.sent);
    bench.stand.run(&frame).expect("runs");
    assert!(bench.event().is_some(), "there is room again");
}

fn num_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
