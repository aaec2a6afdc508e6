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
                "`confirm` means something with `transport = \"tcp\"` or `\"tls\"` only",
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
