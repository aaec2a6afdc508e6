//! `[[monitor]]`.

use super::says;

#[test]
fn monitors() {
    let monitor = |rest: &str| format!("[[monitor]]\nname = \"m\"\ntype = \"smtp\"\n{rest}");
    says(
        &monitor("interval = \"1m\"\ntimeout = \"30s\""),
        &[(
            4,
            "\"1m\"",
            "the interval of `1m` is longer than its time-out of `30s`",
            "three probes and a second is usual: `timeout = \"181s\"`",
        )],
    );
    says(
        &monitor("timeout = \"29s\""),
        &[(
            4,
            "\"29s\"",
            "the interval of `30s` is longer than its time-out of `29s`",
            "three probes and a second is usual: `timeout = \"91s\"`",
        )],
    );
    says(
        &monitor("interval = \"soon\"\ndomain = \"x\\r\\nQUIT\""),
        &[
            (
                4,
                "\"soon\"",
                "`soon` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                5,
                "\"x\\r\\nQUIT\"",
                "`x\\r\\nQUIT` is not a domain",
                "write a domain, as `\"lb.example.org\"`, or an address literal, as `\"[192.0.2.1]\"`",
            ),
        ],
    );
}

#[test]
fn monitors_and_their_types() {
    let monitor = |rest: &str| format!("[[monitor]]\nname = \"m\"\n{rest}");
    says(
        &monitor("type = \"icmp\"\ndomain = \"x\"\nprogram = \"/x\""),
        &[
            (
                4,
                "\"x\"",
                "`domain` means nothing to a monitor of type `icmp`",
                "leave `domain` out",
            ),
            (
                5,
                "\"/x\"",
                "`program` means nothing to a monitor of type `icmp`",
                "leave `program` out",
            ),
        ],
    );
    says(
        &monitor("type = \"inband\"\ninterval = \"5s\"\nretry = \"1m\"\nretry_max = \"30s\""),
        &[
            (
                4,
                "\"5s\"",
                "`interval` means nothing to a monitor of type `inband`",
                "leave `interval` out",
            ),
            (
                6,
                "\"30s\"",
                "`30s` is out of bounds",
                "write a duration from `\"1m\"` to `\"1d\"`",
            ),
        ],
    );
    says(
        &monitor("type = \"external\""),
        &[(
            3,
            "\"external\"",
            "a monitor of type `external` needs `program`",
            "add `program = \"/etc/smtp-lb/monitors/smtp-auth.sh\"`",
        )],
    );
}

#[test]
fn what_monitors_run_and_say() {
    let monitor = |rest: &str| format!("[[monitor]]\nname = \"m\"\n{rest}");
    says(
        &monitor(
            "type = \"external\"\nprogram = \"x.sh\"\nvariables = [{ name = \"A=B\", value = \"\" }, \
             { name = \"C\", value = \"\" },\n{ name = \"C\", value = \"\" }]",
        ),
        &[
            (
                4,
                "\"x.sh\"",
                "`x.sh` is not an absolute path",
                "write the whole path, beginning with `/`",
            ),
            (
                5,
                "\"A=B\"",
                "`A=B` is not the name of a variable",
                "write letters, digits and `_`, as `\"USER\"`",
            ),
            (
                6,
                "\"C\"",
                "the variable `C` is written twice",
                "write it once",
            ),
        ],
    );
    says(
        &monitor(
            "type = \"smtp\"\ntls = \"none\"\nserver_tls = \"s\"\n\
             message = { from = \"a b\", rcpt = \"\" }\njitter = \"16s\"\n\
             [[server_tls]]\nname = \"s\"",
        ),
        &[
            (
                5,
                "\"s\"",
                "`server_tls` means nothing to a monitor without TLS",
                "leave it out, or write `tls = \"implicit\"` or `\"starttls\"`",
            ),
            (
                6,
                "\"a b\"",
                "`a b` is not a mailbox",
                "write it as `\"probe@example.org\"`, without brackets, or `\"\"`",
            ),
            (
                6,
                "\"\"",
                "`` is not a mailbox",
                "write it as `\"probe@example.org\"`, without brackets",
            ),
            (
                7,
                "\"16s\"",
                "`16s` is out of bounds",
                "write a duration from `\"0s\"` to `\"15s\"`",
            ),
        ],
    );
    says(
        "[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.1:25\"]\nmonitors = [\"m\"]\n\
         min_monitors = 2\n[[monitor]]\nname = \"m\"\ntype = \"tcp\"\n",
        &[(
            5,
            "2",
            "`min_monitors` is 2, of 1 monitors",
            "name as many in `monitors`, or leave `min_monitors` out: then all must agree",
        )],
    );
}

/// A password written by mistake is not repeated.
#[test]
fn a_password_in_the_file_is_not_shown() {
    let text = "[[monitor]]\nname = \"m\"\ntype = \"smtp\"\n\
                auth = { user = \"u\", password = \"hunter2hunter2\" }\n";
    let error = crate::config::tests::read(text).unwrap_err().to_string();
    assert!(
        error.contains("may not stand in the configuration"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}
