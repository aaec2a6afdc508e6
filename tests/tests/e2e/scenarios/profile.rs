//! SMTP security profiles before a real Postfix: each check that needs neither DNS nor store, in every
//! way in which it can be set.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use smtp_lb_tests::clients::{Program, Target, Tls};
use smtp_lb_tests::postfix::Postfix;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message, Reply, connect};
use smtp_lb_tests::wait::{LONG, settled, until};

use super::stage::{self, Trust, virtual_server};
use crate::host::Host;
use crate::over_both;

/// How a check is set, its keys, whether it tells and whether it refuses.
const WAYS: [(&str, &str, bool, bool); 5] = [
    ("neither", "", false, false),
    ("alarm", "alarm = true\n", true, false),
    ("block", "block = true\n", false, true),
    ("both", "alarm = true\nblock = true\n", true, true),
    ("excepted", "alarm = true\nblock = true\n", false, false),
];

/// What a client does, and the reply that tells whether it was let through.
type Deed = fn(&Site, SocketAddr) -> (Client, Reply);

/// A check, what else it is set to, who fails it, and what is said to that.
const CHECKS: &[(&str, &str, Deed, &str)] = &[
    ("protocol_compliance", "", odd_name, "501 5.5.4 "),
    (
        "disallowed_client",
        "networks = [\"0.0.0.0/0\", \"::/0\"]\n",
        mail,
        "550 5.7.1 ",
    ),
    (
        "disallowed_sender",
        "domains = [\"outside.example\"]\n",
        mail,
        "550 5.7.1 ",
    ),
    (
        "recipient_domain",
        "domains = [\"ours.example\"]\n",
        recipient,
        "550 5.7.1 ",
    ),
    ("methods", "", verify, "502 5.5.1 "),
    ("pregreet", "delay = \"2s\"\n", early, "554 5.5.0 "),
    ("client_rate", "at_once = 1\n", second, "421 4.7.0 "),
    ("size", "recipients = 1\n", two_recipients, "452 4.5.3 "),
    ("smuggling", "", bare_line_feed, "550 5.5.2 "),
];

fn greeted(site: &Site, server: SocketAddr) -> Client {
    Client::connect(Some(&site.outside), None, server, LONG).unwrap()
}

fn hello(site: &Site, server: SocketAddr) -> Client {
    let mut client = greeted(site, server);
    client.hello().unwrap();
    client
}

fn odd_name(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let mut client = greeted(site, server);
    let reply = client.ask("EHLO not!a!name").unwrap();
    (client, reply)
}

fn mail(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let mut client = hello(site, server);
    let reply = client.ask("MAIL FROM:<sender@outside.example>").unwrap();
    (client, reply)
}

fn recipient(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let (mut client, _) = mail(site, server);
    let reply = client.ask("RCPT TO:<user@inside.example>").unwrap();
    (client, reply)
}

fn two_recipients(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let (mut client, _) = recipient(site, server);
    let reply = client.ask("RCPT TO:<user@inside.example>").unwrap();
    (client, reply)
}

fn verify(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let mut client = hello(site, server);
    let reply = client.ask("VRFY user").unwrap();
    (client, reply)
}

fn early(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let stream = connect(Some(&site.outside), None, server, LONG).unwrap();
    let mut client = Client::over(stream).unwrap();
    client.write(b"EHLO early.example\r\n").unwrap();
    let reply = client.reply().unwrap();
    (client, reply)
}

fn second(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let _first = hello(site, server);
    let stream = connect(Some(&site.outside), None, server, LONG).unwrap();
    let mut client = Client::over(stream).unwrap();
    let reply = client.reply().unwrap();
    (client, reply)
}

fn bare_line_feed(site: &Site, server: SocketAddr) -> (Client, Reply) {
    let (mut client, _) = recipient(site, server);
    client.command("DATA", 354).unwrap();
    client.write(b"Subject: bare\r\n\r\na\nb\r\n.\r\n").unwrap();
    let reply = client.reply().unwrap();
    (client, reply)
}

fn name(check: &str, way: &str) -> String {
    format!("{check}.{way}").replace('_', "-")
}

/// A virtual server and a profile for each check and way.
fn start(site: &Site, family: Family) -> (Host, Vec<SocketAddr>) {
    let member = [SocketAddr::new(family.mx1(), 25)];
    let mut text = String::new();
    let mut listeners = Vec::new();
    for (check, keys, ..) in CHECKS {
        for (way, set, ..) in &WAYS {
            let port = 3000 + u16::try_from(listeners.len()).unwrap();
            let listen = SocketAddr::new(family.outer(), port);
            let name = name(check, way);
            let mut own = format!("smtp_profile = \"{name}\"\nlog_profile = \"all\"\n");
            // Without the check the gateway would refuse what this repairs; alarm alone repairs it, too.
            if *check != "smuggling" || *way != "alarm" {
                own += "gateway = { line_endings = \"normalize\" }\n";
            }
            text += &virtual_server(&name, listen, &own, &member);
            writeln!(text, "[[smtp_profile]]\nname = \"{name}\"").unwrap();
            if *way == "excepted" {
                text += "[smtp_profile.exceptions]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n";
            }
            writeln!(text, "[smtp_profile.{check}]\n{set}{keys}").unwrap();
            listeners.push(listen);
        }
    }
    (stage::start(site, &[&text]), listeners)
}

/// Events of violations, once no more come.
fn violations(host: &Host) -> Vec<Value> {
    let read = || {
        let text = fs::read_to_string(host.files.events())?;
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(events
            .filter(|event| event["event"] == "violation")
            .collect())
    };
    settled(LONG, read).unwrap()
}

over_both! {
    fn each_check_tells_or_refuses_or_both_or_neither(family: Family) {
        let site = Site::new().unwrap();
        let _postfix = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let (host, listeners) = start(&site, family);
        let mut at = listeners.iter();
        let mut told = Vec::new();
        for (check, _, deed, refusal) in CHECKS {
            for (way, _, alarm, block) in WAYS {
                let (_client, reply) = deed(&site, *at.next().unwrap());
                let name = name(check, way);
                assert_eq!(reply.is(refusal), block, "{name}: {reply}");
                assert!(block || matches!(reply.code, 220..=252), "{name}: {reply}");
                let action = if block { "block" } else { "alarm" };
                told.extend(alarm.then(|| (name, check.replace('_', "-"), action)));
            }
        }
        let found = violations(&host);
        let mut found: Vec<_> = found
            .iter()
            .map(|event| {
                let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                assert_eq!(text("profile"), text("virtual_server"));
                assert_eq!(text("reply").is_empty(), text("action") == "alarm", "{event}");
                (text("virtual_server"), text("check"), text("action"))
            })
            .collect();
        let mut told: Vec<_> = told
            .into_iter()
            .map(|(name, check, action)| (name, check, action.to_owned()))
            .collect();
        told.sort();
        found.sort();
        assert_eq!(found, told);
    }

    fn what_passes_is_told_with_its_message_and_what_is_refused_with_its_recipient(family: Family) {
        let site = Site::new().unwrap();
        let postfix = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let member = [SocketAddr::new(family.mx1(), 25)];
        let mut text = String::new();
        let mut listeners = Vec::new();
        for (at, (name, reject_at, set)) in [
            ("passes", "mail", "alarm = true"),
            ("late", "rcpt", "alarm = true\nblock = true"),
            ("big", "mail", "alarm = true\nblock = true"),
        ]
        .into_iter()
        .enumerate()
        {
            let listen = SocketAddr::new(family.outer(), 3000 + u16::try_from(at).unwrap());
            let own = format!("smtp_profile = \"{name}\"\nlog_profile = \"all\"\n");
            text += &virtual_server(name, listen, &own, &member);
            let sender = if name == "big" { "elsewhere.example" } else { "outside.example" };
            writeln!(
                text,
                "[[smtp_profile]]\nname = \"{name}\"\nreject_at = \"{reject_at}\"\n\
                 [smtp_profile.disallowed_sender]\n{set}\ndomains = [\"{sender}\"]\n\
                 [smtp_profile.smuggling]\nalarm = true\n\
                 [smtp_profile.size]\n{set}\nmessage = \"1KiB\""
            )
            .unwrap();
            listeners.push(listen);
        }
        let host = stage::start(&site, &[&text]);
        let told = |server: &str| -> Vec<(String, String, String)> {
            let of = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let mut told: Vec<_> = violations(&host)
                .iter()
                .filter(|event| event["virtual_server"] == server)
                .map(|it| (of(it, "check"), of(it, "recipient"), of(it, "message_id")))
                .collect();
            told.sort();
            told
        };
        let of = |check: &str, recipient: &str, message_id: &str| {
            (check.to_owned(), recipient.to_owned(), message_id.to_owned())
        };
        let (user, id) = ("user@inside.example", "<\u{1b}[31m1@outside.example>");

        // Larger than it may be, with a bare LF before the field that it is known by.
        let (mut client, _) = recipient(&site, listeners[0]);
        client.command("DATA", 354).unwrap();
        let body = "x".repeat(70) + "\r\n";
        let header = format!("Subject: passes\r\nX: bare\n lf\r\nMessage-ID:\r\n\t{id}\r\n\r\n");
        let message = format!("{header}{}.\r\n", body.repeat(30));
        client.write(message.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        assert!(reply.is("250 "), "{reply}");
        until("the message", LONG, || Ok(postfix.subjects()?.contains(&"passes".into()).then_some(())))
            .unwrap();
        let all = ["disallowed-sender", "size", "smuggling"].map(|check| of(check, user, id));
        assert_eq!(told("passes"), all);
        drop(client);

        // Refused to the recipient; the member has heard MAIL, and goes on.
        let (mut client, reply) = mail(&site, listeners[1]);
        assert!(reply.is("250 "), "{reply}");
        assert_eq!(told("late"), []);
        for recipient in [user, "postmaster@inside.example"] {
            let reply = client.ask(&format!("RCPT TO:<{recipient}>")).unwrap();
            assert!(reply.is("550 5.7.1 Sender address rejected"), "{reply}");
        }
        let reply = client.ask("DATA").unwrap();
        assert!(reply.is("554 5.5.1 "), "{reply}");
        assert_eq!(told("late"), [of("disallowed-sender", user, "")]);
        client.command("RSET", 250).unwrap();
        let foreign = client.ask("MAIL FROM:<a@elsewhere.example>").unwrap();
        assert!(foreign.is("250 "), "{foreign}");

        // Refused for its size, which is known in its middle.
        let (mut client, _) = recipient(&site, listeners[2]);
        client.command("DATA", 354).unwrap();
        let message = format!("Message-ID: <2@b>\r\n\r\n{}.\r\n", body.repeat(30));
        client.write(message.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        assert!(reply.is("552 5.3.4 "), "{reply}");
        assert_eq!(told("big"), [of("size", user, "<2@b>")]);
        assert_eq!(postfix.subjects().unwrap().len(), 1);
    }

    fn programs_hear_what_they_may_not_send_and_the_rest_arrives(family: Family) {
        let site = Site::new().unwrap();
        let postfix = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let trust = Trust::new();
        let profile = "smtp_profile = \"inbound\"\nlog_profile = \"all\"\n";
        let listen = family.service();
        let member = [SocketAddr::new(family.mx1(), 25)];
        let text = virtual_server("inbound", listen, profile, &member) + "\
[[smtp_profile]]
name = \"inbound\"
[smtp_profile.pregreet]
block = true
delay = \"200ms\"
[smtp_profile.protocol_compliance]
block = true
[smtp_profile.recipient_domain]
alarm = true
block = true
domains = [\"inside.example\"]
reply = \"Not for us, {client}\"
[smtp_profile.smuggling]
block = true
[smtp_profile.size]
block = true
message = \"64KiB\"
";
        let host = stage::start(&site, &[&text]);
        let target = Target::new(listen, Tls::None, "client.outside.example", &trust.outside.ca());
        for program in [Program::Swaks, Program::Curl, Program::Smtplib] {
            let good = Message::new(&format!("good-{program:?}"), 2000);
            target.send(&site.outside, program, &good).unwrap();
            let mut foreign = Message::new("foreign", 2000);
            foreign.to = vec!["user@elsewhere.example".into()];
            let mut large = Message::new("large", 100_000);
            large.data.extend_from_slice(b"end\r\n");
            for bad in [foreign, large] {
                assert!(target.send(&site.outside, program, &bad).is_err(), "{program:?}");
            }
        }
        let mut client = hello(&site, listen);
        client.command("MAIL FROM:<sender@outside.example>", 250).unwrap();
        let reply = client.ask("RCPT TO:<user@elsewhere.example>").unwrap();
        assert!(reply.is("550 5.7.1 Not for us, "), "{reply}");
        client.command("RCPT TO:<postmaster>", 250).unwrap();
        drop(client);
        until("the good ones and no other", LONG, || {
            let mut subjects = postfix.subjects()?;
            subjects.sort();
            let good = ["good-Curl", "good-Smtplib", "good-Swaks"];
            Ok((subjects == good).then_some(()))
        })
        .unwrap();
        assert!(violations(&host).len() >= 4);
    }
}
