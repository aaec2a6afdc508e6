//! Clients that the proxy itself lists.

use std::fs;
use std::io::Read;

use smtp_lb::admin::api::{AddedList, Origin};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::connect;
use smtp_lb_tests::wait::{LONG, until};

use super::{gets_in, reputation, show, text};
use crate::host::{Files, Host, sinks, with};
use crate::over_both;

/// Connects where a PROXY header is asked for, of peers that the client is none of.
fn offend(site: &Site, family: Family) {
    let from = Some(family.trusted());
    let mut stream = connect(Some(&site.outside), from, family.service(), LONG).unwrap();
    // Closed or reset, and no greeting in any case.
    assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
}

over_both! {
    fn clients_that_offend_are_listed_for_a_time_and_trusted_ones_never(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let files = Files::new();
        let config = text(&files, family, "\
[[reputation.feedback]]
on = [\"proxy-header\", \"tls-garbage\"]
category = \"abuse\"
duration = \"3s\"
after = 2
within = \"1m\"
");
        let config = with(&config, "name = \"inbound\"\n", "\
name = \"inbound\"
accept_proxy = { from = [\"192.0.2.0/24\"] }
");
        let host = Host::start_with(&site, files, &config);
        offend(&site, family);
        assert!(gets_in(&site, family), "twice it must be");
        // That was the second time.
        let entry = until("the client listed", LONG, || Ok(show(&host, family).added.pop())).unwrap();
        assert_eq!((entry.origin, entry.category.as_str()), (Origin::Proxy, "abuse"));
        assert_eq!(entry.reason, "no trusted PROXY header, 2 times, at inbound");
        assert!(!gets_in(&site, family));
        let client = family.trusted().to_string();
        let shown = host.cli().text(&["reputation", "show", &client]).unwrap();
        assert!(shown.contains("by proxy") && shown.contains("no trusted PROXY header"), "{shown}");
        until("an event", LONG, || {
            let events = fs::read_to_string(host.files.events())?;
            Ok(events.contains("reputation_listed").then_some(()))
        })
        .unwrap();
        until("the end of its time", LONG, || Ok(gets_in(&site, family).then_some(()))).unwrap();

        let trusting = format!("{config}\n[reputation]\nallow = [\"{client}\"]\n");
        fs::write(host.files.config(), trusting).unwrap();
        host.cli().text(&["reload"]).unwrap();
        for _ in 0..6 {
            offend(&site, family);
        }
        let list: AddedList = host.cli().json(&["reputation", "added"]).unwrap();
        assert_eq!(list.entries, []);
        let refused = || Ok((reputation(&host).added.refused >= 3).then_some(()));
        until("all refused", LONG, refused).unwrap();
        assert!(gets_in(&site, family));
    }
}
