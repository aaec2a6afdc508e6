//! What fits the schema and yet means nothing.

use super::{SOUND, says};

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
fn a_default_is_for_firewall_mode() {
    for mode in ["", "mode = \"adc\"\n"] {
        let line = 17 + mode.lines().count();
        says(
            &format!("{SOUND}\n[firewall]\n{mode}default = \"reject\"\n"),
            &[(
                line,
                "\"reject\"",
                "`default` is for `mode = \"firewall\"`; in `adc` mode what no rule decides is accepted",
                "leave it out, or set `mode = \"firewall\"`",
            )],
        );
    }
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
fn networks_listed_twice() {
    says(
        r#"
        [[firewall.failsafe]]
        name = "f"
        source = ["192.0.2.1", "10.0.0.0/8", "192.0.2.1/32"]
        [[firewall.address_list]]
        name = "l"
        networks = [
            "fd00::/8",
            "fd00::/8",
        ]
        "#,
        &[
            (
                4,
                "\"192.0.2.1/32\"",
                "`192.0.2.1/32` is listed twice",
                "list it once",
            ),
            (
                9,
                "\"fd00::/8\"",
                "`fd00::/8` is listed twice",
                "list it once",
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
fn the_folder_of_state_is_an_absolute_path() {
    says(
        &format!("[general]\nstate_path = \"state\"\n{SOUND}"),
        &[(
            2,
            "\"state\"",
            "`state` is not an absolute path",
            "write the whole path, beginning with `/`",
        )],
    );
}

#[test]
fn formats_of_log_destinations() {
    says(
        r#"
        [[log.destination]]
        name = "a"
        type = "file"
        path = "/a"
        fields = ["action"]
        framing = "newline"
        [[log.destination]]
        name = "b"
        type = "syslog"
        address = "10.0.0.1:514"
        format = "bigip"
        fields = ["src_ip", "acton", "colour"]
        delimiter = "a"
        framing = "newline"
        "#,
        &[
            (
                6,
                "[\"action\"]",
                "`fields` means something with `format = \"bigip\"` only",
                "leave `fields` out, or add `format = \"bigip\"`",
            ),
            (
                7,
                "\"newline\"",
                "`framing` means nothing to a destination of type `file`",
                "leave `framing` out",
            ),
            (
                13,
                "\"acton\"",
                "no field is named `acton`",
                "did you mean `\"action\"`?",
            ),
            (
                13,
                "\"colour\"",
                "no field is named `colour`",
                "write some of `acl_policy_name`, `acl_policy_type`, `acl_rule_name`, `action`, \
                 `bigip_hostname`, `context_name`, `context_type`, `date_time`, `dest_ip`, \
                 `dest_port`, …",
            ),
            (
                14,
                "\"a\"",
                "`a` cannot stand between values",
                "write 1 to 8 octets, no letters, digits, quotes, backslashes or control characters",
            ),
            (
                15,
                "\"newline\"",
                "`framing` is for streams, and each datagram is one record",
                "leave `framing` out, or add `transport = \"tcp\"`",
            ),
        ],
    );
}

#[test]
fn tls_to_collectors() {
    let destination = |name: &str, keys: &str| {
        format!(
            "[[log.destination]]\nname = \"{name}\"\ntype = \"syslog\"\n\
             address = \"10.0.0.1:6514\"\n{keys}\n"
        )
    };
    let profiles =
        "[[server_tls]]\nname = \"logs\"\n[[server_tls]]\nname = \"mail\"\nstart = \"starttls\"\n";
    let text = [
        profiles.to_owned(),
        destination("a", "transport = \"tls\""),
        destination("b", "transport = \"tls\"\nserver_tls = \"log\""),
        destination("c", "transport = \"tls\"\nserver_tls = \"mail\""),
        destination("d", "transport = \"tcp\"\nserver_tls = \"logs\""),
    ];
    says(
        &text.concat(),
        &[
            (
                10,
                "\"tls\"",
                "the transport `tls` needs `server_tls`",
                "add `server_tls = \"NAME\"`, the name of a `[[server_tls]]`",
            ),
            (
                16,
                "\"log\"",
                "there is no server tls named `log`",
                "did you mean `\"logs\"`?",
            ),
            (
                22,
                "\"mail\"",
                "collectors know no STARTTLS, which this profile begins with",
                "name a profile with `start = \"implicit\"`",
            ),
            (
                28,
                "\"logs\"",
                "`server_tls` means something with `transport = \"tls\"` only",
                "leave `server_tls` out, or write `transport = \"tls\"`",
            ),
        ],
    );
}

#[test]
fn the_name_of_the_default_is_reserved() {
    let text = format!(
        "{SOUND}\n[[firewall.policy]]\nname = \"p\"\n[[firewall.policy.rule]]\nname = \"default\"\n\
         action = \"drop\"\n"
    );
    let line = text.lines().count() - 1;
    says(
        &text,
        &[(
            line,
            "\"default\"",
            "`default` is what counters call the default",
            "choose another name for this rule",
        )],
    );
}
