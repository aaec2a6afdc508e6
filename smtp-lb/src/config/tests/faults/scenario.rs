//! Modes, profiles and gateways that do not go together.

use super::says;

/// A virtual server of this mode and with these keys, a pool, and a profile of each kind with
/// these keys. Line 4 is `mode`, line 5 on are `keys`.
fn config(mode: &str, keys: &str, client: &str, server: &str) -> String {
    format!(
        "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\nmode = \"{mode}\"\n\
         pool = \"p\"\n{keys}\n\
         [[pool]]\nname = \"p\"\nmembers = [\"10.0.0.1:25\"]\n\
         [[client_tls]]\nname = \"c\"\ncertificate = \"/c.pem\"\nkey = \"file:/c.key\"\n{client}\n\
         [[server_tls]]\nname = \"s\"\n{server}\n"
    )
}

/// Every mode with neither, either and both profiles.
#[test]
fn modes_and_profiles() {
    use Need::{May, Must, Never};
    #[derive(Clone, Copy, PartialEq)]
    enum Need {
        Must,
        May,
        Never,
    }
    for (mode, client, server) in [
        ("plain", Never, Never),
        ("offload", Must, Never),
        ("bridge", Must, Must),
        ("passthrough", Never, Never),
        ("encrypt-server-side", Never, Must),
        ("starttls", Must, May),
    ] {
        for (has_client, has_server) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let others = match (has_client, has_server) {
                (true, false) => "`mode = \"offload\"` or `mode = \"starttls\"`",
                (false, true) => "`mode = \"encrypt-server-side\"`",
                _ => "`mode = \"bridge\"` or `mode = \"starttls\"`",
            };
            let (mut keys, mut expected) = (Vec::new(), Vec::new());
            for (key, name, need, has) in [
                ("client_tls", "\"c\"", client, has_client),
                ("server_tls", "\"s\"", server, has_server),
            ] {
                if has {
                    keys.push(format!("{key} = {name}"));
                }
                if has && need == Never {
                    expected.push((
                        5 + keys.len(),
                        name.to_owned(),
                        format!("`{key}` means nothing with `mode = \"{mode}\"`"),
                        format!("leave `{key}` out, or write {others}"),
                    ));
                } else if !has && need == Must {
                    expected.push((
                        4,
                        format!("\"{mode}\""),
                        format!("`mode = \"{mode}\"` needs `{key}`"),
                        format!("add `{key} = {name}`"),
                    ));
                }
            }
            expected.sort_by_key(|(line, ..)| *line);
            let text = config(mode, &keys.join("\n"), "", "");
            if expected.is_empty() {
                super::read(&text).unwrap_or_else(|found| panic!("{found}"));
                continue;
            }
            let expected = expected.iter().map(|(line, text, message, help)| {
                (*line, text.as_str(), message.as_str(), help.as_str())
            });
            says(&text, &expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_needed_profile_that_nobody_wrote() {
    says(
        "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\nmode = \"offload\"\npool = \"p\"\n[[pool]]\nname = \"p\"\nmembers = [\"10.0.0.1:25\"]",
        &[(
            4,
            "\"offload\"",
            "`mode = \"offload\"` needs `client_tls`",
            "add `client_tls = \"…\"`, the name of a `[[client_tls]]`",
        )],
    );
    says(
        &config("bridge", "client_tls = \"x\"\nserver_tls = \"S\"", "", ""),
        &[
            (
                6,
                "\"x\"",
                "there is no client tls named `x`",
                "write one of `c`",
            ),
            (
                7,
                "\"S\"",
                "there is no server tls named `S`",
                "did you mean `\"s\"`?",
            ),
        ],
    );
}

/// A mode that was not understood is told once.
#[test]
fn nothing_follows_from_an_unknown_mode() {
    let text = config("ofload", "client_tls = \"c\"\ngateway = {}", "", "");
    says(
        &text,
        &[(
            4,
            "\"ofload\"",
            "unknown word `ofload` for `mode`",
            "did you mean `\"offload\"`?",
        )],
    );
}

#[test]
fn gateways() {
    says(
        &config("passthrough", "[virtual_server.gateway]", "", ""),
        &[(
            6,
            "[virtual_server.gateway]",
            "SMTP cannot be read with `mode = \"passthrough\"`: TLS is not decrypted",
            "leave `gateway` out, or write `mode = \"bridge\"`",
        )],
    );
    says(
        &config(
            "plain",
            "[virtual_server.gateway]\nstarttls = \"allow\"",
            "",
            "",
        ),
        &[(
            7,
            "\"allow\"",
            "`starttls` means nothing with `mode = \"plain\"`",
            "leave `starttls` out, or write `mode = \"starttls\"`",
        )],
    );
}

#[test]
fn gateway_values() {
    says(
        &config(
            "plain",
            "[virtual_server.gateway]\nhostname = \"[192.0.2.1]\"\nbanner = \"a\\r\\n220 b\"\nbad_commands = 1\n\
             junk_commands = 0\nrecipients = 10001\ncommand_timeout = \"0s\"\ndata_timeout = \"2h\"\n\
             min_rate = -1\nreply_timeout = \"5\"\ndata_reply_timeout = \"none\"",
            "",
            "",
        ),
        &[
            (
                7,
                "\"[192.0.2.1]\"",
                "`[192.0.2.1]` is not a host name",
                "write a host name, as `\"mx.example.org\"`",
            ),
            (
                8,
                "\"a\\r\\n220 b\"",
                "`a\\r\\n220 b` is not one line of ASCII",
                "write printable ASCII, as `\"{hostname} ESMTP\"`",
            ),
            (
                9,
                "1",
                "`1` is out of bounds for `bad_commands`",
                "write a number from 2 to 10000",
            ),
            (
                10,
                "0",
                "`0` is out of bounds for `junk_commands`",
                "write a number from 1 to 100000",
            ),
            (
                11,
                "10001",
                "`10001` is out of bounds for `recipients`",
                "write a number from 1 to 10000",
            ),
            (
                12,
                "\"0s\"",
                "`0s` is out of bounds",
                "write a duration from `\"1s\"` to `\"1h\"`",
            ),
            (
                13,
                "\"2h\"",
                "`2h` is out of bounds",
                "write a duration from `\"1s\"` to `\"1h\"`",
            ),
            (
                14,
                "-1",
                "`-1` is out of bounds for `min_rate`",
                "write a number from 0 to 1000000",
            ),
            (
                15,
                "\"5\"",
                "`5` has no unit",
                "write `\"5s\"`; the units are ms, s, m, h and d",
            ),
            (
                16,
                "\"none\"",
                "`none` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
        ],
    );
    let long = format!(
        "[virtual_server.gateway]\nhostname = \"mx\"\nbanner = \"{{hostname}} {}\"",
        "x".repeat(397)
    );
    super::read(&config("plain", &long, "", "")).unwrap();
    says(
        &config("plain", &long.replace("\"mx\"", "\"mx1\""), "", ""),
        &[(
            8,
            &format!("\"{{hostname}} {}\"", "x".repeat(397)),
            &format!("`{{hostname}} {}…` is 401 octets long", "x".repeat(49)),
            "write at most 400 octets, the host name in its place",
        )],
    );
}
