//! The fallback: the same verdicts at accept.

use std::io::Read;

use smtp_lb::firewall::InForce;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client;
use smtp_lb_tests::wait::LONG;

use crate::host::{Files, Host, arrived, packets, send, sinks, with};
use crate::over_both;

over_both! {
    fn untrusted_clients_are_closed_at_accept(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let text = with(&files.text(family), "xdp-native", "userspace");
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let firewall = host.status().firewall;
        assert_eq!(firewall.interfaces[0].mode, InForce::Userspace);
        let link = site.host.run("ip", &["link", "show", "ext0"]).unwrap();
        assert!(!link.contains("xdp"), "{link}");

        let digest = send(&site, family, "trusted");
        assert_eq!(arrived(&sinks), [digest]);
        let mut stream = smtp_client::connect(
            Some(&site.outside),
            Some(family.untrusted()),
            family.service(),
            LONG,
        )
        .unwrap();
        // Closed or reset, and no greeting in any case.
        assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
        let counters = host.counters();
        assert_eq!(packets(&counters, "others"), 1);
        assert_eq!(packets(&counters, "trusted"), 1);
    }
}
