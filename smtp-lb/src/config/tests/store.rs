//! `[store]`.

use super::faults::says;
use super::{SOUND, read};
use crate::config::plan::{Secret, StoreKind, StorePlan, ValkeyAddress, WhenAway};

fn store(keys: &str) -> String {
    format!("{SOUND}\n[store]\n{keys}\n")
}

#[test]
fn a_file_or_a_server() {
    assert_eq!(read(SOUND).unwrap().plan.store, StorePlan::default());
    let plan = read(&store(
        "when_away = \"450\"\n[store.embedded]\nentries = 5000",
    ))
    .unwrap();
    let plan = plan.plan.store;
    assert_eq!(plan.when_away, WhenAway::Refuse);
    let StoreKind::Embedded(embedded) = plan.kind else {
        panic!("{plan:?}");
    };
    assert_eq!((embedded.entries, embedded.counts), (5000, 100_000));
    for (address, read_as) in [
        (
            "192.0.2.10:6379",
            ValkeyAddress::Tcp("192.0.2.10:6379".into()),
        ),
        (
            "[2001:db8::1]:7",
            ValkeyAddress::Tcp("[2001:db8::1]:7".into()),
        ),
        (
            "store.example.org:6379",
            ValkeyAddress::Tcp("store.example.org:6379".into()),
        ),
        (
            "/run/valkey.sock",
            ValkeyAddress::Unix("/run/valkey.sock".into()),
        ),
    ] {
        let text = store(&format!(
            "type = \"valkey\"\n[store.valkey]\naddress = \"{address}\"\npassword = \"env:VALKEY\"\ndatabase = 3"
        ));
        let StoreKind::Valkey(valkey) = read(&text).unwrap().plan.store.kind else {
            panic!("{text}");
        };
        assert_eq!(valkey.address, read_as);
        assert_eq!(valkey.password, Some(Secret::Env("VALKEY".into())));
        assert_eq!((valkey.database, valkey.prefix.as_str()), (3, "smtp-lb"));
    }
}

#[test]
fn settings_that_cannot_be() {
    let whole = store("#here");
    let line = whole[..whole.find("#here").unwrap()].matches('\n').count() + 1;
    for (keys, at, shown, message, help) in [
        (
            "type = \"valkey\"",
            0,
            "\"valkey\"",
            "the type `valkey` needs `[store.valkey]`",
            "add `[store.valkey]` with `address = \"192.0.2.10:6379\"`, or the path of the server's \
             Unix socket",
        ),
        (
            "[store.valkey]\naddress = \"192.0.2.10\"",
            1,
            "\"192.0.2.10\"",
            "`192.0.2.10` has no port",
            "write `\"192.0.2.10:6379\"`",
        ),
        (
            "[store.valkey]\naddress = \"a.example:1\"\nca = \"/ca.pem\"",
            2,
            "\"/ca.pem\"",
            "`ca` is of no use without TLS",
            "add `tls = true`, or leave `ca` out",
        ),
        (
            "[store.valkey]\naddress = \"/valkey.sock\"\ntls = true",
            2,
            "true",
            "there is no TLS over a Unix socket",
            "write host and port as `address`, or leave `tls` out",
        ),
        (
            "[store.valkey]\naddress = \"a.example:1\"\ntls = true\nca = \"ca.pem\"",
            3,
            "\"ca.pem\"",
            "`ca.pem` is not an absolute path",
            "write the whole path, beginning with `/`",
        ),
        (
            "[store.valkey]\naddress = \"a.example:1\"\nprefix = \"a b\"",
            2,
            "\"a b\"",
            "`a b` is no prefix of keys",
            "write letters, digits, `-`, `_` and `.`",
        ),
        (
            "[store.valkey]\naddress = \"a.example:1\"\npassword = \"hunter2\"",
            2,
            "\"*******\"",
            "a secret may not stand in the configuration",
            "put it into a file that only its user can read, and write \
             `\"file:/etc/smtp-lb/valkey.password\"`; or into the environment, and write `\"env:NAME\"`",
        ),
    ] {
        says(&store(keys), &[(line + at, shown, message, help)]);
    }
}
