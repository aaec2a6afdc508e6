//! Clients that the proxy itself lists.

use std::fs;
use std::io::Read;

use smtp_lb::admin::api::{AddedList, Origin};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, connect};
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

/// What a client does, under which category it is listed for that, and with which reason.
type Deed = (fn(&Site, Family), &'static str, &'static str);

const DEEDS: [Deed; 3] = [
    (
        early,
        "impatient",
        "spoke before it was greeted, at inbound",
    ),
    (
        harvest,
        "harvesters",
        "too many unknown recipients, at inbound",
    ),
    (flood, "flooders", "too many connections, at inbound"),
];

fn comes(site: &Site, family: Family) -> Client {
    let socket = connect(
        Some(&site.outside),
        Some(family.trusted()),
        family.service(),
        LONG,
    );
    Client::over(socket.unwrap()).unwrap()
}

fn early(site: &Site, family: Family) {
    let mut client = comes(site, family);
    client.write(b"EHLO early.example\r\n").unwrap();
    let reply = client.reply().unwrap();
    assert!(reply.is("554 5.5.0"), "{reply:?}");
}

fn harvest(site: &Site, family: Family) {
    let mut client = comes(site, family);
    client.greeted().unwrap();
    client.hello().unwrap();
    client
        .command("MAIL FROM:<sender@outside.example>", 250)
        .unwrap();
    let mut reply = None;
    for number in 0..3 {
        let line = format!("RCPT TO:<user{number}@elsewhere.example>");
        reply = Some(client.ask(&line).unwrap());
    }
    assert!(reply.as_ref().unwrap().is("421 4.7.0"), "{reply:?}");
}

fn flood(site: &Site, family: Family) {
    // A look before may not be over yet and count, too.
    let mut inside = Vec::new();
    let turned_away = (0..4).any(|_| {
        let mut client = comes(site, family);
        let reply = client.reply().unwrap();
        inside.push(client);
        reply.is("421 4.7.0")
    });
    assert!(turned_away, "three are let in");
}

over_both! {
    fn who_breaks_a_rule_of_the_session_is_listed_with_the_cause(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let files = Files::new();
        let mut feedback = String::new();
        for (kind, (_, category, _)) in ["pregreet", "harvest", "connection-flood"].iter().zip(DEEDS) {
            feedback.extend([format!(
                "[[reputation.feedback]]\non = [\"{kind}\"]\ncategory = \"{category}\"\n\
                 duration = \"2s\"\nafter = 1\n"
            )]);
        }
        let config = text(&files, family, &feedback);
        let config = with(&config, "name = \"inbound\"\n", "\
name = \"inbound\"
smtp_profile = \"strict\"
") + "\
[[smtp_profile]]
name = \"strict\"
[smtp_profile.pregreet]
block = true
delay = \"500ms\"
[smtp_profile.recipient_domain]
block = true
domains = [\"inside.example\"]
[smtp_profile.harvest]
block = true
limit = 2
delay = \"0s\"
[smtp_profile.client_rate]
block = true
at_once = 3
";
        let host = Host::start_with(&site, files, &config);
        for (deed, category, reason) in DEEDS {
            assert!(gets_in(&site, family), "{category}");
            deed(&site, family);
            let entry = until(category, LONG, || Ok(show(&host, family).added.pop())).unwrap();
            assert_eq!(
                (entry.origin, &*entry.category, &*entry.reason),
                (Origin::Proxy, category, reason)
            );
            assert!(!gets_in(&site, family), "{category}");
            until("the end of its time", LONG, || Ok(gets_in(&site, family).then_some(()))).unwrap();
        }
    }
}
