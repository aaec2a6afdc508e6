//! Another program takes the place of the one in force while packets come: none is let by, none goes uncounted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use smtp_lb::admin::api::Counters;
use smtp_lb_tests::flood;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::tap::Tap;
use smtp_lb_tests::wait::LONG;

use crate::host::{Host, check, log_server, packets, sinks};
use crate::over_both;

/// Programs that take the place of another, one after the other.
const UPGRADES: usize = 6;
/// Bursts of the generator at the most, and their pause: what fits the ring between both ends of the cable.
const BURSTS: usize = 6_000;
const BURST: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// The program on the interface, as the kernel numbers it: each that was loaded has a number of its own.
fn program(site: &Site) -> String {
    let link = site
        .host
        .run("ip", &["-details", "link", "show", "ext0"])
        .unwrap();
    let id = link.split("prog/xdp id ").nth(1);
    let id = id.and_then(|rest| rest.split_whitespace().next());
    id.unwrap_or_else(|| panic!("no program: {link}"))
        .to_owned()
}

/// Counters as they are pinned, and what must hold of them though packets come; those of one CPU are read one
/// after the other, so sums hold at rest only.
fn counted(host: &Host) -> u64 {
    let pins = host.files.pins.path().display().to_string();
    let counters: Counters = host
        .cli()
        .json(&["firewall", "counters", "--pin-path", &pins])
        .unwrap();
    packets(&counters, "others")
}

over_both! {
    fn under_a_flood(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let _log = log_server(&site, family);
        let mut host = Host::start(&site, family);
        let tap = Tap::new(&site.host, family).unwrap();
        let before = packets(&host.counters(), "others");
        let done = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let generator = scope.spawn(|| {
                let mut sent = 0;
                for _ in 0..BURSTS {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let sources = [family.untrusted()];
                    sent += flood::syn(&site.outside, &sources, family.service(), BURST).unwrap();
                    thread::sleep(PAUSE);
                }
                sent
            });
            let mut programs = BTreeSet::from([program(&site)]);
            let mut last = before;
            let mut upgrade = |number: usize| {
                let meanwhile = host.daemon.process();
                if number.is_multiple_of(2) {
                    meanwhile.kill().unwrap();
                } else {
                    host.daemon.stop(LONG).unwrap();
                }
                host.restart(&site);
                let now = counted(&host);
                assert!(now >= last, "{now} counted, and {last} before");
                last = now;
                programs.insert(program(&site));
            };
            let upgraded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                (0..UPGRADES).for_each(&mut upgrade);
            }));
            done.store(true, Ordering::Relaxed);
            let sent = generator.join().unwrap();
            upgraded.unwrap();
            assert_eq!(programs.len(), UPGRADES + 1, "each a program of its own");
            sent
        });
        assert_eq!(tap.heard(family.untrusted()), 0, "none was let by");
        let counters = host.counters();
        check(&counters);
        assert_eq!(packets(&counters, "others") - before, sent, "each was counted");
        assert!(sent > 0);
    }
}
