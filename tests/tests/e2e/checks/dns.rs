//! What a session hears, and what is told of it, whatever a name server does.

use serde_json::Value;
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{BY_DNS, Stage};

/// One check alone, refusing and telling.
fn alone(check: &str, keys: &str) -> (String, String) {
    let text = format!("[smtp_profile.{check}]\nalarm = true\nblock = true\n{keys}");
    (format!("{check}{}", keys.len()).replace('_', "-"), text)
}

/// A client, a sender, the reply to MAIL, and the check that is told of; none: no violation.
type Case = (
    usize,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

#[test]
fn whatever_a_name_server_does_is_answered_and_told() {
    let profiles = [
        ("all".to_owned(), BY_DNS.to_owned()),
        alone("client_dns", ""),
        alone("client_dns", "when_away = \"pass\"\n"),
        alone(
            "dnsbl",
            "lists = [{ zone = \"bl.broken.test\" }]\nwhen_away = \"450\"\n",
        ),
        alone("dnsbl", "lists = [{ zone = \"bl.broken.test\" }]\n"),
        alone("sender_domain", ""),
        alone("sender_domain", "when_away = \"pass\"\n"),
        alone("spf", ""),
        alone("spf", "temperror = \"pass\"\n"),
    ];
    let stage = Stage::with(&profiles, &["7 PTR mail.good.test."], false);
    let good = "192.0.2.7";
    let (all, sender) = (0, Some("sender-domain"));
    let cases: &[Case] = &[
        // NXDOMAIN, of the client and of the sender.
        (
            1,
            "192.0.2.50",
            "a@good.test",
            "550 5.7.25 ",
            Some("client-dns"),
        ),
        (all, good, "a@nowhere.good.test", "450 4.1.8 ", sender),
        // Null MX, by its own name and at the end of a chain.
        (all, good, "a@none.good.test", "550 5.7.27 ", sender),
        (all, good, "a@cnull.good.test", "550 5.7.27 ", sender),
        // Chains: to what passes, to what does not, to nothing.
        (all, good, "a@c1.good.test", "250 ", None),
        (all, good, "a@cfails.good.test", "550 5.7.23 ", Some("spf")),
        (all, good, "a@dangling.good.test", "450 4.1.8 ", sender),
        // SERVFAIL. Nobody has done anything wrong, and no mail is lost.
        (5, good, "a@a.broken.test", "450 4.4.3 ", None),
        (6, good, "a@a.broken.test", "250 ", None),
        (7, good, "a@a.broken.test", "451 4.7.24 ", None),
        (8, good, "a@a.broken.test", "250 ", None),
        (1, "203.0.113.7", "a@good.test", "450 4.4.3 ", None),
        (2, "203.0.113.7", "a@good.test", "250 ", None),
        (3, good, "a@good.test", "450 4.4.3 ", None),
        (4, good, "a@good.test", "250 ", None),
        // Answers that a datagram does not hold: passes and fails that stand in their midst.
        (all, good, "a@huge.good.test", "250 ", None),
        (
            all,
            good,
            "a@hugefails.good.test",
            "550 5.7.23 ",
            Some("spf"),
        ),
        // Silence.
        (5, good, "a@silent.good.test", "450 4.4.3 ", None),
        (6, good, "a@silent.good.test", "250 ", None),
        (7, good, "a@silent.good.test", "451 4.7.24 ", None),
        (8, good, "a@silent.good.test", "250 ", None),
        (1, "198.51.100.7", "a@good.test", "450 4.4.3 ", None),
        (2, "198.51.100.7", "a@good.test", "250 ", None),
    ];
    let mut told = Vec::new();
    for &(server, client, from, reply, check) in cases {
        let before = stage.relay.connections();
        let mut client = stage.client_at(server, client);
        let said = client.ask(&format!("MAIL FROM:<{from}>")).unwrap();
        let name = &profiles[server].0;
        assert!(said.is(reply), "{name} <{from}>: {said}");
        let over_tcp = stage.relay.connections() > before;
        // What is asked next over TCP may find the connection still there.
        let reused = from.starts_with("a@hugefails.");
        assert!(
            reused || over_tcp == from.starts_with("a@huge."),
            "{name} <{from}>"
        );
        told.extend(check.map(|it| (from.to_owned(), it.to_owned(), reply.trim().to_owned())));
        client.command("QUIT", 221).unwrap();
    }
    // A circle is no address, and perhaps a failure: for now in any case.
    let mut client = stage.client_at(5, good);
    let said = client.ask("MAIL FROM:<a@loop1.good.test>").unwrap();
    assert!(said.is("450 "), "{said}");
    told.sort();
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    until("all violations", LONG, || {
        let mut found: Vec<_> = stage
            .events("violation")
            .iter()
            .filter(|it| text(it, "sender") != "a@loop1.good.test")
            .map(|it| {
                let codes: Vec<_> = text(it, "reply")
                    .split(' ')
                    .take(2)
                    .map(str::to_owned)
                    .collect();
                (text(it, "sender"), text(it, "check"), codes.join(" "))
            })
            .collect();
        found.sort();
        Ok((found == told).then_some(()))
    })
    .unwrap();
    sessions_tell_of_what_is_not_known(&stage);
}

/// Of what could not be found out the session's own event says so.
fn sessions_tell_of_what_is_not_known(stage: &Stage) {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let unknown = |event: &Value, word: &str| text(event, "checks").contains(word);
    for (server, word) in [
        ("client-dns0", "client-dns=unknown"),
        ("sender-domain0", "sender-domain=unknown"),
        ("spf0", "spf=unknown"),
    ] {
        until(word, LONG, || {
            let events = stage.events("session");
            let mut of = events
                .iter()
                .filter(|it| text(it, "virtual_server") == server);
            Ok(of.any(|event| unknown(event, word)).then_some(()))
        })
        .unwrap();
    }
}
