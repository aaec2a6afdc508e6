//! TOML that does not fit the schema.

use super::{SOUND, read, says};

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
                "known here: `accept_proxy`, `client_tls`, `firewall_policy`, `flood`, `gateway`, `limits`, `listen`, `log_profile`, `mode`, `name`, …",
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
                "each of `members` must be a string or a table, not an integer",
                "write as `members = [\"10.1.0.2:25\"]`",
            ),
            (
                3,
                "1979-05-27",
                "each of `members` must be a string or a table, not a date",
                "write as `members = [\"10.1.0.2:25\"]`",
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
        &SOUND.replace("pool = ", "mode = \"tls\"\npool = "),
        &[(
            5,
            "\"tls\"",
            "unknown word `tls` for `mode`",
            "write `\"plain\"`, `\"offload\"`, `\"bridge\"`, `\"passthrough\"`, `\"encrypt-server-side\"` or `\"starttls\"`",
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
            "name at least one, as `[\"192.0.2.0/24\", \"10.0.0.5-10.0.0.90\"]`, or leave `source` out",
        )],
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
fn pools_out_of_bounds() {
    let keys = "balance = \"random\"\nslow_ramp = \"2d\"\nwhen_down = \"450\"\nmin_active = 0\nconnections = 0\nqueue = { length = 0, wait = \"1h\" }\nmembers";
    says(
        &SOUND.replace("members", keys),
        &[
            (
                9,
                "\"random\"",
                "unknown word `random` for `balance`",
                "write `\"least-connections\"`, `\"round-robin\"`, `\"ratio\"`, `\"weighted-least-connections\"`, `\"fastest\"`, `\"power-of-two\"` or `\"source-hash\"`",
            ),
            (
                10,
                "\"2d\"",
                "`2d` is out of bounds",
                "write a duration from `\"1ms\"` to `\"1d\"`",
            ),
            (
                11,
                "\"450\"",
                "unknown word `450` for `when_down`",
                "write `\"421\"`, `\"reset\"` or `\"close\"`",
            ),
            (
                12,
                "0",
                "`0` is out of bounds for `min_active`",
                "write a number from 1 to 1000",
            ),
            (
                13,
                "0",
                "`0` is out of bounds for `connections`",
                "write a number from 1 to 10000000",
            ),
            (
                14,
                "0",
                "`0` is out of bounds for `length`",
                "write a number from 1 to 100000",
            ),
            (
                14,
                "\"1h\"",
                "`1h` is out of bounds",
                "write a duration from `\"1ms\"` to `\"10m\"`",
            ),
        ],
    );
}
