//! Security checks that ask DNS or the store: a daemon on loopback, a real name server behind a relay that
//! counts what is asked, and a client.

mod dns;
mod stage;
mod ways;

use std::thread;
use std::time::Duration;

use smtp_lb_tests::digest::digest;
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::wait::{LONG, until};

use stage::{BY_DNS, Stage};

#[test]
fn what_is_in_dns_passes_and_what_is_not_is_refused() {
    let stage = Stage::start(BY_DNS, &["7 PTR mail.good.test."], false);
    for (sender, reply) in [
        ("a@good.test", "250"),
        ("a@plain.good.test", "250"),
        ("a@soft.good.test", "250"),
        ("a@c1.good.test", "250"),
        ("a@none.good.test", "550 5.7.27"),
        ("a@nowhere.good.test", "450 4.1.8"),
        ("a@fails.good.test", "550 5.7.23"),
        ("a@a.broken.test", "450 4.4.3"),
    ] {
        let said = stage.mail(sender);
        assert!(said.starts_with(reply), "<{sender}>: {said}");
    }
    let list = stage.cli(&["violations", "list"]);
    let checks = list["violations"].as_array().unwrap().iter();
    let mut checks: Vec<&str> = checks.map(|it| it["check"].as_str().unwrap()).collect();
    checks.sort_unstable();
    assert_eq!(checks, ["sender-domain", "sender-domain", "spf"]);
    let one = stage.cli(&["violations", "list", "--check", "spf"]);
    let id = one["violations"][0]["id"].as_str().unwrap();
    let shown = stage.cli(&["violations", "show", id]);
    assert_eq!(shown["sender"], "a@fails.good.test");
    assert!(shown["reply"].as_str().unwrap().starts_with("550 5.7.23"));
    let stats = stage.cli(&["violations", "stats"]);
    let blocked = stats["checks"].as_array().unwrap().iter();
    let blocked: u64 = blocked.map(|it| it["blocked"].as_u64().unwrap()).sum();
    assert_eq!(blocked, 3);
}

#[test]
fn clients_without_a_name_and_clients_that_are_listed_are_refused() {
    let nameless = Stage::start(BY_DNS, &[], false);
    assert!(nameless.mail("a@good.test").starts_with("550 5.7.25"));
    drop(nameless);
    let forged = Stage::start(BY_DNS, &["7 PTR nobody.good.test."], false);
    assert!(forged.mail("a@good.test").starts_with("550 5.7.25"));
    drop(forged);
    let listed = Stage::start(BY_DNS, &["7 PTR mail.good.test."], true);
    assert!(listed.mail("a@good.test").starts_with("550 5.7.1"));
}

#[test]
fn questions_are_asked_side_by_side_and_from_the_beginning() {
    let stage = Stage::start(BY_DNS, &["7 PTR mail.good.test."], false);
    // The client's name, and the list: neither is answered before both are asked.
    stage.relay.gather(2);
    let mut client = stage.comer_at(0, "192.0.2.7");
    until("both, before it says a word", LONG, || {
        Ok(stage.relay.has_gathered().then_some(()))
    })
    .unwrap();
    client.greeted().unwrap();
    client.hello().unwrap();
    // MX of its domain, and TXT.
    stage.relay.gather(2);
    client.command("MAIL FROM:<a@good.test>", 250).unwrap();
    assert!(stage.relay.has_gathered());
}

#[test]
fn checks_that_do_not_run_ask_nothing() {
    let stage = Stage::start(
        &BY_DNS.replace("= true", "= false"),
        &["7 PTR mail.good.test."],
        true,
    );
    assert!(stage.mail("a@nowhere.good.test").starts_with("250"));
    let message = Message::new("unchecked", 1000);
    stage.client().send(&message).unwrap();
    assert_eq!(stage.relay.asked(), 0);
    assert_eq!(stage.member.messages(), 1);
    let stats = stage.cli(&["violations", "stats"]);
    assert_eq!(stats["checks"].as_array().unwrap().len(), 0);
}

#[test]
fn alarm_alone_lets_through_and_tells() {
    let stage = Stage::start(&BY_DNS.replace("block = true", ""), &[], true);
    assert!(stage.mail("a@fails.good.test").starts_with("250"));
    // They are told when the session has ended without a message.
    until("all of them", LONG, || {
        let list = stage.cli(&["violations", "list", "--action", "alarm"]);
        let checks = list["violations"].as_array().unwrap().iter();
        let mut checks: Vec<&str> = checks.map(|it| it["check"].as_str().unwrap()).collect();
        checks.sort_unstable();
        Ok((checks == ["client-dns", "dnsbl", "spf"]).then_some(()))
    })
    .unwrap();
    assert!(stage.relay.asked() > 0);
}

#[test]
fn what_spf_found_stands_above_the_header_where_that_is_asked_for() {
    let checks = "received_spf = true\n[smtp_profile.spf]\nalarm = true\nblock = true\n";
    let silent = checks.replace("received_spf = true", "");
    let profiles = [("told", checks), ("silent", &silent)]
        .map(|(name, checks)| (name.to_owned(), checks.to_owned()));
    let stage = Stage::with(&profiles, &[], false);
    let said = "pass (told: domain of good.test designates 192.0.2.7 as permitted sender)";
    let field = format!(
        "Received-SPF: {said}\r\n\treceiver=told;\r\n\tidentity=mailfrom;\r\n\
         \tclient-ip=192.0.2.7;\r\n\tenvelope-from=\"a@good.test\";\r\n\
         \thelo=client.outside.example;\r\n\tmechanism=\"a:mail.good.test\"\r\n"
    );
    for (server, above) in [(0, field.as_str()), (1, "")] {
        let mut message = Message::new(&format!("spf-{server}"), 1000);
        message.from = "a@good.test".into();
        stage.client_at(server, "192.0.2.7").send(&message).unwrap();
        let got = stage.member.deliveries().pop().unwrap();
        let whole = [above.as_bytes(), &message.data].concat();
        assert_eq!((got.length, got.digest), (whole.len(), digest(&whole)));
    }
}

#[test]
fn greylisting_is_seen_steered_and_survives_a_kill() {
    let checks = "[smtp_profile.greylist]\nalarm = true\nblock = true\n";
    let mut stage = Stage::start(checks, &[], false);
    let rcpt = |stage: &Stage| {
        let mut client = stage.client();
        client.command("MAIL FROM:<a@good.test>", 250).unwrap();
        let reply = client.ask("RCPT TO:<joe@good.test>").unwrap();
        reply.to_string()
    };
    let said = rcpt(&stage);
    assert!(said.starts_with("450 4.7.1"), "{said}");
    let listed = stage.cli(&["greylist", "list", "joe@"]);
    let entry = &listed["entries"][0];
    assert_eq!(entry["client"], "192.0.2.0/24");
    assert_eq!(entry["state"], "waits");
    assert_eq!(entry["triplet"]["sender"], "a@good.test");
    stage.cli(&["greylist", "allow", "192.0.2.7"]);
    assert!(rcpt(&stage).starts_with("250"));
    // It is on the disk within 200 ms, and what a kill finds there is whole.
    thread::sleep(Duration::from_secs(1));
    stage.kill();
    assert!(rcpt(&stage).starts_with("250"), "it is remembered");
    let removed = stage.cli(&["greylist", "remove", "192.0.2.7"]);
    assert_eq!(removed["removed"], 2);
    assert!(rcpt(&stage).starts_with("450 4.7.1"), "it is forgotten");
    assert_eq!(stage.relay.asked(), 0);
}
