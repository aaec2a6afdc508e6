//! `[firewall]`: lists from files, regions, order, states and schedules of rules.

use super::says;

/// A policy with these rules, each a line, from line 4 on.
fn policy(rules: &[&str]) -> String {
    let mut text = "[[firewall.policy]]\nname = \"p\"\nrule = [\n".to_owned();
    for rule in rules {
        text = format!("{text}{{ action = \"drop\", {rule} }},\n");
    }
    text + "]\n[firewall]\nhost_policy = \"p\"\n"
}

#[test]
fn files_of_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    let text = |path: &str| {
        format!(
            "[firewall]\n[[firewall.address_list]]\nname = \"l\"\nfile = \"{path}\"\n{}",
            policy(&["name = \"r\", source_lists = [\"l\"]"])
                .replace("[firewall]\n", "[general]\n#")
        )
    };
    let (shown, file) = (path.display().to_string(), text(path.to_str().unwrap()));
    let quoted = format!("\"{shown}\"");
    let help = "write the path of a file with a network, address or range on each line";
    let missing = "the list cannot be read: No such file or directory (os error 2)";
    says(&file, &[(4, &quoted, missing, help)]);
    says(
        &text("/dev"),
        &[(
            4,
            "\"/dev\"",
            "the list cannot be read: it is not a regular file",
            help,
        )],
    );
    std::fs::write(&path, "# ours\n10.0.0.0/8 ; all\n\n10.0.0.5-10.0.0\n").unwrap();
    says(
        &file,
        &[(
            4,
            &quoted,
            "line 4 of the list: `10.0.0` is not an address",
            "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
        )],
    );
    std::fs::write(&path, "# nobody yet\n").unwrap();
    says(
        &file,
        &[(
            8,
            "[\"l\"]",
            "these lists hold no network, so the rule could never match",
            "put a network in a list, or write `enabled = false` in the rule",
        )],
    );
    std::fs::write(&path, b"10.0.0.5-10.0.0.6\r\n2001:db8::/32 # \xff\n").unwrap();
    let plan = super::read(&file).unwrap().plan;
    let networks: Vec<_> = plan.firewall.policies[0].rules[0]
        .source
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.5/32", "10.0.0.6/32", "2001:db8::/32"]);
}

#[test]
fn regions() {
    let rules = policy(&["name = \"r\", source_regions = [\"DE\"]"]);
    says(
        &rules,
        &[(
            4,
            "\"DE\"",
            "there is no database of regions",
            "write `region_database = \"/var/lib/GeoIP/GeoLite2-Country.mmdb\"` under [firewall]",
        )],
    );
    says(
        &format!("{rules}region_database = \"/nonexistent\"\n"),
        &[(
            8,
            "\"/nonexistent\"",
            "the region database cannot be read: No such file or directory (os error 2)",
            "write the path of a file in MaxMind's format (MMDB)",
        )],
    );
    let rules = policy(&[
        "name = \"r\", source_regions = [\"DE\"]",
        "name = \"s\", source_regions = [\"uk\", \"de\", \"Germany\"]",
        "name = \"t\", source_regions = [\"US\"]",
        "name = \"u\", source_regions = [\"US\", \"FR\"]",
    ]);
    let database = "region_database = \"/var/lib/GeoIP/GeoLite2-Country.mmdb\"\n";
    says(
        &format!("{rules}{database}"),
        &[
            (
                5,
                "\"uk\"",
                "`uk` is not the code of a region",
                "write `\"GB\"`",
            ),
            (
                5,
                "\"de\"",
                "`de` is not the code of a region",
                "write `\"DE\"`",
            ),
            (
                5,
                "\"Germany\"",
                "`Germany` is not the code of a region",
                "write the two letters of a country by ISO 3166-1, as `\"DE\"`",
            ),
            (
                6,
                "[\"US\"]",
                "these regions hold no network, so the rule could never match",
                "put a network in a list, or write `enabled = false` in the rule",
            ),
        ],
    );
    let rules = policy(&["name = \"r\", source_regions = [\"US\", \"FR\", \"DE\"]"]);
    let loaded = super::read(&format!("{rules}{database}")).unwrap();
    let networks = loaded.plan.firewall.policies[0].rules[0].source.iter();
    let networks: Vec<_> = networks.map(ToString::to_string).collect();
    assert_eq!(
        networks,
        ["198.51.100.0/24", "192.0.2.0/25", "2001:db8:49::/48"]
    );
    let warned: Vec<_> = loaded.warnings.iter().map(|it| it.message).collect();
    assert_eq!(warned, ["the region database has no network of `US`"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no database").unwrap();
    let path = file.path().display();
    let text = format!("{rules}region_database = \"{path}\"\n");
    let found = super::read(&text).unwrap_err();
    let said = found.iter().next().unwrap();
    assert!(
        said.message
            .starts_with("that is no sound region database: "),
        "{}",
        said.message
    );
}

#[test]
fn order_of_rules() {
    let in_order = |rules: &[&str]| -> Vec<String> {
        let plan = super::read(&policy(rules)).unwrap_or_else(|e| panic!("{e}"));
        let rules = plan.plan.firewall.policies[0].rules.iter();
        rules.map(|rule| rule.name.clone()).collect()
    };
    assert_eq!(
        in_order(&[
            "name = \"a\", order = \"last\"",
            "name = \"b\"",
            "name = \"c\", order = \"first\"",
            "name = \"d\", before = \"b\"",
            "name = \"e\", after = \"b\"",
            "name = \"f\", before = \"d\"",
            "name = \"g\", after = \"a\"",
            "name = \"h\", order = \"first\"",
            "name = \"i\", after = \"b\"",
            "name = \"j\"",
        ]),
        ["c", "h", "f", "d", "b", "e", "i", "j", "a", "g"]
    );
    says(
        &policy(&[
            "name = \"a\", before = \"b\"",
            "name = \"b\", after = \"a\"",
            "name = \"c\", after = \"c\"",
            "name = \"d\", after = \"x\"",
            "name = \"e\", after = \"a\", order = \"first\"",
        ]),
        &[
            (
                7,
                "\"x\"",
                "there is no firewall policy rule named `x`",
                "write one of `a`, `b`, `c`, `d`, `e`",
            ),
            (
                8,
                "\"a\"",
                "a rule has one place",
                "write one of `order`, `before` and `after`",
            ),
        ],
    );
    let circle = "leave `before` or `after` out of one of the rules that name each other";
    says(
        &policy(&[
            "name = \"a\", before = \"b\"",
            "name = \"b\", after = \"a\"",
            "name = \"c\", after = \"c\"",
            "name = \"d\"",
        ]),
        &[
            (
                4,
                "\"b\"",
                "its place depends on its own: `b` stands beside it",
                circle,
            ),
            (
                5,
                "\"a\"",
                "its place depends on its own: `a` stands beside it",
                circle,
            ),
            (
                6,
                "\"c\"",
                "its place depends on its own: `c` stands beside it",
                circle,
            ),
        ],
    );
}

#[test]
fn states_and_schedules() {
    let schedules = "[[firewall.schedule]]\nname = \"s\"\nhours = [\"08:00-18:00\"]\n";
    let rules = policy(&[
        "name = \"a\", schedule = \"t\"",
        "name = \"b\", state = \"enabled\", schedule = \"s\"",
        "name = \"c\", state = \"scheduled\"",
        "name = \"d\", state = \"disabled\", enabled = true",
    ]);
    says(
        &format!("{rules}{schedules}"),
        &[
            (
                4,
                "\"t\"",
                "there is no firewall schedule named `t`",
                "write one of `s`",
            ),
            (
                5,
                "\"s\"",
                "a rule that is always enabled has no schedule",
                "write `state = \"scheduled\"`, or leave `schedule` out",
            ),
            (
                6,
                "\"scheduled\"",
                "scheduled, and by no schedule",
                "add `schedule` with the name of a [[firewall.schedule]]",
            ),
            (7, "true", "`state` says it, too", "leave `enabled` out"),
        ],
    );
    says(
        "[[firewall.schedule]]\nname = \"s\"\nhours = [\"8-18\"]\ndates = [\"2026-13-01\"]\n\
         time_zone = \"Berlin\"\n",
        &[
            (
                3,
                "\"8-18\"",
                "`8-18` is not a time of day",
                "write beginning and end, as `\"08:00-18:00\"`, with seconds if need be",
            ),
            (
                4,
                "\"2026-13-01\"",
                "`2026-13-01` is not a date",
                "write `\"2026-12-24\"`, or first and last as `\"2026-12-24/2026-12-26\"`",
            ),
            (
                5,
                "\"Berlin\"",
                "there is no time zone `Berlin`",
                "write a name of the IANA database, as `\"Europe/Berlin\"` or `\"UTC\"`",
            ),
        ],
    );
    let plan = super::read(&format!(
        "{}{schedules}",
        policy(&[
            "name = \"a\", state = \"scheduled\", schedule = \"s\"",
            "name = \"b\", state = \"disabled\", schedule = \"s\"",
            "name = \"c\", schedule = \"s\"",
        ])
    ))
    .unwrap()
    .plan;
    let states: Vec<_> = plan.firewall.policies[0]
        .rules
        .iter()
        .map(|rule| (rule.enabled, rule.schedule.as_deref()))
        .collect();
    assert_eq!(
        states,
        [(true, Some("s")), (false, Some("s")), (true, Some("s"))]
    );
}

#[test]
fn ports_and_types() {
    let lists = "[[firewall.port_list]]\nname = \"l\"\nports = [25, \"30-20\"]\n";
    let rules = policy(&[
        "name = \"a\", protocol = \"tcp\", port = [25, \"0\", \"587-590\"]",
        "name = \"b\", port_lists = [\"m\"]",
        "name = \"c\", source_port = 25",
        "name = \"d\", protocol = \"icmp\", port_lists = [\"l\"]",
        "name = \"e\", protocol = \"tcp\", icmp_type = [\"echo-request\"]",
        "name = \"f\", protocol = \"icmp\", icmp_type = [\"echo-requst\", \"3/256\", 8]",
        "name = \"g\", protocol = \"icmpv6\", icmp_type = [300]",
    ]);
    says(
        &format!("{rules}{lists}"),
        &[
            (
                4,
                "\"0\"",
                "`0` is not a port",
                "write a number from 1 to 65535",
            ),
            (
                5,
                "[\"m\"]",
                "a port without a protocol",
                "add `protocol = \"tcp\"` or `protocol = \"udp\"`",
            ),
            (
                5,
                "\"m\"",
                "there is no firewall port list named `m`",
                "write one of `l`",
            ),
            (
                6,
                "25",
                "a port without a protocol",
                "add `protocol = \"tcp\"` or `protocol = \"udp\"`",
            ),
            (
                7,
                "[\"l\"]",
                "protocol 1 has no ports",
                "leave `port` out, or write `protocol = \"tcp\"`",
            ),
            (
                8,
                "[\"echo-request\"]",
                "types are ICMP's",
                "write `protocol = \"icmp\"` or `protocol = \"icmpv6\"`, or leave `icmp_type` out",
            ),
            (
                9,
                "\"echo-requst\"",
                "`echo-requst` is not a type of icmp",
                "did you mean `\"echo-request\"`?",
            ),
            (
                9,
                "\"3/256\"",
                "`256` is not a code",
                "write a number from 0 to 255 behind the type, as `\"3/4\"`",
            ),
            (
                10,
                "300",
                "`300` is not a type of icmpv6",
                "write a number from 0 to 255, or one of `echo-request`, `echo-reply`, \
                 `destination-unreachable`, `time-exceeded`, `parameter-problem`, `packet-too-big`, `redirect`",
            ),
            (
                16,
                "\"30-20\"",
                "`30-20` ends before it begins",
                "write `\"20-30\"`",
            ),
        ],
    );
}

#[test]
fn lists_of_ports() {
    let lists = "[[firewall.port_list]]\nname = \"l\"\nports = [25, \"587-590\"]\nlists = [\"m\"]\n\
                 [[firewall.port_list]]\nname = \"m\"\nports = [26]\n\
                 [[firewall.port_list]]\nname = \"none\"\n";
    let rules = policy(&[
        "name = \"a\", protocol = \"tcp\", port = [465, 27], port_lists = [\"l\"], source_port = 1024",
        "name = \"b\", protocol = \"icmp\", icmp_type = [\"echo-request\", \"3/4\", 9]",
    ]);
    let plan = super::read(&format!("{rules}{lists}")).unwrap().plan;
    let [a, b] = &plan.firewall.policies[0].rules[..] else {
        panic!("two rules")
    };
    assert_eq!(a.ports, [(25, 27), (465, 465), (587, 590)]);
    assert_eq!(a.source_ports, [(1024, 1024)]);
    assert_eq!(b.icmp, [(0x0304, 0x0304), (0x0800, 0x09ff)]);
    says(
        &format!(
            "{}{lists}",
            policy(&["name = \"a\", protocol = \"tcp\", port_lists = [\"none\"]"])
        ),
        &[(
            4,
            "[\"none\"]",
            "these lists hold no port, so the rule could never match",
            "put a port in a list, or write `enabled = false` in the rule",
        )],
    );
    says(
        "[[firewall.port_list]]\nname = \"a\"\nlists = [\"b\"]\n\
         [[firewall.port_list]]\nname = \"b\"\nlists = [\"a\"]\n",
        &[(
            6,
            "\"a\"",
            "the list `a` contains itself: a → b → a",
            "take one of the lists out of the other",
        )],
    );
}

#[test]
fn what_else_rules_ask_for() {
    let rules = policy(&[
        "name = \"a\", tcp_state = \"new\"",
        "name = \"b\", protocol = \"udp\", tcp_state = \"new\"",
        "name = \"c\", vlan = 4095",
        "name = \"d\", rate = \"100\"",
        "name = \"e\", interface = \"eth1\"",
        "name = \"f\", source = [\"10.0.0.1\"], destination = [\"2001:db8::/32\"]",
        "name = \"g\", protocol = \"icmpv6\", destination = [\"192.0.2.1\"]",
    ]);
    let state = "only packets of TCP say whether they begin a connection";
    let help = "write `protocol = \"tcp\"`, or leave `tcp_state` out";
    says(
        &format!("{rules}interfaces = [\"eth0\"]\n"),
        &[
            (4, "\"new\"", state, help),
            (5, "\"new\"", state, help),
            (
                6,
                "4095",
                "`4095` is not the id of a VLAN",
                "write a number from 0 to 4094, or a range, as `\"100-199\"`",
            ),
            (
                7,
                "\"100\"",
                "`100` is not a rate",
                "write packets from 1 to 10000000 in a second, minute or hour, as `\"100/s\"`, \
                 `\"10/m\"` or `\"5/h\"`",
            ),
            (
                8,
                "\"eth1\"",
                "packets of the interface `eth1` are not filtered",
                "did you mean `\"eth0\"`?",
            ),
            (
                9,
                "[\"2001:db8::/32\"]",
                "every source is IPv4 and every destination IPv6: it could never match",
                "write both in the same family",
            ),
            (
                10,
                "\"icmpv6\"",
                "`icmpv6` is for IPv6, but every destination is IPv4: it could never match",
                "write `protocol = \"icmp\"`",
            ),
        ],
    );
}

#[test]
fn the_global_policy() {
    says(
        "[firewall]\nglobal_policy = \"q\"\n[[firewall.policy]]\nname = \"p\"\n",
        &[(
            2,
            "\"q\"",
            "there is no firewall policy named `q`",
            "write one of `p`",
        )],
    );
    let text = policy(&["name = \"r\""]).replace("host_policy", "global_policy");
    let loaded = super::read(&text.replace("\"drop\"", "\"accept-decisively\"")).unwrap();
    assert!(loaded.warnings.is_empty(), "it is used");
    let firewall = loaded.plan.firewall;
    assert_eq!(
        firewall.global_policy,
        Some(crate::config::plan::PolicyId(0))
    );
    let action = firewall.policies[0].rules[0].action;
    assert_eq!(action, crate::config::plan::Action::AcceptDecisively);
}

#[test]
fn staged_policies_are_policies() {
    let help = "did you mean `\"host\"`?";
    says(
        "[firewall]\nstaged_global_policy = \"hsot\"\nstaged_host_policy = 5\n\
         [[firewall.policy]]\nname = \"host\"\n\
         [[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\nstaged_policy = \"hosts\"\n\
         [[pool]]\nname = \"p\"\nmembers = [\"10.0.0.1:25\"]",
        &[
            (
                2,
                "\"hsot\"",
                "there is no firewall policy named `hsot`",
                help,
            ),
            (
                3,
                "5",
                "`staged_host_policy` must be a string, not an integer",
                "write `staged_host_policy = \"…\"`",
            ),
            (
                10,
                "\"hosts\"",
                "there is no firewall policy named `hosts`",
                help,
            ),
        ],
    );
}
