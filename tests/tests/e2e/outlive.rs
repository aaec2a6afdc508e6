//! Enforcement outlives the daemon.

use std::thread;
use std::time::Duration;

use smtp_lb::admin::api::Counters;
use smtp_lb_tests::flood;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::tap::Tap;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, knock, log_server, packets, send, sinks};
use crate::over_both;

over_both! {
    fn killed_it_leaves_the_filter_in_force_and_counting(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let mut host = Host::start(&site, family);
        host.await_member("mx1", "up");
        knock(&site, family);
        let before = host.counters();

        host.daemon.process().kill().unwrap();
        let tap = Tap::new(&site.host, family).unwrap();
        knock(&site, family);
        let sources = [family.untrusted()];
        flood::syn(&site.outside, &sources, family.service(), 500).unwrap();
        assert_eq!(tap.heard(family.untrusted()), 0, "filtered without a daemon");
        let pins = host.files.pins.path().display().to_string();
        let meanwhile: Counters = host
            .cli()
            .json(&["firewall", "counters", "--pin-path", &pins])
            .unwrap();
        let growth = packets(&meanwhile, "others") - packets(&before, "others");
        assert!((501..=503).contains(&growth), "{growth} counted without a daemon");
        // The trusted client is let by the filter, and finds nobody.
        let refused = smtp_lb_tests::smtp_client::connect(
            Some(&site.outside),
            Some(family.trusted()),
            family.service(),
            LONG,
        )
        .unwrap_err();
        assert!(format!("{refused:#}").contains("refused"), "{refused:#}");

        host.restart(&site);
        let after = host.counters();
        let counted = packets(&after, "others") - packets(&before, "others");
        assert!((501..=503).contains(&counted), "{counted} counted");
        assert!(
            packets(&after, "trusted") >= packets(&before, "trusted"),
            "counters survive"
        );
        until("a message delivered", LONG, || {
            host.await_member("mx1", "up");
            send(&site, family, "again");
            Ok(Some(()))
        })
        .unwrap();
        assert_eq!(sinks.iter().map(smtp_lb_tests::smtp_server::SmtpServer::messages).sum::<usize>(), 1);
    }

    fn restarts_leave_no_unfiltered_packet(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let _log = log_server(&site, family);
        let mut host = Host::start(&site, family);
        let tap = Tap::new(&site.host, family).unwrap();
        let before = packets(&host.counters(), "others");
        let sent = thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let mut sent = 0;
                for _ in 0..200 {
                    let sources = [family.untrusted()];
                    sent += flood::syn(&site.outside, &sources, family.service(), 50).unwrap();
                    thread::sleep(Duration::from_millis(10));
                }
                sent
            });
            let mut restarts = 0;
            while !flood.is_finished() {
                if restarts % 2 == 0 {
                    host.daemon.stop(LONG).unwrap();
                } else {
                    host.daemon.process().kill().unwrap();
                }
                host.restart(&site);
                restarts += 1;
            }
            assert!(restarts >= 2, "{restarts} restarts within the flood");
            flood.join().unwrap()
        });
        assert_eq!(tap.heard(family.untrusted()), 0);
        let counted = packets(&host.counters(), "others") - before;
        assert_eq!(counted, sent, "each packet was counted, over all restarts");
    }
}

#[test]
fn detach_removes_all() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let _sinks = sinks(&site, family);
    let _log = log_server(&site, family);
    let mut host = Host::start(&site, family);
    host.daemon.stop(LONG).unwrap();
    assert!(
        host.files.pins.path().exists(),
        "pinned while it is stopped"
    );
    let pins = host.files.pins.path().display().to_string();
    host.cli()
        .text(&["firewall", "detach", "--pin-path", &pins])
        .unwrap();
    assert!(!host.files.pins.path().exists(), "no pin is left");
    // The kernel frees a link that nobody holds from a queue of its own, a moment later.
    until("no program at the interface", LONG, || {
        let link = site.host.run("ip", &["link", "show", "ext0"])?;
        Ok((!link.contains("xdp")).then_some(()))
    })
    .unwrap();
    let tap = Tap::new(&site.host, family).unwrap();
    flood::syn(&site.outside, &[family.untrusted()], family.service(), 10).unwrap();
    until("the flood at the host", LONG, || {
        Ok((tap.heard(family.untrusted()) > 0).then_some(()))
    })
    .unwrap();
}
