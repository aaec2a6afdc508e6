//! IP reputation: feeds from files and over HTTPS, and entries for a time.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use smtp_lb::admin::api::{
    AddedList, AddressStatus, FeedState, FeedStatus, Refreshed, ReputationStatus,
};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::connect;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, packets, send, sinks, with};
use crate::over_both;

mod feedback;
mod https;
mod swaps;

/// Addresses that nobody here has, one to a line.
fn filler(count: u8) -> String {
    let lines: Vec<String> = (1..=count)
        .map(|last| format!("198.51.100.{last}\n"))
        .collect();
    lines.concat()
}

/// The configuration of the family, with feeds and a policy that drops what they list.
fn text(files: &Files, family: Family, feeds: &str) -> String {
    let text = with(
        &files.text(family),
        "mode = \"firewall\"",
        "mode = \"firewall\"\nreputation = \"all\"",
    );
    format!("{text}\n{feeds}\n[[reputation.policy]]\nname = \"all\"\n")
}

fn feed_file(files: &Files, name: &str) -> PathBuf {
    files.folder.path().join(name)
}

/// A feed from a file that is looked at each second.
fn of_file(files: &Files, name: &str, category: &str) -> String {
    let path = feed_file(files, name);
    format!(
        "[[reputation.feed]]\nname = \"{name}\"\nsource = \"{}\"\ncategory = \"{category}\"\n\
         interval = \"1s\"\n",
        path.display()
    )
}

/// Replaces a feed as careful tools do.
fn put(files: &Files, name: &str, text: &str) {
    let beside = feed_file(files, "beside");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, feed_file(files, name)).unwrap();
}

fn reputation(host: &Host) -> ReputationStatus {
    host.cli().json(&["reputation", "status"]).unwrap()
}

fn feed(host: &Host, name: &str) -> FeedStatus {
    let feeds = reputation(host).feeds;
    feeds.into_iter().find(|feed| feed.name == name).unwrap()
}

fn await_feed(host: &Host, name: &str, what: &str, is: impl Fn(&FeedStatus) -> bool) -> FeedStatus {
    let found = until(format!("{name} {what}"), LONG, || {
        Ok(Some(feed(host, name)).filter(&is))
    });
    found.unwrap_or_else(|error| panic!("{error:#}: {:?}", feed(host, name)))
}

fn show(host: &Host, family: Family) -> AddressStatus {
    let address = family.trusted().to_string();
    host.cli().json(&["reputation", "show", &address]).unwrap()
}

/// Whether the client that the policy trusts gets in.
fn gets_in(site: &Site, family: Family) -> bool {
    let bound = Duration::from_millis(300);
    connect(
        Some(&site.outside),
        Some(family.trusted()),
        family.service(),
        bound,
    )
    .is_ok()
}

over_both! {
    fn feeds_of_files_come_into_force_change_and_are_kept(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let files = Files::new();
        let client = family.trusted();
        let listed = format!("; a list\n{}{client} # the client\n", filler(9));
        put(&files, "bad", &listed);
        put(&files, "worse", &format!("{client}\n"));
        let feeds = of_file(&files, "bad", "spam") + &of_file(&files, "worse", "bots");
        let config = text(&files, family, &feeds);
        let mut host = Host::start_with(&site, files, &config);
        // From the first packet on.
        assert!(!gets_in(&site, family));
        let shown = show(&host, family);
        let names: Vec<(&str, &str)> = shown
            .feeds
            .iter()
            .map(|it| (it.feed.as_str(), it.category.as_str()))
            .collect();
        assert_eq!(names, [("bad", "spam"), ("worse", "bots")]);
        assert!(shown.verdicts.iter().all(|it| it.action == "drop"), "{shown:?}");
        let both = feed(&host, "bad").hits;
        assert!(both.dropped > 0 && both.alone == 0, "{both:?}");

        // Each alone counts what it alone does.
        put(&host.files, "worse", "203.0.113.1\n");
        await_feed(&host, "worse", "is looked at", |it| it.looks > 1 && it.taken.is_some()
            && it.hits.dropped > 0);
        until("one feed alone", LONG, || {
            Ok((show(&host, family).feeds.len() == 1).then_some(()))
        })
        .unwrap();
        assert!(!gets_in(&site, family));
        let (bad, worse) = (feed(&host, "bad").hits, feed(&host, "worse").hits);
        assert!(bad.alone > 0 && bad.alone < bad.dropped, "{bad:?}");
        assert_eq!((worse.dropped, worse.alone), (both.dropped, 0));
        let status = reputation(&host);
        let spam = status.categories.iter().find(|it| it.name == "spam").unwrap();
        assert_eq!(spam.hits.dropped, bad.dropped);

        // What is no feed, and what changes too much, is refused.
        put(&host.files, "bad", "<html>\n<p>not a feed</p>\n");
        let failed = await_feed(&host, "bad", "refused", |it| it.state == FeedState::Failed);
        assert!(!gets_in(&site, family), "the last good one stays: {failed:?}");
        put(&host.files, "bad", "198.51.100.77\n");
        let refused = await_feed(&host, "bad", "refused", |it| {
            it.last_error.as_ref().is_some_and(|it| it.contains("max_change"))
        });
        assert_eq!((refused.state, refused.lines), (FeedState::Failed, 10));
        assert!(!gets_in(&site, family));
        let said = host.cli().text(&["reputation", "status"]).unwrap();
        assert!(said.contains("10 %") || said.contains("50 %"), "{said}");

        // A daemon that finds no source goes by what was kept, though nothing is pinned.
        host.daemon.stop(LONG).unwrap();
        let pins = host.files.pins.path().to_str().unwrap();
        host.cli().text(&["firewall", "detach", "--pin-path", pins]).unwrap();
        assert!(!host.files.pins.path().exists(), "nothing is pinned");
        fs::remove_file(feed_file(&host.files, "bad")).unwrap();
        host.restart(&site);
        let kept = feed(&host, "bad");
        assert_eq!((kept.state, kept.lines), (FeedState::Failed, 10), "{kept:?}");
        assert!(kept.last_error.unwrap().contains("cannot read"));
        assert!(!gets_in(&site, family));

        // An operator takes it whatever it is.
        put(&host.files, "bad", "198.51.100.77\n");
        let forced: Refreshed = host.cli().json(&["reputation", "refresh", "bad", "--force"]).unwrap();
        assert_eq!((forced.feeds[0].state, forced.feeds[0].lines), (FeedState::Good, 1));
        host.await_member("mx1", "up");
        assert!(gets_in(&site, family));
        send(&site, family, "let-in");
        let counters = host.counters();
        assert!(packets(&counters, "trusted") > 0);
        let told = until("events", LONG, || {
            let events = fs::read_to_string(host.files.events())?;
            let event = events.lines().find(|it| it.contains("\"reputation\"")).map(str::to_owned);
            Ok(event.filter(|_| events.contains("reputation_feed_failed")))
        })
        .unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["src_ip"], client.to_string());
        assert_eq!(told["rule"], "spam", "the category");
        assert_eq!(told["feeds"], "bad,worse");
    }

    fn entries_for_a_time_end_by_themselves_and_outlive_the_daemon(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let files = Files::new();
        let untrusted = family.untrusted();
        let config = format!(
            "{}category = [{{ name = \"abuse\", action = \"drop\" }}]\n\
             [reputation]\nallow = [\"{untrusted}\"]\n",
            text(&files, family, "")
        );
        let config = with(&config, "[[firewall.policy]]\n",
            "[[firewall.failsafe]]\nname = \"office\"\nsource = [\"192.0.2.0/24\"]\n\
             [[firewall.policy]]\n");
        let mut host = Host::start_with(&site, files, &config);
        assert!(gets_in(&site, family));
        let client = family.trusted().to_string();
        let add = |host: &Host, address: &str, time: &str| {
            let arguments = [
                "reputation", "add", address, "--for", time, "--category", "abuse", "--reason",
                "sent junk",
            ];
            host.cli().text(&arguments)
        };
        add(&host, &client, "2s").unwrap();
        assert!(!gets_in(&site, family));
        until("the end of its time", LONG, || Ok(gets_in(&site, family).then_some(()))).unwrap();
        let list: AddedList = host.cli().json(&["reputation", "added"]).unwrap();
        assert_eq!(list.entries, []);

        for (address, why) in [
            (untrusted.to_string(), "trusted"),
            ("192.0.2.7".to_owned(), "trusted"),
            ("10.0.0.0/7".to_owned(), "too wide"),
        ] {
            let refused = add(&host, &address, "1h").unwrap_err();
            assert!(format!("{refused:#}").contains(why), "{refused:#}");
        }

        add(&host, &client, "1h").unwrap();
        let shown = show(&host, family);
        assert_eq!(shown.added[0].reason, "sent junk");
        assert_eq!(shown.added[0].category, "abuse");
        assert!((3_590..=3_600).contains(&shown.added[0].left), "{shown:?}");
        assert!(!gets_in(&site, family));
        assert!(reputation(&host).added.hits.dropped > 0);

        // By the file, as nothing stays pinned.
        host.daemon.stop(LONG).unwrap();
        let pins = host.files.pins.path().to_str().unwrap();
        host.cli().text(&["firewall", "detach", "--pin-path", pins]).unwrap();
        assert!(!host.files.pins.path().exists(), "nothing is pinned");
        host.restart(&site);
        assert!(!gets_in(&site, family));
        assert_eq!(show(&host, family).added[0].reason, "sent junk");
        host.cli().text(&["reputation", "remove", &client]).unwrap();
        assert!(gets_in(&site, family));
        assert!(host.cli().text(&["reputation", "remove", &client]).is_err(), "there is none");
    }
}
