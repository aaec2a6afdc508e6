//! `[[smtp_profile]]` and `smtp_profile`.

use super::says;
use crate::config::plan::{Method, ServersPlan};
use crate::config::tests::read;

const SERVER: &str = "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
     smtp_profile = \"s\"\n[[pool]]\nname = \"p\"\nmembers = [\"10.1.0.2:25\"]\n";

fn profile(table: &str, keys: &str) -> String {
    format!("{SERVER}[[smtp_profile]]\nname = \"s\"\n[smtp_profile.{table}]\n{keys}\n")
}

#[test]
fn of_virtual_servers() {
    says(
        &SERVER.replace("\"s\"", "\"t\""),
        &[(
            5,
            "\"t\"",
            "there is no smtp profile named `t`",
            "add it as `[[smtp_profile]]` with `name = \"t\"`",
        )],
    );
    let passthrough = SERVER.replace("pool = ", "mode = \"passthrough\"\npool = ");
    says(
        &format!("{passthrough}[[smtp_profile]]\nname = \"s\"\n"),
        &[(
            6,
            "\"s\"",
            "an SMTP profile cannot check with `mode = \"passthrough\"`: TLS is not decrypted",
            "leave `smtp_profile` out, or write `mode = \"bridge\"`",
        )],
    );
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[test]
fn checks() {
    for (table, keys, line, shown, message, help) in [
        (
            "methods",
            "reply = \"a\\r\\n250 ok\"",
            12,
            "\"a\\r\\n250 ok\"",
            "`a\\r\\n250 ok` is not one line of ASCII",
            "write printable ASCII, as `\"Access denied\"`",
        ),
        (
            "methods",
            "reply = \"{helo}\"",
            12,
            "\"{helo}\"",
            "`{helo}` is no placeholder",
            "write `{client}`, `{sender}` or `{reason}`, and no other braces",
        ),
        (
            "methods",
            "servers = [\"w\"]",
            12,
            "\"w\"",
            "there is no virtual server named `w`",
            "write one of `v`",
        ),
        (
            "methods",
            "servers = [\"v\", \"!v\"]",
            12,
            "\"!v\"",
            "servers where it runs and servers where it does not do not go together",
            "write all of them with `!`, or none",
        ),
        (
            "size",
            "block = true",
            11,
            "[smtp_profile.size]",
            "the check has no bound",
            "write `recipients`, `message` or both",
        ),
        (
            "size",
            "message = \"2GiB\"",
            12,
            "\"2GiB\"",
            "`2GiB` is out of bounds",
            "write a size from `\"1KiB\"` to `\"1GiB\"`",
        ),
        (
            "pregreet",
            "delay = \"2m\"",
            12,
            "\"2m\"",
            "`2m` is out of bounds",
            "write a duration from `\"100ms\"` to `\"1m\"`",
        ),
        (
            "client_rate",
            "window = \"1500ms\"",
            12,
            "\"1500ms\"",
            "`1500ms` is not in whole seconds",
            "write whole seconds, as `\"60s\"`",
        ),
        (
            "recipient_domain",
            "block = true",
            11,
            "[smtp_profile.recipient_domain]",
            "the check lists no domain",
            "write `domains` or `file`: without any no mail is received",
        ),
        (
            "recipient_domain",
            "domains = [\"a@b\"]",
            12,
            "\"a@b\"",
            "`a@b` is not a domain",
            "write a domain, as `\"example.org\"`, or `\".example.org\"` for all below it",
        ),
        (
            "recipient_domain",
            "file = \"/etc/smtp-lb/broken.txt\"",
            12,
            "\"/etc/smtp-lb/broken.txt\"",
            "line 2 of the list: `no domain` is not a domain",
            "write a domain, as `\"example.org\"`, or `\".example.org\"` for all below it",
        ),
        (
            "disallowed_sender",
            "users = [\"a\"]",
            12,
            "\"a\"",
            "`a` is not an address",
            "write an address, as `\"a@example.org\"`, or `\"a@\"` for any domain",
        ),
        (
            "disallowed_sender",
            "alarm = true",
            11,
            "[smtp_profile.disallowed_sender]",
            "the check lists no sender",
            "write `users`, `domains` or `file`",
        ),
        (
            "disallowed_client",
            "alarm = true",
            11,
            "[smtp_profile.disallowed_client]",
            "the check lists no client",
            "write `networks = [\"203.0.113.0/24\"]`",
        ),
    ] {
        says(&profile(table, keys), &[(line, shown, message, help)]);
    }
}

#[test]
fn sound_ones() {
    let plan = |table: &str, keys: &str| {
        let plan = read(&profile(table, keys)).unwrap().plan;
        assert!(plan.virtual_servers[0].gateway.is_some());
        plan.smtp_profiles.into_iter().next().unwrap()
    };
    // Neither alarm nor block: it does not run.
    assert_eq!(plan("methods", "").methods, None);
    let methods = plan("methods", "alarm = true").methods.unwrap();
    assert_eq!(methods.settings, [Method::Vrfy, Method::Expn, Method::Etrn]);
    assert_eq!((methods.alarm, methods.block), (true, false));
    assert_eq!(methods.servers, ServersPlan::All);
    let rate = plan("client_rate", "block = true").client_rate.unwrap();
    assert_eq!(
        (rate.settings.at_once, rate.settings.window),
        (Some(50), 60)
    );
    let rate = plan("client_rate", "block = true\nrate = 9\nservers = [\"!v\"]");
    let rate = rate.client_rate.unwrap();
    assert_eq!((rate.settings.at_once, rate.settings.rate), (None, Some(9)));
    assert_eq!(rate.servers, ServersPlan::Except(vec!["v".into()]));
    let file = "block = true\nfile = \"/etc/smtp-lb/domains.txt\"\nsubdomains = true";
    let domains = plan("recipient_domain", file)
        .recipient_domain
        .unwrap()
        .settings;
    for (domain, ours) in [
        ("a.example", true),
        ("x.a.example", true),
        ("b.example", false),
        ("x.b.example", true),
    ] {
        assert_eq!(domains.contains(domain), ours, "{domain}");
    }
}
