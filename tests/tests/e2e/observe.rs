//! What an operator can see.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use smtp_lb::admin::api::Explanation;
use smtp_lb_tests::flood;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, knock, packets, send, sinks, with};
use crate::over_both;

over_both! {
    fn explain_says_which_rule_decides(family: Family) {
        let site = Site::new().unwrap();
        let host = Host::start(&site, family);
        let before = host.counters();
        let service = family.outer().to_string();
        for (source, port, verdict, rule) in [
            (family.trusted(), "25", "accept", "trusted"),
            (family.untrusted(), "25", "drop", "others"),
            (family.trusted(), "26", "drop", "default"),
        ] {
            let source = source.to_string();
            let arguments = [
                "firewall", "explain", "--src", &source, "--dst", &service, "--dport", port,
            ];
            let explained: Explanation = host.cli().json(&arguments).unwrap();
            assert_eq!(explained.verdict, verdict, "{explained:?}");
            let label = explained.label.clone().unwrap();
            assert_eq!(label.rule, rule, "{explained:?}");
            let text = host.cli().text(&arguments).unwrap();
            assert!(text.contains(verdict) && text.contains(rule), "{text}");
        }
        let after = host.counters();
        for rule in ["trusted", "others"] {
            assert_eq!(
                packets(&after, rule),
                packets(&before, rule),
                "made-up packets are not counted"
            );
        }
    }

    fn events_can_be_followed_and_lie_in_the_file(family: Family) {
        let site = Site::new().unwrap();
        let host = Host::start(&site, family);
        let mut follow = site
            .host
            .command(smtp_lb_tests::daemon::binary().unwrap())
            .arg("--socket")
            .arg(host.files.socket())
            .args(["events", "follow", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
        // Until one comes: the follower may not be there yet for the first.
        let line = until("an event", LONG, || {
            knock(&site, family);
            let found = fs::read_to_string(host.files.events())?.contains("\"others\"");
            Ok(found.then(|| lines.next()))
        })
        .unwrap()
        .unwrap()
        .unwrap();
        follow.kill().unwrap();
        follow.wait().unwrap();
        let followed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(followed.is_object(), "{line}");
        let file = fs::read_to_string(host.files.events()).unwrap();
        let told = file
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|event| event["rule"] == "others")
            .unwrap();
        assert_eq!(told["event"], "firewall");
        assert_eq!(told["action"], "drop");
        assert_eq!(told["src_ip"], family.untrusted().to_string());
        assert_eq!(told["dest_port"], 25);
    }

    fn top_shows_the_busiest_rule_first(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        let done = AtomicBool::new(false);
        let top: serde_json::Value = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Longer than one look, and not for ever.
                for _ in 0..200 {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    flood::syn(&site.outside, &[family.untrusted()], family.service(), 500).unwrap();
                }
            });
            let top = host.cli().json(&["firewall", "top", "--once", "--interval", "500ms"]);
            done.store(true, Ordering::Relaxed);
            top.unwrap()
        });
        let rate = |of: &serde_json::Value| of["packets_per_second"].as_f64().unwrap();
        let busiest = &top["rules"][0];
        assert_eq!((&busiest["rule"], &busiest["verdict"]), (&"others".into(), &"drop".into()));
        assert!(rate(busiest) > 0.0);
        let totals = top["totals"].as_array().unwrap();
        let of = |verdict: &str| rate(totals.iter().find(|it| it["verdict"] == verdict).unwrap());
        assert!(of("drop") >= rate(busiest) * 0.999);
        assert!((of("received") - of("drop") - of("accept")).abs() < 1.0, "{top}");
    }

    fn counters_add_up_under_a_flood(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let text = with(&files.text(family), "event_rate = 1000", "event_rate = 10");
        let text = with(&text, "event_burst = 1000", "event_burst = 20");
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let before = host.counters();
        let sources = [family.untrusted()];
        let sent = flood::syn(&site.outside, &sources, family.service(), 20_000).unwrap();
        send(&site, family, "after the rain");
        let after = host.counters();
        let dropped = packets(&after, "others") - packets(&before, "others");
        assert_eq!(dropped, sent);
        let events = &after.events;
        assert!(events.rate_limited > sent / 2, "{events:?}");
        assert!(events.sent - before.events.sent >= 20, "{events:?}");
        assert_eq!(events.ring_full, 0);
        assert_eq!(sinks.iter().map(smtp_lb_tests::smtp_server::SmtpServer::messages).sum::<usize>(), 1);
    }
}
