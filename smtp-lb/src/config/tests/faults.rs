//! Bad files and what is said of them: line, text underlined, message, help.

use super::{SOUND, read};

/// Line, text at fault, message, help.
type Said<'a> = (usize, &'a str, &'a str, &'a str);

#[track_caller]
fn says(text: &str, expected: &[Said<'_>]) {
    let found = read(text).expect_err("it is wrong");
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.line, it.text, it.message, it.help))
        .collect();
    assert_eq!(found, expected, "\n{text}");
}

#[test]
fn broken_toml() {
    says(
        "mode = plain",
        &[(
            1,
            "plain",
            "string values must be quoted, expected literal string",
            "write `\"plain\"`",
        )],
    );
    says(
        "a = 5 m\n\nb = \"x\nc = [1",
        &[
            (
                1,
                "5 m",
                "string values must be quoted, expected literal string",
                "write `\"5 m\"`",
            ),
            (
                3,
                "x",
                "invalid basic string, expected `\"`",
                "close the string with `\"` on the same line",
            ),
            (
                4,
                "1",
                "unclosed array, expected `]`",
                "close the array with `]`",
            ),
        ],
    );
    says(
        "[admin]\n[admin]",
        &[(
            2,
            "admin",
            "duplicate key",
            "keep one of them; of what can be many, write each as `[[table]]`",
        )],
    );
    says(
        "a =",
        &[(
            1,
            "=",
            "string values must be quoted, expected literal string",
            "write a value after `=`",
        )],
    );
    says(
        &format!("a = \"{}\"", "x".repeat(70_000)),
        &[(
            1,
            "",
            "this line is longer than 64 KiB",
            "put each element of a long array on a line of its own",
        )],
    );
}

#[test]
fn unknown_keys() {
    says(
        &SOUND
            .replace("pool = ", "timout = 1\npool = ")
            .replace("monitors", "monitor"),
        &[
            (
                5,
                "timout",
                "unknown key `timout` in `virtual_server`",
                "known here: `firewall_policy`, `limits`, `listen`, `log_profile`, `mode`, `name`, `pool`",
            ),
            (
                11,
                "monitor",
                "unknown key `monitor` in `pool`",
                "did you mean `monitors`?",
            ),
        ],
    );
    says(
        "[[pools]]",
        &[(1, "pools", "unknown key `pools`", "did you mean `pool`?")],
    );
    says(
        "[firewall]\nmod = \"adc\"\n[firewall.polices]",
        &[
            (
                2,
                "mod",
                "unknown key `mod` in `firewall`",
                "did you mean `mode`?",
            ),
            (
                3,
                "polices",
                "unknown key `polices` in `firewall`",
                "did you mean `policy`?",
            ),
        ],
    );
}

#[test]
fn missing_keys() {
    says(
        "[[pool]]\n[[virtual_server]]\nname = \"v\"\n[[log.destination]]\nname = \"d\"",
        &[
            (
                1,
                "[[pool]]",
                "`name` is missing from `pool`",
                "add `name = \"…\"`",
            ),
            (
                1,
                "[[pool]]",
                "`members` is missing from `pool`",
                "add `members = [\"10.1.0.2:25\"]`",
            ),
            (
                2,
                "[[virtual_server]]",
                "`listen` is missing from `virtual_server`",
                "add `listen = [\"192.0.2.1:25\", \"[2001:db8::1]:25\"]`",
            ),
            (
                2,
                "[[virtual_server]]",
                "`pool` is missing from `virtual_server`",
                "add `pool = \"…\"`",
            ),
            (
                4,
                "[[log.destination]]",
                "`type` is missing from `log.destination`",
                "add `type = \"file\"`",
            ),
        ],
    );
    says(
        "[[pool]]\nname = \"p\"\nmembers = [{ name = \"m\" }]",
        &[(
            3,
            "{ name = \"m\" }",
            "`address` is missing from `pool.members`",
            "add `address = \"10.1.0.2:25\"`",
        )],
    );
    says(
        "[[firewall.policy]]\nname = \"p\"\n[[firewall.policy.rule]]\nname = \"r\"",
        &[(
            3,
            "[[firewall.policy.rule]]",
            "`action` is missing from `firewall.policy.rule`",
            "add `action = \"accept\"`",
        )],
    );
}

#[test]
fn wrong_types() {
    says(
        "[general]\nworkers = \"2\"\ngrace = 30\n[firewall]\nlog_default = \"yes\"\ninterfaces = \"eth0\"",
        &[
            (
                2,
                "\"2\"",
                "`workers` must be an integer, not a string",
                "write `workers = 2`, without quotes",
            ),
            (
                3,
                "30",
                "`grace` must be a string, not an integer",
                "write `grace = \"30s\"`",
            ),
            (
                5,
                "\"yes\"",
                "`log_default` must be true or false, not a string",
                "write `log_default = true`",
            ),
            (
                6,
                "\"eth0\"",
                "`interfaces` must be an array, not a string",
                "write `interfaces = [\"eth0\"]`",
            ),
        ],
    );
    says(
        "[pool]\nname = \"p\"",
        &[(
            1,
            "[pool]",
            "`pool` must be an array, not a table",
            "write `[[pool]]` above each, in double brackets",
        )],
    );
    says(
        "[[general]]\nworkers = 2",
        &[(
            1,
            "[[general]]",
            "`general` must be a table, not an array",
            "write `[general]`, in single brackets, once",
        )],
    );
    says(
        "[[pool]]\nname = \"p\"\nmembers = [25, \"10.0.0.1:25\", 1979-05-27]",
        &[
            (
                3,
                "25",
                "`members` must be a string or a table, not an integer",
                "write `members = \"…\"`",
            ),
            (
                3,
                "1979-05-27",
                "`members` must be a string or a table, not a date",
                "write `members = \"…\"`",
            ),
        ],
    );
}

#[test]
fn words_and_bounds() {
    says(
        "[firewall]\nmode = \"firewal\"\nenforcement = \"xdp\"\nevent_rate = 0\nevent_burst = 99999999999999999999\n[log]\nbus_capacity = -1",
        &[
            (
                2,
                "\"firewal\"",
                "unknown word `firewal` for `mode`",
                "did you mean `\"firewall\"`?",
            ),
            (
                3,
                "\"xdp\"",
                "unknown word `xdp` for `enforcement`",
                "write `\"auto\"`, `\"xdp-native\"`, `\"xdp-generic\"` or `\"userspace\"`",
            ),
            (
                4,
                "0",
                "`0` is out of bounds for `event_rate`",
                "write a number from 1 to 1000000",
            ),
            (
                5,
                "99999999999999999999",
                "`99999999999999999999` is out of bounds for `event_burst`",
                "write a number from 1 to 1000000",
            ),
            (
                7,
                "-1",
                "`-1` is out of bounds for `bus_capacity`",
                "write a number from 1 to 16777216",
            ),
        ],
    );
    says(
        &SOUND.replace("pool = ", "mode = \"starttls\"\npool = "),
        &[(
            5,
            "\"starttls\"",
            "unknown word `starttls` for `mode`",
            "write `\"plain\"`",
        )],
    );
    let limits = "pool = \"mail\"\n[virtual_server.limits]\nconnections = 0\nconnect_attempts = 0\nconnect_timeout = \"0s\"\nidle_timeout = \"none\"\nsession_timeout = \"forever\"\n";
    says(
        &SOUND.replace("pool = \"mail\"\n", limits),
        &[
            (
                7,
                "0",
                "`0` is out of bounds for `connections`",
                "write a number from 1 to 10000000",
            ),
            (
                8,
                "0",
                "`0` is out of bounds for `connect_attempts`",
                "write a number from 1 to 100",
            ),
            (
                9,
                "\"0s\"",
                "`0s` is out of bounds",
                "write a duration from `\"1ms\"` to `\"10m\"`",
            ),
            (
                10,
                "\"none\"",
                "`none` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                11,
                "\"forever\"",
                "`forever` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
        ],
    );
}

#[test]
fn empty_lists() {
    says(
        "[[virtual_server]]\nname = \"v\"\nlisten = []\npool = \"p\"\n[[pool]]\nname = \"p\"\nmembers = []\n[[log.publisher]]\nname = \"x\"\ndestinations = []",
        &[
            (
                3,
                "[]",
                "`listen` is empty",
                "name at least one, as `[\"192.0.2.1:25\", \"[2001:db8::1]:25\"]`",
            ),
            (
                7,
                "[]",
                "`members` is empty",
                "name at least one, as `[\"10.1.0.2:25\"]`",
            ),
            (10, "[]", "`destinations` is empty", "name at least one"),
        ],
    );
    says(
        "[[firewall.policy]]\nname = \"p\"\nrule = [{ name = \"r\", source = [], action = \"drop\" }]",
        &[(
            3,
            "[]",
            "`source` is empty",
            "name at least one, as `[\"192.0.2.0/24\"]`, or leave `source` out",
        )],
    );
}

#[test]
fn addresses() {
    says(
        &SOUND
            .replace("\"192.0.2.1:25\"", "\"192.0.2.1:25\", \"192.0.2.1\", \"mx.example.org:25\", \"224.0.0.1:25\", \"192.0.2.1:25\"")
            .replace("\"10.1.0.2:25\"", "\"10.1.0.2:25\", { name = \"b\", address = \"10.1.0.2:25\" }, \"nowhere.example.org:25\", \"0.0.0.0:25\", \"empty.example.org:25\", \"10.1.0.300:25\""),
        &[
            (4, "\"192.0.2.1\"", "`192.0.2.1` has no port", "write `\"192.0.2.1:25\"`"),
            (4, "\"mx.example.org:25\"", "`mx.example.org` is a host name, which cannot be listened on", "write an address, or all of them: `\"0.0.0.0:25\", \"[::]:25\"`"),
            (4, "\"224.0.0.1:25\"", "`224.0.0.1` cannot be listened on", "write an address of this machine"),
            (4, "\"192.0.2.1:25\"", "`192.0.2.1:25` is listened on twice", "write another address or port, or leave it out"),
            (9, "\"10.1.0.2:25\"", "`10.1.0.2:25` is in the pool already", "name each member once"),
            (9, "\"nowhere.example.org:25\"", "`nowhere.example.org` cannot be resolved: no such name", "mend the name or the resolver, or write an address"),
            (9, "\"0.0.0.0:25\"", "`0.0.0.0` is not the address of one server", "write the server's own address"),
            (9, "\"empty.example.org:25\"", "`empty.example.org` has no address", "mend the name, or write an address"),
            (9, "\"10.1.0.300:25\"", "`10.1.0.300` is not an address", "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`"),
        ],
    );
}

#[test]
fn listened_on_twice_in_two_servers_and_not_by_another_socket() {
    let second = "\n[[virtual_server]]\nname = \"b\"\nlisten = [\"0.0.0.0:25\", \"192.0.2.1:26\", \"192.0.2.1:25\"]\npool = \"mail\"\n";
    says(
        &format!("{SOUND}{second}"),
        &[(
            18,
            "\"192.0.2.1:25\"",
            "`192.0.2.1:25` is listened on twice",
            "write another address or port, or leave it out",
        )],
    );
}

#[test]
fn names_and_references() {
    says(
        r#"
        [[virtual_server]]
        name = "v"
        listen = ["192.0.2.1:25"]
        pool = "mial"
        firewall_policy = "nothing-like-it"
        log_profile = "p"
        [[pool]]
        name = "mail"
        members = ["10.0.0.1:25", { name = "10.0.0.1:25", address = "10.0.0.2:25" }]
        monitors = ["smtp", "smtp"]
        [[pool]]
        name = "mail"
        members = ["10.0.0.1:25"]
        [[monitor]]
        name = "smtp"
        type = "smtp"
        [[monitor]]
        name = "has space"
        type = "smtp"
        [firewall]
        host_policy = "hots"
        [[firewall.policy]]
        name = "host"
        rule = [{ name = "r", action = "drop" }, { name = "r", action = "drop" }]
        [[log.publisher]]
        name = "pub"
        destinations = ["file"]
        "#,
        &[
            (
                5,
                "\"mial\"",
                "there is no pool named `mial`",
                "did you mean `\"mail\"`?",
            ),
            (
                6,
                "\"nothing-like-it\"",
                "there is no firewall policy named `nothing-like-it`",
                "write one of `host`",
            ),
            (
                7,
                "\"p\"",
                "there is no log profile named `p`",
                "add it as `[[log.profile]]` with `name = \"p\"`",
            ),
            (
                10,
                "\"10.0.0.1:25\"",
                "the name `10.0.0.1:25` is taken",
                "write a name that no other member has",
            ),
            (11, "\"smtp\"", "`smtp` is named twice", "name it once"),
            (
                13,
                "\"mail\"",
                "the name `mail` is taken",
                "write a name that no other has",
            ),
            (
                19,
                "\"has space\"",
                "`has space` is not a name",
                "write 1 to 63 letters, digits or characters of `-_.:/[]`",
            ),
            (
                22,
                "\"hots\"",
                "there is no firewall policy named `hots`",
                "did you mean `\"host\"`?",
            ),
            (
                25,
                "\"r\"",
                "the name `r` is taken",
                "write a name that no other has",
            ),
            (
                28,
                "\"file\"",
                "there is no log destination named `file`",
                "add it as `[[log.destination]]` with `name = \"file\"`",
            ),
        ],
    );
}

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
fn rules() {
    says(
        r#"
        [[firewall.failsafe]]
        name = "f"
        port = 22
        [[firewall.address_list]]
        name = "empty"
        [[firewall.policy]]
        name = "p"
        [[firewall.policy.rule]]
        name = "a"
        source = ["10.0.0.5/24", "any"]
        protocol = "tpc"
        port = "30-25"
        action = "drop"
        [[firewall.policy.rule]]
        name = "b"
        source_lists = ["empty"]
        action = "accept"
        [[firewall.policy.rule]]
        name = "c"
        protocol = "icmp"
        port = 25
        action = "accept"
        [[firewall.policy.rule]]
        name = "d"
        protocol = "icmp"
        source = ["2001:db8::/32"]
        action = "accept"
        "#,
        &[
            (
                3,
                "\"f\"",
                "the failsafe entry `f` names no source",
                "add `source = [\"192.0.2.0/24\"]` with the networks you administer from",
            ),
            (
                4,
                "22",
                "a port without a protocol",
                "add `protocol = \"tcp\"` or `protocol = \"udp\"`",
            ),
            (
                11,
                "\"10.0.0.5/24\"",
                "`10.0.0.5/24` has bits set beyond its prefix",
                "write `\"10.0.0.0/24\"` for the network, or `\"10.0.0.5\"` for the one address",
            ),
            (
                11,
                "\"any\"",
                "`any` is not an address",
                "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
            ),
            (
                12,
                "\"tpc\"",
                "`tpc` is not a protocol",
                "did you mean `\"tcp\"`?",
            ),
            (
                13,
                "\"30-25\"",
                "`30-25` ends before it begins",
                "write `\"25-30\"`",
            ),
            (
                17,
                "[\"empty\"]",
                "these lists hold no network, so the rule could never match",
                "put a network in a list, or write `enabled = false` in the rule",
            ),
            (
                22,
                "25",
                "protocol 1 has no ports",
                "leave `port` out, or write `protocol = \"tcp\"`",
            ),
            (
                26,
                "\"icmp\"",
                "`icmp` is for IPv4, but every source is IPv6: it could never match",
                "write `protocol = \"icmpv6\"`",
            ),
        ],
    );
}

#[test]
fn lists_in_a_circle() {
    says(
        r#"
        [firewall]
        address_list = [
            { name = "a", lists = ["b"] },
            { name = "b", lists = ["c", "d"] },
            { name = "c", lists = ["a", "d"] },
            { name = "d", networks = ["10.0.0.0/8"], lists = ["d"] },
            { name = "e", lists = ["a", "x"] },
        ]
        "#,
        &[
            (
                6,
                "\"a\"",
                "the list `a` contains itself: a → b → c → a",
                "take one of the lists out of the other",
            ),
            (
                7,
                "\"d\"",
                "the list `d` contains itself: d → d",
                "take one of the lists out of the other",
            ),
            (
                8,
                "\"x\"",
                "there is no firewall address list named `x`",
                "write one of `a`, `b`, `c`, `d`, `e`",
            ),
        ],
    );
}

#[test]
fn log_destinations() {
    says(
        r#"
        [[log.destination]]
        name = "a"
        type = "file"
        address = "10.0.0.1:514"
        facility = "local0"
        [[log.destination]]
        name = "b"
        type = "syslog"
        path = "/x"
        [[log.destination]]
        name = "c"
        type = "file"
        path = "events.json"
        [[log.destination]]
        name = "d"
        type = "syslog"
        address = "10.0.0.1:514"
        source = "fd00::1"
        facility = "local8"
        [[log.destination]]
        name = "e"
        type = "syslog"
        address = "10.0.0.1:514"
        source = "fd00::1"
        [[log.destination]]
        name = "f"
        type = "file"
        path = "/tmp/x"
        [[log.destination]]
        name = "g"
        type = "file"
        path = "/tmp/x"
        "#,
        &[
            (
                4,
                "\"file\"",
                "a destination of type `file` needs `path`",
                "add `path = \"/var/log/smtp-lb/events.json\"`",
            ),
            (
                5,
                "\"10.0.0.1:514\"",
                "`address` means nothing to a destination of type `file`",
                "leave `address` out",
            ),
            (
                6,
                "\"local0\"",
                "`facility` means nothing to a destination of type `file`",
                "leave `facility` out",
            ),
            (
                9,
                "\"syslog\"",
                "a destination of type `syslog` needs `address`",
                "add `address = \"10.9.0.2:514\"`",
            ),
            (
                10,
                "\"/x\"",
                "`path` means nothing to a destination of type `syslog`",
                "leave `path` out",
            ),
            (
                14,
                "\"events.json\"",
                "`events.json` is not an absolute path",
                "write the whole path, beginning with `/`",
            ),
            (
                19,
                "\"fd00::1\"",
                "10.0.0.1:514 cannot be reached from fd00::1: one is IPv4, the other IPv6",
                "write both of one family",
            ),
            (
                20,
                "\"local8\"",
                "unknown word `local8` for `facility`",
                "did you mean `\"local0\"`?",
            ),
            (
                25,
                "\"fd00::1\"",
                "10.0.0.1:514 cannot be reached from fd00::1: one is IPv4, the other IPv6",
                "write both of one family",
            ),
            (
                33,
                "\"/tmp/x\"",
                "`/tmp/x` is written to twice",
                "write another path, or name the one destination in both publishers",
            ),
        ],
    );
}

#[test]
fn what_lacks_only_because_it_is_misshapen_is_told_once() {
    says(
        "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1\"]\npool = \"p\"\n[pool]\nname = \"p\"",
        &[
            (
                3,
                "\"192.0.2.1\"",
                "`192.0.2.1` has no port",
                "write `\"192.0.2.1:25\"`",
            ),
            (
                5,
                "[pool]",
                "`pool` must be an array, not a table",
                "write `[[pool]]` above each, in double brackets",
            ),
        ],
    );
    for (text, line, at) in [
        (
            "[[firewall.failsafe]]\nname = \"f\"\nsource = \"10.0.0.1\"",
            3,
            "\"10.0.0.1\"",
        ),
        (
            "[[firewall.failsafe]]\nname = \"f\"\nsourcs = [\"10.0.0.1\"]",
            3,
            "sourcs",
        ),
        (
            "[[firewall.failsafe]]\nname = \"f\"\nsource = [\"10.0.0.1\"]\nprotocol = [\"tcp\"]\nport = 22",
            4,
            "[\"tcp\"]",
        ),
        (
            "[[monitor]]\nname = \"m\"\ntype = \"smtp\"\ninterval = 5\ntimeout = \"16s\"",
            4,
            "5",
        ),
        (
            "[[log.destination]]\nname = \"d\"\ntype = \"file\"\npath = [\"/x\"]",
            4,
            "[\"/x\"]",
        ),
        (
            "[[log.destination]]\nname = \"d\"\ntype = \"files\"",
            3,
            "\"files\"",
        ),
        (
            "[[log.destination]]\nname = 5\ntype = \"file\"\npath = \"/x\"\n[[log.publisher]]\nname = \"p\"\ndestinations = [\"5\"]",
            2,
            "5",
        ),
        ("log = 5\n[firewall]\nlog_profile = \"x\"", 1, "5"),
    ] {
        let found = read(text).expect_err("it is wrong");
        let found: Vec<_> = found.iter().map(|it| (it.line, it.text)).collect();
        assert_eq!(found, [(line, at)], "\n{text}");
    }
}

#[test]
fn shown_with_both_places_and_help() {
    let text = SOUND.replace(
        "[\"192.0.2.1:25\"]",
        "[\n  \"192.0.2.1:25\",\n  \"192.0.2.1:25\",\n]",
    );
    let shown = read(&text).unwrap_err().to_string();
    let expected = r#"
error: `192.0.2.1:25` is listened on twice
 --> test.toml:6:3
  |
5 |   "192.0.2.1:25",
  |   -------------- first listened on here
6 |   "192.0.2.1:25",
  |   ^^^^^^^^^^^^^^
  |
  = help: write another address or port, or leave it out"#;
    assert_eq!(shown, expected.trim_start());
}

#[test]
fn serialized() {
    let found = read("# é\nadmin = { \"é\" = 1, mode = \"9\" }").unwrap_err();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        serde_json::json!([
            {
                "severity": "error", "file": "test.toml", "line": 2, "column": 11,
                "text": "\"é\"", "message": "unknown key `é` in `admin`",
                "help": "known here: `mode`, `socket`",
            },
            {
                "severity": "error", "file": "test.toml", "line": 2, "column": 27,
                "text": "\"9\"", "message": "`9` is not a file mode",
                "help": "write three octal digits after a zero, as `\"0600\"`",
            },
        ])
    );
}

#[test]
fn nothing_reaches_the_terminal_unescaped() {
    let text = "\"\\u001B[31m\\u202Ekey\" = 1\n[[pool]]\nname = \"\\u001B[2J\"\nmembers = [\"\\u0007:25\"]";
    let found = super::super::parse("\u{1b}]0;x\u{7}.toml", text, &super::Known).unwrap_err();
    assert!(found.len() >= 2, "{found}");
    let shown = found.to_string();
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}
