//! A staged policy beside the one in force: it decides nothing, its differences are seen, and it is promoted.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
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

/// The configuration with a policy staged at the virtual server that does the opposite.
fn staged(files: &Files, family: Family) -> String {
    let next = format!(
        "[[firewall.policy]]\nname = \"next\"\nrule = [\n\
         {{ name = \"closed\", source = [\"{}\"], action = \"drop\" }},\n\
         {{ name = \"open\", protocol = \"tcp\", action = \"accept\" }},\n]\n\n[[virtual_server]]",
        family.trusted()
    );
    let text = with(&files.text(family), "[[virtual_server]]", &next);
    with(
        &text,
        "firewall_policy = \"mail\"\n",
        "firewall_policy = \"mail\"\nstaged_policy = \"next\"\n",
    )
}

/// `[same, otherwise]` of a staged rule.
fn counts(host: &Host, rule: &str) -> [u64; 2] {
    let list: Value = host.cli().json(&["firewall", "staged"]).unwrap();
    let context = &list["contexts"][0];
    assert_eq!(context["context"], "virtual-server:inbound", "{list}");
    assert_eq!(
        (&context["enforced"], &context["staged"]),
        (&"mail".into(), &"next".into())
    );
    let mut rules = context["rules"].as_array().unwrap().iter();
    let rule = rules.find(|it| it["rule"] == rule).unwrap();
    ["same", "otherwise"].map(|name| rule[name].as_u64().unwrap())
}

/// The event of a staged rule in the log file.
fn told(host: &Host, rule: &str) -> Value {
    until("the staged event", LONG, || {
        let events = fs::read_to_string(host.files.events()).unwrap_or_default();
        let mut events = events
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(events.find(|it| it["reason"] == "staged" && it["rule"] == rule))
    })
    .unwrap()
}

over_both! {
    fn it_decides_nothing_until_it_is_promoted(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let text = staged(&files, family);
        let host = Host::start_with(&site, files, &text);
        let (trusted, untrusted) = (family.trusted(), family.untrusted());
        assert!(enters(&site, family, trusted));
        assert!(!enters(&site, family, untrusted));

        // What it would have done is counted by rule, and told.
        let [same, otherwise] = counts(&host, "closed");
        assert!(same == 0 && otherwise > 0, "{same} {otherwise}");
        let [same, otherwise] = counts(&host, "open");
        assert!(same == 0 && otherwise > 0, "{same} {otherwise}");
        let shown = host.cli().text(&["firewall", "staged"]).unwrap();
        assert!(shown.contains("virtual-server:inbound  mail"), "{shown}");
        let event = told(&host, "closed");
        assert_eq!(event["action"], "drop", "{event}");
        assert_eq!(event["enforced"], "accept", "{event}");
        assert_eq!((&event["policy"], &event["virtual_server"]), (&"next".into(), &"inbound".into()));
        assert_eq!(event["src_ip"], trusted.to_string());
        let event = told(&host, "open");
        assert_eq!((&event["action"], &event["enforced"]), (&"accept".into(), &"drop".into()));
        // None of it is in the sums.
        let counters = host.counters();
        let rows: u64 = counters.rows.iter().map(|row| row.count.packets).sum();
        assert_eq!(rows, counters.received.packets);
        assert!(counters.rows.iter().all(|row| row.label.rule != "closed"));
        let explained = [
            "firewall", "explain", "--src", &trusted.to_string(), "--dst",
            &family.service().ip().to_string(), "--dport", "25",
        ]
        .map(str::to_owned);
        let explained: Vec<&str> = explained.iter().map(String::as_str).collect();
        let said = host.cli().text(&explained).unwrap();
        assert!(
            said.starts_with("accept ") && said.contains("rule closed: would be drop, and not accept"),
            "{said}"
        );

        // Who is not there cannot be promoted.
        for context in ["nobody", "global", "host"] {
            let output = host.cli().output(&["firewall", "promote", context, "--yes"]).unwrap();
            assert_eq!(output.status.code(), Some(9), "{context}");
        }
        let dry = host.cli().text(&["firewall", "promote", "inbound", "--dry-run"]).unwrap();
        assert!(dry.contains("firewall_policy") && dry.contains("next"), "{dry}");
        assert!(enters(&site, family, trusted), "a dry run changes nothing");

        let said = host.cli().text(&["firewall", "promote", "inbound", "--yes"]).unwrap();
        assert!(said.contains("write `firewall_policy = \"next\"`"), "{said}");
        assert!(said.contains("take `staged_policy` out"), "{said}");
        assert!(!enters(&site, family, trusted));
        assert!(enters(&site, family, untrusted));
        assert!(packets(&host.counters(), "closed") > 0);
        let shown = host.cli().text(&["firewall", "staged"]).unwrap();
        assert_eq!(shown, "no policy is staged\n");
        let applied = host.status().firewall.applied.unwrap();
        assert_eq!(applied.file, "promotion of inbound");

        // The file says otherwise, and a reload takes it.
        host.cli().text(&["reload"]).unwrap();
        assert!(host.status().firewall.applied.is_none());
        assert!(enters(&site, family, trusted));
        assert!(counts(&host, "closed")[1] > 0);

        // Once it says what `promote` said, a reload changes nothing.
        host.cli().text(&["firewall", "promote", "virtual-server:inbound", "--yes"]).unwrap();
        let kept = with(
            &text,
            "firewall_policy = \"mail\"\nstaged_policy = \"next\"\n",
            "firewall_policy = \"next\"\n",
        );
        fs::write(host.files.config(), kept).unwrap();
        host.cli().text(&["reload"]).unwrap();
        assert!(!enters(&site, family, trusted));
        assert!(enters(&site, family, untrusted));
    }

    fn a_promotion_that_nobody_confirms_is_taken_back(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let text = staged(&files, family);
        let host = Host::start_with(&site, files, &text);
        let promote = ["firewall", "promote", "inbound", "--yes", "--confirm-within", "2s", "--json"];
        let said: Value = serde_json::from_str(&host.cli().text(&promote).unwrap()).unwrap();
        assert_eq!(said["configuration_file"]["table"], "virtual_server inbound", "{said}");
        assert_eq!(said["configuration_file"]["key"], "firewall_policy", "{said}");
        assert_eq!(said["configuration_file"]["value"], "next", "{said}");
        assert_eq!(said["configuration_file"]["remove"], "staged_policy", "{said}");
        until("the former policy", LONG, || {
            Ok(host.status().firewall.applied.is_none().then_some(()))
        })
        .unwrap();
        assert!(enters(&site, family, family.trusted()));
        assert!(counts(&host, "closed")[1] > 0);
    }
}
