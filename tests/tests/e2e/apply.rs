//! A firewall applied from another file: compared, put in force, confirmed or taken back.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::connect;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, arrived, knock, packets, send, sinks, with};
use crate::over_both;

/// A file beside the configuration.
fn file(host: &Host, name: &str, text: &str) -> PathBuf {
    let path = host.files.folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// The configuration with a firewall that lets everybody in.
fn open(host: &Host, family: Family) -> String {
    with(
        &host.files.text(family),
        "name = \"others\"\naction = \"drop\"",
        "name = \"guests\"\naction = \"accept\"",
    )
}

/// Nothing but its `[firewall]` tables.
fn firewall_alone(text: &str) -> String {
    let start = text.find("[firewall]").unwrap();
    let end = text.find("[[virtual_server]]").unwrap();
    text[start..end].to_owned()
}

/// Whether the untrusted client gets in.
fn is_open(site: &Site, family: Family) -> bool {
    let from = Some(family.untrusted());
    let bound = Duration::from_millis(300);
    connect(Some(&site.outside), from, family.service(), bound).is_ok()
}

fn events(host: &Host) -> String {
    fs::read_to_string(host.files.events()).unwrap()
}

over_both! {
    fn what_nobody_confirms_is_taken_back_under_traffic(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        knock(&site, family);
        let before = host.counters();
        let new = file(&host, "new.toml", &firewall_alone(&open(&host, family)));
        let new = new.to_str().unwrap();

        let dry = host.cli().text(&["firewall", "apply", new, "--dry-run"]).unwrap();
        for line in [
            "~ policy mail (in virtual-server:inbound)",
            "  + rule guests, at 2: accept any, log",
            "  - rule others: drop any, log",
        ] {
            assert!(dry.contains(line), "{line}\n{dry}");
        }
        assert!(!is_open(&site, family), "a dry run changes nothing");
        // Nobody to ask, and nobody said yes.
        let output = host.cli().output(&["firewall", "apply", new]).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!is_open(&site, family));

        let stop = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut sent = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    sent.push(send(&site, family, &format!("under-way-{}", sent.len())));
                }
                sent
            });
            let arguments = ["firewall", "apply", new, "--yes", "--confirm-within", "4s"];
            let said = host.cli().text(&arguments).unwrap();
            assert!(said.contains("rolled back in 4s"), "{said}");
            assert!(is_open(&site, family), "at once");
            let status = host.status().firewall.applied.unwrap();
            assert!((1..=4).contains(&status.confirm_within.unwrap()), "{status:?}");
            // One at a time.
            let output = host.cli().output(&["firewall", "apply", new, "--yes", "--json"]).unwrap();
            // The same file changes nothing by now, so there is nothing to refuse.
            assert_eq!(output.status.code(), Some(0));
            let other = file(&host, "other.toml", "[firewall]\nlog_default = false\n\
                [[firewall.policy]]\nname = \"mail\"\n");
            let other = other.to_str().unwrap();
            let output = host.cli().output(&["firewall", "apply", other, "--yes"]).unwrap();
            assert_ne!(output.status.code(), Some(0));

            until("the former rules", LONG, || {
                Ok(host.status().firewall.applied.is_none().then_some(()))
            })
            .unwrap();
            stop.store(true, Ordering::Relaxed);
            sender.join().unwrap()
        });
        assert!(!is_open(&site, family));
        knock(&site, family);
        let listed = host.cli().text(&["firewall", "list"]).unwrap();
        assert!(listed.contains("others") && !listed.contains("guests"), "{listed}");
        let after = host.counters();
        assert!(packets(&after, "others") > packets(&before, "others"), "it counts on");
        assert!(packets(&after, "trusted") > packets(&before, "trusted"));
        assert!(packets(&after, "guests") > 0, "what it decided stays in the sums");
        let mut sent = sent;
        sent.sort_unstable();
        assert!(!sent.is_empty());
        assert_eq!(arrived(&sinks), sent);
        until("both events", LONG, || {
            let events = events(&host);
            let told = ["firewall_applied", "firewall_rolled_back"];
            Ok(told.iter().all(|what| events.contains(what)).then_some(()))
        })
        .unwrap();
        let output = host.cli().output(&["firewall", "confirm"]).unwrap();
        assert_eq!(output.status.code(), Some(9), "too late");
    }

    fn what_is_confirmed_stays_until_a_reload(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        // A whole file this time, whose firewall alone is another.
        let new = file(&host, "new.toml", &open(&host, family));
        let new = new.to_str().unwrap();
        let arguments = ["firewall", "apply", new, "--yes", "--confirm-within", "3s"];
        host.cli().text(&arguments).unwrap();
        host.cli().text(&["firewall", "confirm"]).unwrap();
        thread::sleep(Duration::from_secs(4));
        assert!(is_open(&site, family));
        let applied = host.status().firewall.applied.unwrap();
        assert_eq!((applied.file.as_str(), applied.confirm_within), (new, None));
        let listed = host.cli().text(&["firewall", "list"]).unwrap();
        assert!(listed.contains("guests") && listed.contains("new.toml"), "{listed}");

        // Taken back by hand, to what was confirmed before.
        let shut = with(&open(&host, family), "name = \"guests\"\naction = \"accept\"",
            "name = \"nobody\"\naction = \"drop\"");
        let shut = file(&host, "shut.toml", &shut);
        let shut = shut.to_str().unwrap();
        let arguments = ["firewall", "apply", shut, "--yes", "--confirm-within", "1h"];
        host.cli().text(&arguments).unwrap();
        assert!(!is_open(&site, family));
        let said = host.cli().text(&["firewall", "rollback"]).unwrap();
        assert!(said.contains("new.toml is"), "{said}");
        assert!(is_open(&site, family));

        host.cli().text(&["reload"]).unwrap();
        assert!(!is_open(&site, family), "the configuration file again");
        assert_eq!(host.status().firewall.applied, None);

        let elsewhere = with(&open(&host, family), "grace = \"5s\"", "grace = \"6s\"");
        let elsewhere = file(&host, "elsewhere.toml", &elsewhere);
        let arguments = ["firewall", "apply", elsewhere.to_str().unwrap(), "--yes"];
        let output = host.cli().output(&arguments).unwrap();
        assert_eq!(output.status.code(), Some(9));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("[general]"), "{said}");
        assert!(!is_open(&site, family));
    }

    fn an_end_within_the_time_leaves_the_former_rules(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let mut host = Host::start(&site, family);
        let new = file(&host, "new.toml", &open(&host, family));
        let new = new.to_str().unwrap();
        let arguments = ["firewall", "apply", new, "--yes", "--confirm-within", "1h"];
        host.cli().text(&arguments).unwrap();
        assert!(is_open(&site, family));
        // The filter stays when the daemon ends, so it ends with the rules from before.
        host.daemon.stop(LONG).unwrap();
        knock(&site, family);
        host.restart(&site);
        knock(&site, family);

        host.cli().text(&arguments).unwrap();
        host.daemon.process().kill().unwrap();
        host.restart(&site);
        assert_eq!(host.status().firewall.applied, None);
        knock(&site, family);
    }
}
