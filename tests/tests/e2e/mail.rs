//! Mail through the whole of it, with real Postfix and rsyslog.

use smtp_lb_tests::flood;
use smtp_lb_tests::postfix::Postfix;
use smtp_lb_tests::rsyslog::Rsyslog;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::tap::Tap;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, knock, packets, send, session};
use crate::over_both;

over_both! {
    fn from_a_trusted_network_is_delivered_and_spread(family: Family) {
        let site = Site::new().unwrap();
        let mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let mx2 = Postfix::start(&site.mx2, "mx2.inside.example").unwrap();
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");

        let ids: Vec<String> = (0..20).map(|number| format!("mail-{number:02}")).collect();
        for pair in ids.chunks(2) {
            // Two sessions at once: least connections puts one on each.
            let mut first = session(&site, family);
            let mut second = session(&site, family);
            assert_ne!(first.greeting, second.greeting, "both on one member");
            first.send(&smtp_lb_tests::smtp_client::Message::new(&pair[0], 5000)).unwrap();
            second.send(&smtp_lb_tests::smtp_client::Message::new(&pair[1], 5000)).unwrap();
            first.quit().unwrap();
            second.quit().unwrap();
        }
        let mut subjects = until("20 messages in the mailboxes", LONG, || {
            let subjects = [mx1.subjects()?, mx2.subjects()?].concat();
            Ok((subjects.len() >= ids.len()).then_some(subjects))
        })
        .unwrap();
        subjects.sort_unstable();
        assert_eq!(subjects, ids, "each once, none more");
        assert_eq!(mx1.subjects().unwrap().len(), 10);
        assert_eq!(mx2.subjects().unwrap().len(), 10);
    }

    fn from_an_untrusted_one_is_never_seen_but_told(family: Family) {
        let site = Site::new().unwrap();
        let mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let rsyslog = Rsyslog::start(&site.syslog).unwrap();
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        let before = host.counters();

        let tap = Tap::new(&site.host, family).unwrap();
        send(&site, family, "trusted");
        assert!(tap.heard(family.trusted()) > 0, "the tap hears those let in");

        knock(&site, family);
        let source = [family.untrusted()];
        assert_eq!(flood::syn(&site.outside, &source, family.service(), 50).unwrap(), 50);
        let after = host.counters();
        assert_eq!(tap.heard(family.untrusted()), 0, "nothing reached the host");
        let dropped = packets(&after, "others") - packets(&before, "others");
        // The knock is one segment, and maybe another one if it was repeated.
        assert!((51..=53).contains(&dropped), "{dropped} dropped: {after:#?}");

        let told = until("a record of each drop, twice", LONG, || {
            let mut told = Vec::new();
            for record in rsyslog.records()? {
                if record.get("src_ip")? == Some(family.untrusted().to_string()) {
                    told.push(record);
                }
            }
            Ok((told.len() as u64 >= 2 * dropped).then_some(told))
        })
        .unwrap();
        assert_eq!(told.len() as u64, 2 * dropped, "by UDP and by TCP");
        for transport in ["imudp", "imtcp"] {
            let count = told.iter().filter(|record| record.transport == transport).count();
            assert_eq!(count as u64, dropped, "{transport}");
        }
        for record in &told {
            let get = |name: &str| record.get(name).unwrap().unwrap_or_default();
            assert_eq!(record.app, "smtp-lb");
            assert_eq!(record.version, "1");
            assert_eq!(get("action"), "drop");
            assert_eq!(get("reason"), "policy");
            assert_eq!(get("interface"), "ext0");
            assert_eq!(get("virtual_server"), "inbound");
            assert_eq!(get("policy"), "mail");
            assert_eq!(get("rule"), "others");
            assert_eq!(get("protocol"), "6");
            assert_eq!(get("dest_ip"), family.outer().to_string());
            assert_eq!(get("dest_port"), "25");
            assert!(get("src_port").parse::<u16>().unwrap() >= 1024);
            let length: u32 = get("length").parse().unwrap();
            let shortest = if family == Family::V4 { 54 } else { 74 };
            assert!((shortest..=shortest + 40).contains(&length), "{length}");
            // SYN alone, or with the bits of ECN.
            let flags: u8 = get("tcp_flags").parse().unwrap();
            assert_eq!(flags & 0x3f, 0x02);
        }
        assert_eq!(
            until("the trusted message", LONG, || {
                Ok(Some(mx1.subjects()?).filter(|subjects| !subjects.is_empty()))
            })
            .unwrap(),
            ["trusted"]
        );
    }
}
