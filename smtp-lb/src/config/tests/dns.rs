//! `[dns]`.

use std::time::Duration;

use super::faults::says;
use super::{SOUND, read};

fn dns(keys: &str) -> String {
    format!("{SOUND}\n[dns]\n{keys}\n")
}

#[test]
fn servers_are_addresses_with_a_port_or_without() {
    let text = dns(
        "servers = [\"192.0.2.53\", \"2001:db8::53\", \"[2001:db8::53]:5353\"]\ntimeout = \"2s\"",
    );
    let plan = read(&text).unwrap().plan.dns;
    let servers = plan.servers.iter().map(ToString::to_string);
    assert_eq!(
        servers.collect::<Vec<_>>(),
        ["192.0.2.53:53", "[2001:db8::53]:53", "[2001:db8::53]:5353"]
    );
    assert_eq!(plan.timeout, Duration::from_secs(2));
    let none = read(SOUND).unwrap().plan.dns;
    assert!(none.servers.is_empty());
    assert_eq!((none.in_flight, none.cache), (512, 10_000));
}

#[test]
fn settings_that_cannot_be() {
    for (keys, shown, message, help) in [
        (
            "servers = [\"ns.example.org:53\"]",
            "\"ns.example.org:53\"",
            "`ns.example.org` is a host name, and who would resolve it?",
            "write the address of a name server",
        ),
        (
            "servers = [\"192.0.2.53\", \"192.0.2.53:53\"]",
            "\"192.0.2.53:53\"",
            "`192.0.2.53:53` is listed twice",
            "list it once",
        ),
        (
            "timeout = \"1ms\"",
            "\"1ms\"",
            "`1ms` is out of bounds",
            "write a duration from `\"100ms\"` to `\"30s\"`",
        ),
    ] {
        let text = dns(keys);
        let whole = dns("#here");
        let at = whole.find("#here").unwrap();
        let line = whole[..at].matches('\n').count() + 1;
        says(&text, &[(line, shown, message, help)]);
    }
}
