//! Log destinations: what their queues may be.

use super::says;

#[test]
fn queues_on_disk() {
    says(
        r#"
        [[log.destination]]
        name = "a"
        type = "syslog"
        address = "10.0.0.1:514"
        disk = { size = "1KiB", age = "2y", confirm = "10s" }
        [[log.destination]]
        name = "b"
        type = "syslog"
        address = "10.0.0.1:514"
        transport = "tcp"
        overflow = "older"
        disk = { confirm = "1ms", sise = "1GiB" }
        "#,
        &[
            (
                6,
                "\"1KiB\"",
                "`1KiB` is out of bounds",
                "write a size from `\"64KiB\"` to `\"1024GiB\"`",
            ),
            (
                6,
                "\"2y\"",
                "`2y` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                6,
                "\"10s\"",
                "`confirm` means something over TCP, TLS and HTTP only",
                "leave `confirm` out",
            ),
            (
                12,
                "\"older\"",
                "unknown word `older` for `overflow`",
                "did you mean `\"oldest\"`?",
            ),
            (
                13,
                "\"1ms\"",
                "`1ms` is out of bounds",
                "write a duration from `\"10ms\"` to `\"1h\"`",
            ),
            (
                13,
                "sise",
                "unknown key `sise` in `log.destination.disk`",
                "did you mean `size`?",
            ),
        ],
    );
}

#[test]
fn collectors() {
    says(
        r#"
        [[log.pool]]
        name = "siem"
        members = ["10.0.0.1:514", "10.0.0.300:514"]
        interval = "2m"
        [[log.destination]]
        name = "a"
        type = "syslog"
        address = "10.0.0.1:514"
        pool = "siem"
        token = "hunter2"
        [[log.destination]]
        name = "b"
        type = "hec"
        address = "10.0.0.1:8088"
        format = "cef"
        [[log.destination]]
        name = "c"
        type = "hec"
        token = "hunter2"
        [[log.destination]]
        name = "d"
        type = "forward"
        forward_to = "c"
        [[log.destination]]
        name = "e"
        type = "journald"
        format = "json"
        [[log.destination]]
        name = "f"
        type = "forward"
        "#,
        &[
            (
                4,
                "\"10.0.0.300:514\"",
                "`10.0.0.300` is not an address",
                "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
            ),
            (
                10,
                "\"siem\"",
                "a destination has an `address` or a `pool`, not both",
                "leave one of them out",
            ),
            (
                11,
                "\"hunter2\"",
                "`token` means nothing to a destination of type `syslog`",
                "leave `token` out",
            ),
            (
                14,
                "\"hec\"",
                "a destination of type `hec` needs `token`",
                "add `token = \"file:/etc/smtp-lb/hec.token\"`",
            ),
            (
                16,
                "\"cef\"",
                "Splunk's HTTP event collector takes JSON",
                "leave `format` out",
            ),
            (
                19,
                "\"hec\"",
                "a destination of type `hec` needs `address`",
                "add `address = \"splunk.example.org:8088\"`",
            ),
            (
                28,
                "\"json\"",
                "the journal has a format of its own",
                "leave `format` out",
            ),
            (
                31,
                "\"forward\"",
                "a destination of type `forward` needs `forward_to`",
                "add `forward_to = \"NAME\"`",
            ),
        ],
    );
}

#[test]
fn a_timeout_below_the_interval() {
    says(
        r#"
        [[log.pool]]
        name = "siem"
        members = ["10.0.0.1:514"]
        interval = "2m"
        timeout = "91s"
        "#,
        &[(
            6,
            "\"91s\"",
            "a collector would be down before it is asked again",
            "write a `timeout` above `interval`",
        )],
    );
}

#[test]
fn rates_of_classes() {
    says(
        r#"
        [[log.destination]]
        name = "d"
        type = "file"
        path = "/var/log/d"
        [[log.publisher]]
        name = "p"
        destinations = ["d"]
        [[log.profile]]
        name = "a"
        publisher = "p"
        class_rate = 0
        [log.profile.rates]
        drop = 1000001
        sessions = 7
        "#,
        &[
            (
                12,
                "0",
                "`0` is out of bounds for `class_rate`",
                "write a number from 1 to 1000000",
            ),
            (
                14,
                "1000001",
                "`1000001` is out of bounds for `drop`",
                "write a number from 1 to 1000000",
            ),
            (
                15,
                "sessions",
                "unknown key `sessions` in `log.profile.rates`",
                "did you mean `session`?",
            ),
        ],
    );
}

#[test]
fn lists_of_fields_of_profiles() {
    says(
        r#"
        [[log.destination]]
        name = "own"
        type = "file"
        path = "/var/log/own"
        format = "bigip"
        fields = ["action"]
        [[log.destination]]
        name = "list"
        type = "file"
        path = "/var/log/list"
        format = "bigip"
        [[log.publisher]]
        name = "own"
        destinations = ["own"]
        [[log.publisher]]
        name = "both"
        destinations = ["own", "list"]
        [[log.profile]]
        name = "a"
        publisher = "both"
        fields = ["src_ip"]
        [[log.profile]]
        name = "b"
        publisher = "both"
        fields = ["dest_ip"]
        [[log.profile]]
        name = "c"
        publisher = "own"
        delimiter = "|"
        "#,
        &[
            (
                26,
                "[\"dest_ip\"]",
                "`list` gets two lists of fields, from two profiles",
                "give each profile a destination of its own, as one of type `forward`",
            ),
            (
                30,
                "\"|\"",
                "no destination of this profile takes a list of fields",
                "add `format = \"bigip\"` to one that has no `fields` of its own",
            ),
        ],
    );
    says(
        r#"
        [[log.destination]]
        name = "list"
        type = "file"
        path = "/var/log/list"
        format = "bigip"
        [[log.publisher]]
        name = "p"
        destinations = ["list"]
        [[log.profile]]
        name = "a"
        publisher = "p"
        fields = ["src_ip", "rout_domain"]
        "#,
        &[(
            13,
            "\"rout_domain\"",
            "no field is named `rout_domain`",
            "did you mean `\"route_domain\"`?",
        )],
    );
}
