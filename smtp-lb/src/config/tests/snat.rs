//! `snat`, and the pools of addresses that it names.

use super::faults::says;
use super::{SOUND, hides_clients, read};
use crate::config::plan::*;

fn with(keys: &str, rest: &str) -> String {
    SOUND.replace("pool = \"mail\"", &format!("pool = \"mail\"\n{keys}")) + rest
}

#[test]
fn kinds() {
    let read = |keys: &str| {
        let text = with(
            keys,
            "[[snat_pool]]\nname = \"out\"\naddresses = [\"10.1.0.5\", \"fd00::5\"]\n",
        );
        read(&text).unwrap_or_else(|error| panic!("{error}")).plan
    };
    assert_eq!(read("").virtual_servers[0].snat, Snat::Automap);
    for (word, snat) in [
        ("none", Snat::None),
        ("automap", Snat::Automap),
        ("out", Snat::Pool(SnatPoolId(0))),
    ] {
        let plan = read(&format!("snat = \"{word}\""));
        assert_eq!(plan.virtual_servers[0].snat, snat);
        assert_eq!(plan.snat_pools[0].addresses.len(), 2);
        assert!(plan.general.manage_routing);
    }
    let manual = with("", "[general]\nrouting = \"manual\"\n");
    assert!(!super::read(&manual).unwrap().plan.general.manage_routing);
}

/// The guide's warning: a server that judges by address then judges us.
#[test]
fn members_that_see_our_address_only_are_warned_of() {
    let places = |keys: &str, rest: &str| -> Vec<String> {
        let loaded = read(&with(keys, rest)).unwrap_or_else(|error| panic!("{error}"));
        let warnings = loaded.warnings.iter().filter(|it| hides_clients(it));
        warnings.map(|it| it.text.to_owned()).collect()
    };
    let pool = "[[snat_pool]]\nname = \"out\"\naddresses = [\"10.1.0.5\"]\n";
    assert_eq!(places("", ""), ["\"smtp\""]);
    assert_eq!(places("snat = \"automap\"", ""), ["\"automap\""]);
    assert_eq!(places("snat = \"out\"", pool), ["\"out\""]);
    assert_eq!(places("mode = \"passthrough\"", ""), ["\"smtp\""]);
    assert_eq!(places("snat = \"none\"", ""), [""; 0]);
    assert_eq!(places("[virtual_server.gateway]", ""), [""; 0]);
    let off = "[virtual_server.gateway]\nxclient = \"off\"";
    assert_eq!(places(off, ""), ["\"smtp\""]);
    assert_eq!(places(&format!("send_proxy = \"v1\"\n{off}"), ""), [""; 0]);
}

#[test]
fn pools_that_cannot_be() {
    says(
        &with(
            "snat = \"outt\"",
            r#"
        [[snat_pool]]
        name = "out"
        addresses = ["10.1.0.5", "10.1.0.5", "mx.example.org", "0.0.0.0"]
        [[snat_pool]]
        name = "none"
        addresses = ["10.1.0.5"]
        "#,
        ),
        &[
            (
                6,
                "\"outt\"",
                "there is no snat pool named `outt`",
                "did you mean `\"out\"`?",
            ),
            (
                19,
                "\"10.1.0.5\"",
                "`10.1.0.5` is in the pool already",
                "write each address once",
            ),
            (
                19,
                "\"mx.example.org\"",
                "`mx.example.org` is not an address",
                "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
            ),
            (
                19,
                "\"0.0.0.0\"",
                "`0.0.0.0` is not one address of this host",
                "write an address that this host has",
            ),
            (
                21,
                "\"none\"",
                "`none` is no name of a SNAT pool",
                "write another name: this word has a meaning of its own in `snat`",
            ),
        ],
    );
}

#[test]
fn versions_of_ip_that_do_not_meet() {
    says(
        &with(
            "snat = \"out\"",
            "[[snat_pool]]\nname = \"out\"\naddresses = [\"fd00::5\"]\n",
        ),
        &[(
            6,
            "\"out\"",
            "the SNAT pool has no IPv4 address, and 10.1.0.2:25 is reached by one",
            "add one to its `addresses`",
        )],
    );
    says(
        &with("snat = \"none\"", "").replace("192.0.2.1:25", "[2001:db8::1]:25"),
        &[(
            6,
            "\"none\"",
            "clients of [2001:db8::1]:25 cannot be seen at 10.1.0.2:25 with their own address: one is IPv4, the other IPv6",
            "give each version of IP a virtual server and a pool of its own, or take another `snat`",
        )],
    );
}
