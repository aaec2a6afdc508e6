//! Mail goes on while one core is flooded with packets that the filter blocks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use smtp_lb_tests::flood;
use smtp_lb_tests::site::{Family, Site};

use crate::host::{Host, arrived, packets, send, sinks};
use crate::over_both;

/// Quiet and flooded by turns, so often.
const ROUNDS: usize = 5;
/// Messages of each.
const MESSAGES: usize = 60;
/// Packets of a burst; a flood ends by itself after so many bursts.
const BURST: u32 = 1_000;
const BURSTS: usize = 20_000;

/// Floods from one core, on which the kernel takes what comes, too, for as long as `meanwhile` takes.
fn flooded<T>(site: &Site, family: Family, sent: &AtomicU64, meanwhile: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut one = CpuSet::new();
            one.set(0);
            sched_setaffinity(None, &one).unwrap();
            for _ in 0..BURSTS {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let sources = [family.untrusted()];
                let burst = flood::syn(&site.outside, &sources, family.service(), BURST).unwrap();
                sent.fetch_add(burst, Ordering::Relaxed);
            }
        });
        let result = meanwhile();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Sends messages, each in a session of its own; how long each took.
fn messages(site: &Site, family: Family, name: &str, digests: &mut Vec<u64>) -> Vec<Duration> {
    (0..MESSAGES)
        .map(|number| {
            let begun = Instant::now();
            digests.push(send(site, family, &format!("{name} {number}")));
            begun.elapsed()
        })
        .collect()
}

/// The least that so many of a hundred do not pass.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100) - 1]
}

over_both! {
    /// What it takes is shown, and no more: two cores that others use, too, are no place to hold a time to a bound.
    fn no_mail_is_lost_or_refused(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let before = packets(&host.counters(), "others");
        let (mut digests, sent) = (Vec::new(), AtomicU64::new(0));
        let (mut quiet, mut busy) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            quiet.extend(messages(&site, family, &format!("quiet {round}"), &mut digests));
            let name = format!("flooded {round}");
            busy.extend(flooded(&site, family, &sent, || {
                messages(&site, family, &name, &mut digests)
            }));
        }
        digests.sort_unstable();
        assert_eq!(arrived(&sinks), digests, "each message once and whole");
        let blocked = packets(&host.counters(), "others") - before;
        let sent = sent.into_inner();
        assert!(blocked > 0 && blocked <= sent, "{blocked} blocked of {sent}");
        for percent in [50, 99] {
            let (quiet, busy) = (percentile(&mut quiet, percent), percentile(&mut busy, percent));
            let ratio = busy.as_secs_f64() / quiet.as_secs_f64();
            eprintln!("p{percent}: quiet {quiet:?}, flooded {busy:?}, ratio {ratio:.2}");
        }
        eprintln!("{sent} packets sent meanwhile, {blocked} of them counted as blocked");
    }
}
