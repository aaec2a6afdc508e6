//! Each check that asks DNS or the store, in every way in which it can be set.

use smtp_lb_tests::smtp_client::{Client, Reply};
use smtp_lb_tests::wait::{LONG, until};

use super::stage::Stage;

/// How a check is set, its keys, whether it tells and whether it refuses. Those that ask nobody come
/// first: what others were answered is kept.
const WAYS: [(&str, &str, bool, bool); 5] = [
    ("neither", "", false, false),
    ("excepted", "alarm = true\nblock = true\n", false, false),
    ("alarm", "alarm = true\n", true, false),
    ("block", "block = true\n", false, true),
    ("both", "alarm = true\nblock = true\n", true, true),
];

/// What a client does at a virtual server, a network and a domain being its own, and the reply that tells
/// whether it was let through.
type Deed = fn(&Stage, usize, &str) -> (Client, Reply);

/// A check, what else it is set to, who fails it, what is said to that, and whether it asks DNS.
const CHECKS: &[(&str, &str, Deed, &str, bool)] = &[
    ("client_dns", "", nameless, "550 5.7.25 ", true),
    (
        "dnsbl",
        "lists = [{ zone = \"bl.good.test\" }]\n",
        listed,
        "550 5.7.1 ",
        true,
    ),
    ("sender_domain", "", nowhere, "450 4.1.8 ", true),
    ("spf", "", not_for_it, "550 5.7.23 ", true),
    ("greylist", "", first, "450 4.7.1 ", false),
    (
        "sender_rate",
        "messages = 1\nwindow = \"1h\"\n",
        twice_from,
        "450 4.7.1 ",
        false,
    ),
    (
        "recipient_rate",
        "messages = 1\nwindow = \"1h\"\n",
        twice_to,
        "450 4.7.1 ",
        false,
    ),
    (
        "harvest",
        "limit = 1\nslow_after = 1\ndelay = \"0s\"\nwindow = \"1h\"\n\
         [smtp_profile.recipient_domain]\nblock = true\ndomains = [\"good.test\"]\n",
        harvest,
        "421 4.7.0 ",
        false,
    ),
];

fn mail_of(mut client: Client, sender: &str) -> (Client, Reply) {
    let reply = client.ask(&format!("MAIL FROM:<{sender}>")).unwrap();
    (client, reply)
}

fn nameless(stage: &Stage, at: usize, _own: &str) -> (Client, Reply) {
    mail_of(stage.client_at(at, "192.0.2.50"), "a@good.test")
}

fn listed(stage: &Stage, at: usize, _own: &str) -> (Client, Reply) {
    mail_of(stage.client_at(at, "192.0.2.51"), "a@good.test")
}

fn nowhere(stage: &Stage, at: usize, _own: &str) -> (Client, Reply) {
    mail_of(stage.client_at(at, "192.0.2.7"), "a@nowhere.good.test")
}

fn not_for_it(stage: &Stage, at: usize, _own: &str) -> (Client, Reply) {
    mail_of(stage.client_at(at, "192.0.2.7"), "a@fails.good.test")
}

fn first(stage: &Stage, at: usize, own: &str) -> (Client, Reply) {
    let (mut client, _) = mail_of(stage.client_at(at, "192.0.2.7"), &format!("a@{own}.test"));
    let reply = client.ask("RCPT TO:<joe@good.test>").unwrap();
    (client, reply)
}

fn twice_from(stage: &Stage, at: usize, own: &str) -> (Client, Reply) {
    let sender = format!("a@{own}.test");
    let (mut client, reply) = mail_of(stage.client_at(at, "192.0.2.7"), &sender);
    assert_eq!(reply.code, 250, "{reply}");
    client.command("RSET", 250).unwrap();
    mail_of(client, &sender)
}

fn twice_to(stage: &Stage, at: usize, own: &str) -> (Client, Reply) {
    let (mut client, _) = mail_of(stage.client_at(at, "192.0.2.7"), "a@good.test");
    let rcpt = format!("RCPT TO:<joe@{own}.test>");
    client.command(&rcpt, 250).unwrap();
    client.command("RSET", 250).unwrap();
    let (mut client, _) = mail_of(client, "a@good.test");
    let reply = client.ask(&rcpt).unwrap();
    (client, reply)
}

fn harvest(stage: &Stage, at: usize, _own: &str) -> (Client, Reply) {
    let (mut client, _) = mail_of(stage.client_at(at, &format!("10.{at}.0.1")), "a@good.test");
    client.ask("RCPT TO:<x@elsewhere.test>").unwrap();
    let mut reply = client.ask("RCPT TO:<y@elsewhere.test>").unwrap();
    if reply.is("550 5.7.1 Relaying denied") {
        // That is another check's word; the session goes on.
        reply = client.ask("NOOP").unwrap();
    }
    (client, reply)
}

#[test]
fn each_check_tells_or_refuses_or_both_or_neither_and_asks_nobody_then() {
    let mut profiles = Vec::new();
    for (check, keys, ..) in CHECKS {
        for (way, set, ..) in &WAYS {
            let except = if *way == "excepted" {
                "[smtp_profile.exceptions]\nnetworks = [\"0.0.0.0/0\"]\n"
            } else {
                ""
            };
            let name = format!("{check}.{way}").replace('_', "-");
            profiles.push((name, format!("{except}[smtp_profile.{check}]\n{set}{keys}")));
        }
    }
    let stage = Stage::with(&profiles, &["7 PTR mail.good.test."], false);
    let mut told = Vec::new();
    let mut counted = 0;
    let ways = CHECKS
        .iter()
        .flat_map(|check| WAYS.iter().map(move |way| (check, way)));
    for (at, ((check, _, deed, refusal, by_dns), (way, _, alarm, block))) in ways.enumerate() {
        let before = stage.relay.asked();
        let (_client, reply) = deed(&stage, at, &format!("{way}-{}", check.replace('_', "-")));
        let name = &profiles[at].0;
        assert_eq!(reply.is(refusal), *block, "{name}: {reply}");
        assert!(*block || reply.code == 250, "{name}: {reply}");
        let asked = stage.relay.asked() - before;
        match *way {
            "alarm" => assert_eq!(asked > 0, *by_dns, "{name}"),
            "neither" | "excepted" => assert_eq!(asked, 0, "{name}"),
            _ => {}
        }
        counted += u64::from(*alarm || *block);
        let action = if *block { "block" } else { "alarm" };
        told.extend(alarm.then(|| (name.clone(), check.replace('_', "-"), action.to_owned())));
    }
    told.sort();
    until("all violations", LONG, || {
        let mut found: Vec<_> = stage
            .events("violation")
            .iter()
            .filter(|event| event["check"] != "recipient-domain")
            .map(|event| {
                let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                assert_eq!(
                    text("reply").is_empty(),
                    text("action") == "alarm",
                    "{event}"
                );
                (text("virtual_server"), text("check"), text("action"))
            })
            .collect();
        found.sort();
        Ok((found == told).then_some(()))
    })
    .unwrap();
    let stats = stage.cli(&["violations", "stats"]);
    let checks = stats["checks"].as_array().unwrap().iter();
    let of_these = checks.filter(|it| it["check"] != "recipient-domain");
    let all: u64 = of_these
        .map(|it| it["alarmed"].as_u64().unwrap() + it["blocked"].as_u64().unwrap())
        .sum();
    assert_eq!(all, counted);
}
