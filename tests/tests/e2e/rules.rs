//! What rules match by beside address and port: regions, and the time.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{Timestamp, Unit};
use smtp_lb_tests::mmdb;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::connect;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, packets, with};
use crate::over_both;

/// Whether a client gets in.
fn enters(site: &Site, family: Family, from: IpAddr) -> bool {
    let bound = Duration::from_millis(300);
    connect(Some(&site.outside), Some(from), family.service(), bound).is_ok()
}

/// The configuration with another first rule.
fn instead(files: &Files, family: Family, first: &str, more: &str) -> String {
    let text = files.text(family);
    let from = text.find("name = \"trusted\"").unwrap();
    let to = text
        .find("[[firewall.policy.rule]]\nname = \"others\"")
        .unwrap();
    with(
        &format!("{}{first}\n\n{}", &text[..from], &text[to..]),
        "[firewall]\n",
        &format!("[firewall]\n{more}\n"),
    )
}

over_both! {
    fn a_region_is_its_networks_in_the_database(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let database = files.folder.path().join("country.mmdb");
        let of = |trusted, untrusted| {
            let networks = [(family.trusted(), trusted), (family.untrusted(), untrusted)];
            fs::write(&database, mmdb::countries(&networks.map(|(ip, code)| (IpNet::from(ip), code)))).unwrap();
        };
        of("DE", "FR");
        let rule = "name = \"at-home\"\nsource_regions = [\"DE\"]\naction = \"accept\"";
        let more = format!("region_database = \"{}\"", database.display());
        let text = instead(&files, family, rule, &more);
        let host = Host::start_with(&site, files, &text);
        assert!(enters(&site, family, family.trusted()));
        assert!(!enters(&site, family, family.untrusted()));
        // Another database takes a reload.
        of("FR", "DE");
        assert!(enters(&site, family, family.trusted()));
        host.cli().text(&["reload"]).unwrap();
        assert!(!enters(&site, family, family.trusted()));
        assert!(enters(&site, family, family.untrusted()));
        assert!(packets(&host.counters(), "at-home") > 0);
        // A broken one changes nothing.
        fs::write(&database, "no database").unwrap();
        let refused = host.cli().output(&["reload"]).unwrap();
        assert!(!refused.status.success());
        assert!(enters(&site, family, family.untrusted()));
    }

    fn a_schedule_begins_and_ends_without_a_reload(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let rule = "name = \"at-times\"\nschedule = \"soon\"\naction = \"accept\"";
        let begin = (Timestamp::now() + Duration::from_secs(3)).round(Unit::Second).unwrap();
        let end = begin + Duration::from_secs(2);
        let time = |at: Timestamp| at.strftime("%H:%M:%S").to_string();
        // Not the whole day, so that a test at midnight is right, too.
        let schedule = format!(
            "[[firewall.schedule]]\nname = \"soon\"\nhours = [\"{}-{}\"]\n\n[[firewall.policy]]",
            time(begin),
            time(end)
        );
        let text = with(&instead(&files, family, rule, ""), "[[firewall.policy]]", &schedule);
        let host = Host::start_with(&site, files, &text);
        let listed = || host.cli().text(&["firewall", "list"]).unwrap();
        assert!(listed().contains("off by soon"), "{}", listed());
        assert!(!enters(&site, family, family.trusted()));
        assert!(Timestamp::now() < begin, "the start took too long for this test");
        until("the schedule to begin", LONG, || {
            Ok(enters(&site, family, family.trusted()).then_some(()))
        })
        .unwrap();
        let let_in = Timestamp::now();
        assert!(let_in >= begin, "{let_in}");
        assert!(listed().contains("on by soon"), "{}", listed());
        until("the schedule to end", LONG, || {
            Ok((!enters(&site, family, family.trusted())).then_some(()))
        })
        .unwrap();
        assert!(Timestamp::now() >= end);
        assert!(packets(&host.counters(), "at-times") > 0, "its count stays");
        let events = fs::read_to_string(host.files.events()).unwrap();
        for what in ["firewall_schedule_began", "firewall_schedule_ended"] {
            assert!(events.contains(what), "{what}");
        }
    }

    fn a_global_policy_is_asked_first(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let text = files.text(family);
        let (trusted, untrusted) = (family.trusted(), family.untrusted());
        let rules = format!(
            "global_policy = \"everybody\"\n\n[[firewall.policy]]\nname = \"everybody\"\nrule = [\n\
             {{ name = \"guest\", protocol = \"tcp\", source = [\"{untrusted}\"], port = [25, 587], \
             interface = \"ext0\", action = \"accept-decisively\" }},\n\
             {{ name = \"nobody\", source = [\"{trusted}\"], action = \"drop\" }},\n]\n\n[[firewall.policy]]"
        );
        let first = text.find("[[firewall.policy]]").unwrap();
        let rest = text[first..].replacen("[[firewall.policy]]", &rules, 1);
        let text = format!("{}{rest}", &text[..first]);
        let host = Host::start_with(&site, files, &text);
        // Each against what the policy of the virtual server says.
        assert!(enters(&site, family, untrusted));
        assert!(!enters(&site, family, trusted));
        let counters = host.counters();
        let mut global = counters.rows.iter().filter(|row| row.label.context == "global");
        assert!(global.any(|row| row.label.rule == "guest" && row.count.packets > 0));
        // One that accepts goes on, and that policy decides.
        let file = host.files.folder.path().join("next.toml");
        let next = with(&text, "accept-decisively", "accept");
        fs::write(&file, with(&next, "name = \"nobody\"", "name = \"all\"").replace(
            &format!("source = [\"{trusted}\"], action = \"drop\""),
            "action = \"accept\"",
        ))
        .unwrap();
        host.cli().text(&["firewall", "apply", file.to_str().unwrap(), "--yes"]).unwrap();
        assert!(!enters(&site, family, untrusted));
        assert!(enters(&site, family, trusted));
        let listed = host.cli().text(&["firewall", "list"]).unwrap();
        let line = listed.lines().find(|line| line.contains(" all ")).unwrap();
        assert!(line.starts_with("global ") && !line.contains(" 0 "), "{listed}");
        let explained = [
            "firewall", "explain", "--src", &trusted.to_string(), "--dst",
            &family.service().ip().to_string(), "--dport", "25",
        ]
        .map(str::to_owned);
        let explained: Vec<&str> = explained.iter().map(String::as_str).collect();
        let said = host.cli().text(&explained).unwrap();
        assert!(said.contains("global policy everybody: rule all accepts, goes on"), "{said}");
    }
}
