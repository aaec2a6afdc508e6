//! `send_proxy` and `accept_proxy`.

use std::time::Duration;

use super::faults::says;
use super::{SOUND, hides_clients, read};
use crate::config::plan::*;

fn with(keys: &str) -> String {
    SOUND.replace("pool = \"mail\"", &format!("pool = \"mail\"\n{keys}"))
}

#[test]
fn versions_are_sent_by_virtual_servers_and_monitors() {
    for (keys, version) in [
        ("", None),
        ("send_proxy = \"none\"", None),
        ("send_proxy = \"v1\"", Some(ProxyVersion::V1)),
        ("send_proxy = \"v2\"", Some(ProxyVersion::V2)),
    ] {
        let loaded = read(&with(keys)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.plan.virtual_servers[0].send_proxy, version);
        // Members that are told who the client is are not warned of.
        let warned = loaded
            .warnings
            .iter()
            .filter(|it| hides_clients(it))
            .count();
        assert_eq!(warned, usize::from(version.is_none()), "{keys}");
        let monitor = "type = \"smtp\"";
        let text = SOUND.replace(monitor, &format!("{monitor}\n{keys}"));
        let plan = read(&text).unwrap_or_else(|error| panic!("{error}")).plan;
        assert_eq!(plan.monitors[0].send_proxy, version);
    }
}

#[test]
fn headers_are_read_of_those_who_are_named() {
    let plan = |keys: &str| {
        let loaded = read(&with(keys)).unwrap_or_else(|error| panic!("{error}"));
        loaded.plan.virtual_servers[0].accept_proxy.clone()
    };
    assert_eq!(plan(""), None);
    let from = vec![
        "10.0.0.0/8".parse().unwrap(),
        "fd00::1/128".parse().unwrap(),
    ];
    for (timeout, expected) in [("", 5000), (", timeout = \"200ms\"", 200)] {
        let keys = format!("accept_proxy = {{ from = [\"10.0.0.0/8\", \"fd00::1\"]{timeout} }}");
        assert_eq!(
            plan(&keys),
            Some(AcceptProxyPlan {
                from: from.clone(),
                timeout: Duration::from_millis(expected),
            })
        );
    }
}

#[test]
fn headers_that_cannot_be() {
    for (keys, said) in [
        (
            "accept_proxy = { from = [\"10.0.0.1/8\"] }",
            (
                6,
                "\"10.0.0.1/8\"",
                "`10.0.0.1/8` has bits set beyond its prefix",
                "write `\"10.0.0.0/8\"` for the network, or `\"10.0.0.1\"` for the one address",
            ),
        ),
        (
            "accept_proxy = { from = [\"10.0.0.0/8\"], timeout = \"2m\" }",
            (
                6,
                "\"2m\"",
                "`2m` is out of bounds",
                "write a duration from `\"10ms\"` to `\"1m\"`",
            ),
        ),
        (
            "accept_proxy = { from = [] }",
            (
                6,
                "[]",
                "`from` is empty",
                "name at least one, as `[\"10.0.0.0/8\"]`",
            ),
        ),
        (
            "accept_proxy = {}",
            (
                6,
                "{}",
                "`from` is missing from `virtual_server.accept_proxy`",
                "add `from = [\"10.0.0.0/8\"]`",
            ),
        ),
        (
            "send_proxy = \"v3\"",
            (
                6,
                "\"v3\"",
                "unknown word `v3` for `send_proxy`",
                "did you mean `\"v1\"`?",
            ),
        ),
    ] {
        says(&with(keys), &[said]);
    }
    let monitor = SOUND.replace("type = \"smtp\"", "type = \"icmp\"\nsend_proxy = \"v1\"");
    says(
        &monitor,
        &[(
            15,
            "\"v1\"",
            "`send_proxy` means nothing to a monitor of type `icmp`",
            "leave `send_proxy` out",
        )],
    );
}
