//! Reloads, all or nothing.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, arrived, knock, packets, send, session, sinks, with};
use crate::over_both;

over_both! {
    fn under_load_no_session_is_lost(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let first = host.files.text(family);
        // Another rule, another monitor, another limit: every part has something to change.
        let second = with(&first, "[[firewall.policy.rule]]\nname = \"others\"", "\
[[firewall.policy.rule]]
name = \"nobody\"
source = [\"192.0.2.1\", \"2001:db8::1\"]
action = \"drop\"

[[firewall.policy.rule]]
name = \"others\"");
        let second = with(&second, "interval = \"200ms\"", "interval = \"150ms\"");
        let second = with(&second, "log_profile = \"all\"\n\n[[pool]]", "\
log_profile = \"all\"

[virtual_server.limits]
connections = 5000

[[pool]]");

        let mut old: Vec<_> = (0..20).map(|_| session(&site, family)).collect();
        let stop = AtomicBool::new(false);
        let mut sent = thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let (site, stop) = (&site, &stop);
                    scope.spawn(move || {
                        let mut sent = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            sent.push(send(site, family, &format!("{sender}-{}", sent.len())));
                        }
                        sent
                    })
                })
                .collect();
            let begin = Instant::now();
            let mut reloads = 0;
            while begin.elapsed() < Duration::from_secs(3) || reloads < 6 {
                let text = if reloads % 2 == 0 { &second } else { &first };
                fs::write(host.files.config(), text).unwrap();
                host.cli().text(&["reload"]).unwrap();
                let listed = host.cli().text(&["firewall", "list"]).unwrap();
                assert_eq!(listed.contains("nobody"), reloads % 2 == 0, "{listed}");
                reloads += 1;
            }
            stop.store(true, Ordering::Relaxed);
            senders
                .into_iter()
                .flat_map(|sender| sender.join().unwrap())
                .collect::<Vec<u64>>()
        });
        for (number, client) in old.iter_mut().enumerate() {
            let message = Message::new(&format!("old-{number}"), 1000);
            client.send(&message).unwrap();
            sent.push(message.digest());
        }
        for client in old {
            client.quit().unwrap();
        }
        sent.sort_unstable();
        assert!(sent.len() > 40, "{} messages under load", sent.len());
        assert_eq!(arrived(&sinks), sent);
    }

    fn counters_and_member_states_survive(family: Family) {
        let site = Site::new().unwrap();
        let mut sinks = sinks(&site, family);
        let mut host = Host::start(&site, family);
        host.await_member("mx2", "up");
        sinks[0].stop();
        let down = host.await_member("mx1", "down");
        knock(&site, family);
        send(&site, family, "before");
        let before = host.counters();
        let total = host.member("mx2").total;

        // By signal this time; the new rule shows when it is done.
        let text = with(&host.files.text(family), "name = \"trusted\"", "name = \"friends\"");
        fs::write(host.files.config(), text).unwrap();
        host.daemon.process().signal(Signal::HUP).unwrap();
        until("the new rule", LONG, || {
            let listed = host.cli().text(&["firewall", "list"])?;
            Ok(listed.contains("friends").then_some(()))
        })
        .unwrap();

        let after = host.counters();
        assert!(after.received.packets >= before.received.packets);
        assert_eq!(
            packets(&after, "others"),
            packets(&before, "others")
        );
        let member = host.member("mx1");
        assert_eq!((member.state.as_str(), member.since), ("down", down.since));
        assert!(host.member("mx2").total >= total);
    }

    fn an_invalid_one_changes_nothing_and_says_why(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let mut host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let mut old = session(&site, family);
        let list = || host.cli().json::<serde_json::Value>(&["firewall", "list"]).unwrap();
        let rules = |listed: &serde_json::Value| {
            let mut text = Vec::new();
            for context in listed["contexts"].as_array().unwrap() {
                for rule in context["rules"].as_array().unwrap() {
                    text.push(format!("{} {} {}", context["context"], rule["rule"], rule["matches"]));
                }
            }
            text
        };
        let before = rules(&list());

        let text = with(&host.files.text(family), "action = \"drop\"", "action = \"dorp\"");
        let text = with(&text, "pool = \"mx\"", "pool = \"xm\"");
        fs::write(host.files.config(), text).unwrap();
        let output = host.cli().output(&["reload"]).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("dorp") && said.contains("drop"), "{said}");
        assert_eq!(rules(&list()), before);

        // By signal, too; the log says why.
        host.daemon.process().signal(Signal::HUP).unwrap();
        let process = host.daemon.process();
        until("a word in the log", LONG, || {
            Ok(process.log().contains("dorp").then_some(()))
        })
        .unwrap();
        old.send(&Message::new("old", 100)).unwrap();
        old.quit().unwrap();
        send(&site, family, "new");
        knock(&site, family);
        assert_eq!(arrived(&sinks).len(), 2);
    }
}
