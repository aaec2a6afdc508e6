//! Events: rationed by rule, bounded by the ring, every one accounted for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use smtp_lb::config::plan::{Action, FirewallMode};
use smtp_lb::config::{SystemResolver, parse};
use smtp_lb::event::ring::{Reader, SlotName};
use smtp_lb::event::{Pipeline, Routes};
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

/// A ring that overflows, a rule whose rate is used up, a reader that comes late: what became of every packet
/// that asked for an event is known, to the line of the file.
#[test]
fn from_the_packet_to_the_line_every_event_is_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events");
    let text = format!(
        "[firewall]\nmode = \"adc\"\nlog_profile = \"p\"\nevent_rate = 1\nevent_burst = 100000\n\
         [[firewall.policy]]\nname = \"edge\"\n\
         [[firewall.policy.rule]]\nname = \"all\"\naction = \"drop\"\nlog = true\n\
         [log]\n[[log.destination]]\nname = \"d\"\ntype = \"file\"\npath = \"{}\"\nqueue = 200000\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"d\"]\n\
         [[log.profile]]\nname = \"p\"\npublisher = \"all\"\n\
         [[virtual_server]]\nname = \"mail\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
         firewall_policy = \"edge\"\n[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n",
        path.display()
    );
    let plan = parse("events", &text, &SystemResolver)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .plan;
    let mut bench = Bench::new(&plan);
    let frame = tcp("10.1.0.1", "192.0.2.1", 25, SYN).bytes();
    // Nobody reads yet. Whichever CPUs run it, more than all rings hold.
    let (chunk, cpus) = (40_000, u32::try_from(num_cpus()).expect("a number"));
    let mut runs = chunk * cpus;
    bench.stand.time(&frame, runs).expect("runs");
    let slots = bench.compiled.slots.clone();
    let name = move |slot| {
        let label = slots.label(slot)?;
        Some(SlotName {
            virtual_server: label.virtual_server().unwrap_or_default().into(),
            policy: label.policy.into(),
            rule: label.rule.into(),
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let status = runtime.block_on(async {
        let routes = Routes::from_plan(&plan);
        let (pipeline, bus) =
            Pipeline::start(&plan.log, routes, &Arc::default()).expect("a pipeline");
        let rings = bench.stand.rings().expect("rings");
        let reader = Reader::start(rings, Box::new(name), Box::new(|_| None), bus);
        let reader = reader.expect("a reader");
        // Until the rate is used up, and then some. What comes last is still in the ring at the stop.
        while bench
            .stand
            .counters(&bench.compiled)
            .expect("counters")
            .events
            .rate_limited
            == 0
        {
            bench.stand.time(&frame, chunk / 2).expect("runs");
            runs += chunk / 2;
        }
        reader.stop();
        pipeline.shutdown(Duration::from_mins(1)).await
    });
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let events = counters.events;
    assert_eq!(events.asked, u64::from(runs));
    assert_eq!(
        events.asked,
        events.sent + events.rate_limited + events.ring_full
    );
    assert!(
        events.ring_full > 0 && events.rate_limited > 0,
        "{events:?}"
    );
    assert_eq!(status.bus.accepted + status.bus.lost, events.sent);
    assert_eq!(status.publisher.published, status.bus.accepted);
    let destination = &status.destinations[0];
    assert_eq!(destination.offered, status.publisher.published);
    assert_eq!(
        destination.offered,
        destination.sent + destination.lost.total()
    );
    let lines = std::fs::read_to_string(&path).expect("a file");
    assert_eq!(lines.lines().count() as u64, destination.sent);
    assert!(lines.lines().all(|line| line.contains("\"rule\":\"all\"")));
}

fn num_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
