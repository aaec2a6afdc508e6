//! What sound files become.

use std::path::Path;
use std::time::Duration;

use super::{SOUND, hides_clients, read};
use crate::config::plan::*;

fn warnings(text: &str) -> Vec<(usize, String, String)> {
    let loaded = read(text).unwrap_or_else(|error| panic!("{error}"));
    let found = loaded.warnings.iter().filter(|it| !hides_clients(it));
    found
        .map(|it| (it.line, it.text.to_owned(), it.message.to_owned()))
        .collect()
}

#[test]
fn defaults() {
    let plan = read(SOUND).unwrap().plan;
    assert!(plan.general.workers >= 1);
    assert_eq!(plan.general.grace, Duration::from_secs(30));
    assert_eq!(plan.general.state_path, Path::new("/var/lib/smtp-lb"));
    assert_eq!(
        plan.admin,
        AdminPlan {
            socket: "/run/smtp-lb/admin.sock".into(),
            mode: 0o600
        }
    );
    assert_eq!(
        plan.virtual_servers,
        [VirtualServerPlan {
            name: "smtp".into(),
            listen: vec!["192.0.2.1:25".parse().unwrap()],
            mode: Mode::Plain,
            pool: PoolId(0),
            client_tls: None,
            server_tls: None,
            snat: Snat::Automap,
            send_proxy: None,
            accept_proxy: None,
            gateway: None,
            firewall_policy: None,
            staged_policy: None,
            reputation: None,
            flood: None,
            smtp_profile: None,
            syn_protection: None,
            log_profile: None,
            limits: LimitsPlan {
                connections: 10_000,
                connect_timeout: Duration::from_secs(5),
                connect_attempts: 3,
                handshake_timeout: Duration::from_secs(30),
                idle_timeout: Duration::from_mins(5),
                session_timeout: None,
            },
        }]
    );
    assert_eq!(
        plan.pools,
        [PoolPlan {
            name: "mail".into(),
            balance: Balance::LeastConnections,
            members: vec![MemberPlan {
                name: "10.1.0.2:25".into(),
                address: "10.1.0.2:25".parse().unwrap(),
                host: None,
                written: None,
                ratio: 1,
                priority: 0,
                limits: ConnectionLimits::default(),
            }],
            hosts: vec![],
            monitors: vec![MonitorId(0)],
            min_monitors: 1,
            min_active: 1,
            slow_ramp: None,
            limits: ConnectionLimits::default(),
            queue: None,
            when_down: WhenDown::Reply,
        }]
    );
    let monitor = &plan.monitors[0];
    assert_eq!(monitor.interval, Duration::from_secs(30));
    assert_eq!(monitor.timeout, Duration::from_secs(91));
    assert_eq!(monitor.jitter, Duration::from_millis(1500));
    assert_eq!((monitor.rise, monitor.fall), (1, None));
    assert!(!monitor.manual_resume);
    let MonitorKind::Smtp(smtp) = &monitor.kind else {
        panic!("{monitor:?}")
    };
    assert!(!smtp.domain.is_empty());
    assert_eq!((smtp.tls, &smtp.auth, &smtp.message), (None, &None, &None));
}

#[test]
fn defaults_of_the_firewall() {
    assert_eq!(
        read(SOUND).unwrap().plan.firewall,
        FirewallPlan {
            mode: FirewallMode::Adc,
            default: Action::Accept,
            reject_rate: 1000,
            enforcement: Enforcement::Auto,
            interfaces: vec![],
            pin_path: "/sys/fs/bpf/smtp-lb".into(),
            schedules: vec![],
            failsafe: vec![],
            policies: vec![],
            global_policy: None,
            staged_global_policy: None,
            staged_host_policy: None,
            host_policy: None,
            reputation: None,
            flood_profiles: vec![],
            flood: None,
            log_default: true,
            event_rate: 100,
            event_burst: 100,
            log_profile: None,
        }
    );
}

/// A profile's list is that of the destinations that have none of their own.
#[test]
fn lists_of_fields_of_profiles() {
    let text = r#"
        [[log.destination]]
        name = "a"
        type = "file"
        path = "/var/log/a"
        format = "bigip"
        [[log.destination]]
        name = "b"
        type = "file"
        path = "/var/log/b"
        format = "bigip"
        fields = ["action"]
        [[log.destination]]
        name = "c"
        type = "file"
        path = "/var/log/c"
        [[log.publisher]]
        name = "all"
        destinations = ["a", "b", "c"]
        [[log.profile]]
        name = "p"
        publisher = "all"
        drop = false
        fields = ["context_type", "translated_src_ip"]
        delimiter = "|"
        [[log.profile]]
        name = "q"
        publisher = "all"
        drop = false
        reject = true
    "#;
    let log = read(text).unwrap().plan.log;
    let list = |fields: &[&str], delimiter: &str| {
        Format::BigIp(FieldList {
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            delimiter: delimiter.to_owned(),
        })
    };
    let formats: Vec<_> = log.destinations.into_iter().map(|it| it.format).collect();
    let expected = [
        list(&["context_type", "translated_src_ip"], "|"),
        list(&["action"], ","),
        Format::Json,
    ];
    assert_eq!(formats, expected);
    let asked: Vec<_> = log.profiles.iter().map(|it| (it.drop, it.reject)).collect();
    assert_eq!(
        asked,
        [(false, false), (false, true)],
        "rejected as dropped, if not said"
    );
}

#[test]
fn defaults_of_the_log() {
    let log = LogPlan {
        destinations: vec![],
        publishers: vec![],
        profiles: vec![],
        system_profile: None,
        bus_capacity: 65_536,
    };
    assert_eq!(read(SOUND).unwrap().plan.log, log);
}

#[test]
fn an_empty_file_is_a_plan_that_does_nothing() {
    let plan = read("").unwrap().plan;
    assert!(plan.virtual_servers.is_empty());
}

#[test]
fn references_become_positions() {
    let plan = read(
        r#"
        [[virtual_server]]
        name = "b"
        listen = ["[2001:db8::1]:25", "192.0.2.1:25"]
        pool = "second"
        firewall_policy = "two"
        staged_policy = "one"
        log_profile = "p2"
        limits = { session_timeout = "1h", connections = 5 }
        [[pool]]
        name = "first"
        members = ["10.0.0.1:25"]
        [[pool]]
        name = "second"
        members = [{ address = "mx.example.org:2525" }, { name = "x", address = "[fd00::1]:25" }]
        [firewall]
        host_policy = "one"
        staged_host_policy = "two"
        staged_global_policy = "one"
        log_profile = "p1"
        [[firewall.policy]]
        name = "one"
        [[firewall.policy]]
        name = "two"
        [[log.destination]]
        name = "file"
        type = "file"
        path = "/tmp/x"
        [[log.destination]]
        name = "remote"
        type = "syslog"
        address = "two.example.org:514"
        source = "2001:db8::9"
        transport = "tcp"
        facility = "local7"
        [[log.publisher]]
        name = "both"
        destinations = ["remote", "file"]
        [[log.profile]]
        name = "p1"
        publisher = "both"
        [[log.profile]]
        name = "p2"
        publisher = "both"
        accept = false
        "#,
    )
    .unwrap()
    .plan;
    let server = &plan.virtual_servers[0];
    assert_eq!(server.pool, PoolId(1));
    assert_eq!(server.firewall_policy, Some(PolicyId(1)));
    assert_eq!(server.staged_policy, Some(PolicyId(0)));
    assert_eq!(server.log_profile, Some(ProfileId(1)));
    assert_eq!(server.limits.session_timeout, Some(Duration::from_hours(1)));
    assert_eq!(server.limits.connections, 5);
    assert_eq!(plan.firewall.host_policy, Some(PolicyId(0)));
    assert_eq!(plan.firewall.staged_host_policy, Some(PolicyId(1)));
    assert_eq!(plan.firewall.staged_global_policy, Some(PolicyId(0)));
    assert_eq!(plan.firewall.log_profile, Some(ProfileId(0)));
    let members: Vec<_> = plan.pools[1]
        .members
        .iter()
        .map(|member| (member.name.as_str(), member.address.to_string()))
        .collect();
    assert_eq!(
        members,
        [
            ("mx.example.org:2525/192.0.2.31", "192.0.2.31:2525".into()),
            ("x", "[fd00::1]:25".into())
        ]
    );
    assert_eq!(
        plan.log.publishers[0].destinations,
        [DestinationId(1), DestinationId(0)]
    );
    // The address of the source's family is chosen.
    assert_eq!(
        plan.log.destinations[1].kind,
        DestinationKind::Syslog {
            collectors: CollectorsPlan::one(
                "[2001:db8::41]:514".parse().unwrap(),
                Some("two.example.org".to_owned())
            ),
            transport: Transport::Tcp(Framing::OctetCounting),
            facility: 23,
            source: Some("2001:db8::9".parse().unwrap()),
        }
    );
}

#[test]
fn formats_and_framing_of_destinations() {
    let read = |keys: &str| {
        let text = format!("[[log.destination]]\nname = \"d\"\n{keys}\n");
        let destination = read(&text).unwrap().plan.log.destinations.remove(0);
        let transport = match destination.kind {
            DestinationKind::Syslog { transport, .. } => Some(transport),
            _ => None,
        };
        (destination.format, transport)
    };
    let file = |keys: &str| read(&format!("type = \"file\"\npath = \"/x\"\n{keys}")).0;
    let syslog = |keys: &str| {
        read(&format!(
            "type = \"syslog\"\naddress = \"192.0.2.1:514\"\n{keys}"
        ))
    };
    assert_eq!(file(""), Format::Json);
    assert_eq!(file("format = \"cef\""), Format::Cef);
    assert_eq!(syslog(""), (Format::Rfc5424, Some(Transport::Udp)));
    let table = [
        ("rfc5424", Format::Rfc5424, Framing::OctetCounting),
        ("rfc3164", Format::Rfc3164, Framing::OctetCounting),
        ("cef", Format::Cef, Framing::OctetCounting),
        ("splunk", Format::Splunk, Framing::Newline),
        ("json", Format::Json, Framing::Newline),
        (
            "bigip",
            Format::BigIp(FieldList::default()),
            Framing::Newline,
        ),
    ];
    for (name, format, framing) in table {
        let keys = format!("format = \"{name}\"\ntransport = \"tcp\"\n");
        assert_eq!(
            syslog(&keys),
            (format.clone(), Some(Transport::Tcp(framing)))
        );
        let keys = keys + "framing = \"newline\"";
        assert_eq!(
            syslog(&keys),
            (format, Some(Transport::Tcp(Framing::Newline)))
        );
    }
    let list = FieldList {
        fields: vec!["src_ip".into(), "action".into()],
        delimiter: " | ".into(),
    };
    let keys = "format = \"bigip\"\nfields = [\"src_ip\", \"action\"]\ndelimiter = \" | \"";
    assert_eq!(syslog(keys), (Format::BigIp(list), Some(Transport::Udp)));
}

#[test]
fn rules() {
    let plan = read(
        r#"
        [firewall]
        host_policy = "p"
        [[firewall.failsafe]]
        name = "ssh"
        source_lists = ["inner"]
        protocol = "tcp"
        port = "22-23"
        [[firewall.address_list]]
        name = "outer"
        networks = ["10.0.0.5", "2001:db8::/32"]
        lists = ["inner", "empty"]
        [[firewall.address_list]]
        name = "inner"
        networks = ["192.0.2.0/24", "10.0.0.5/32"]
        [[firewall.address_list]]
        name = "empty"
        [[firewall.policy]]
        name = "p"
        [[firewall.policy.rule]]
        name = "r"
        protocol = 17
        source = ["198.51.100.1", "192.0.2.0/24"]
        source_lists = ["outer", "inner"]
        port = 53
        action = "drop"
        log = true
        log_rate = 7
        [[firewall.policy.rule]]
        name = "off"
        enabled = false
        source_lists = ["empty"]
        action = "accept"
        "#,
    )
    .unwrap()
    .plan;
    assert_eq!(
        plan.firewall.failsafe,
        [RulePlan {
            name: "ssh".into(),
            enabled: true,
            protocol: Some(6),
            source: vec![
                "192.0.2.0/24".parse().unwrap(),
                "10.0.0.5/32".parse().unwrap()
            ],
            ports: vec![(22, 23)],
            action: Action::Accept,
            ..RulePlan::default()
        }]
    );
    let [rule, off] = &plan.firewall.policies[0].rules[..] else {
        panic!("two rules")
    };
    let mut sources: Vec<String> = rule.source.iter().map(ToString::to_string).collect();
    assert_eq!(sources[..2], ["198.51.100.1/32", "192.0.2.0/24"]);
    sources.sort();
    assert_eq!(
        sources,
        [
            "10.0.0.5/32",
            "192.0.2.0/24",
            "198.51.100.1/32",
            "2001:db8::/32"
        ]
    );
    assert_eq!((rule.protocol, &*rule.ports), (Some(17), &[(53, 53)][..]));
    assert_eq!(
        (rule.action, rule.log, rule.log_rate),
        (Action::Drop, true, Some(7))
    );
    assert!(!off.enabled);
}

#[test]
fn every_facility_has_its_number() {
    let words = "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert \
                 clock local0 local1 local2 local3 local4 local5 local6 local7";
    for (number, word) in (0_u8..).zip(words.split(' ')) {
        let plan = read(&format!(
            "[[log.destination]]\nname='d'\ntype='syslog'\naddress='10.0.0.1:514'\nfacility='{word}'"
        ))
        .unwrap()
        .plan;
        let DestinationKind::Syslog { facility, .. } = plan.log.destinations[0].kind else {
            panic!("{word}")
        };
        assert_eq!(facility, number, "{word}");
    }
}

#[test]
fn warned_of() {
    assert_eq!(warnings(SOUND), []);
    let firewall = format!("{SOUND}[firewall]\nmode = \"firewall\"\n");
    assert_eq!(
        warnings(&firewall),
        [
            (
                3,
                "\"smtp\"".into(),
                "no client can reach `smtp`: firewall mode drops what no rule accepts".into()
            ),
            (
                16,
                "\"firewall\"".into(),
                "firewall mode without a failsafe entry: a wrong policy can shut you out".into()
            ),
        ]
    );
    for (text, line, at, message) in [
        (
            "[admin]\nmode = \"0666\"",
            2,
            "\"0666\"",
            "every user of this machine can steer the daemon",
        ),
        (
            "[firewall]\nenforcement = \"xdp-native\"",
            2,
            "\"xdp-native\"",
            "no interface is named, so no packet is filtered",
        ),
        (
            "[[firewall.policy]]\nname = \"p\"",
            2,
            "\"p\"",
            "no packet meets the policy `p`",
        ),
        (
            "[firewall]\nglobal_policy = \"p\"\nstaged_global_policy = \"p\"\n[[firewall.policy]]\nname = \"p\"",
            3,
            "\"p\"",
            "`p` is staged beside itself: there is nothing to compare",
        ),
        (
            "[firewall]\nhost_policy = \"p\"\nstaged_host_policy = \"p\"\n[[firewall.policy]]\nname = \"p\"",
            3,
            "\"p\"",
            "`p` is staged beside itself: there is nothing to compare",
        ),
        (
            "[[pool]]\nname='p'\nmembers=['many.example.org:25']",
            3,
            "'many.example.org:25'",
            "`many.example.org` has 40 addresses; 32 of them are used",
        ),
    ] {
        assert_eq!(
            warnings(text),
            [(line, at.to_owned(), message.to_owned())],
            "{text}"
        );
    }
}

const MONITORS: &str = r#"
        [[server_tls]]
        name = "inside"
        start = "starttls"
        verify = "none"
        [[monitor]]
        name = "t"
        type = "tcp"
        source = "10.0.0.1"
        rise = 2
        fall = 3
        jitter = "0s"
        manual_resume = true
        [[monitor]]
        name = "i"
        type = "icmp"
        [[monitor]]
        name = "s"
        type = "smtp"
        domain = "lb.example"
        server_tls = "inside"
        auth = { mechanism = "login", user = "env:U", password = "file:/p" }
        message = { from = "", rcpt = "a@b", body = "/b" }
        [[monitor]]
        name = "k"
        type = "smtp"
        tls = "implicit"
        auth = { user = "probe", password = "env:P" }
        [[monitor]]
        name = "e"
        type = "external"
        program = "/x.sh"
        variables = [{ name = "USER", value = "u" }, { name = "PASSWORD", value = "file:/p" }]
        [[monitor]]
        name = "n"
        type = "inband"
        retry = "10m"
        "#;

#[test]
fn monitors_of_every_type() {
    let plan = read(MONITORS).unwrap().plan;
    let first = &plan.monitors[0];
    assert_eq!(
        (first.rise, first.fall, first.jitter),
        (2, Some(3), Duration::ZERO)
    );
    assert!(first.manual_resume);
    let kinds: Vec<_> = plan
        .monitors
        .into_iter()
        .map(|monitor| monitor.kind)
        .collect();
    let domain = |kind: &MonitorKind| match kind {
        MonitorKind::Smtp(smtp) => smtp.domain.clone(),
        other => panic!("{other:?}"),
    };
    let file = || Secret::File("/p".into());
    let expected = [
        MonitorKind::Tcp {
            source: Some([10, 0, 0, 1].into()),
        },
        MonitorKind::Icmp { source: None },
        MonitorKind::Smtp(SmtpMonitorPlan {
            domain: "lb.example".into(),
            source: None,
            tls: Some(MonitorTlsPlan {
                start: Start::StartTls,
                profile: Some(ServerTlsId(0)),
            }),
            auth: Some(MonitorAuthPlan {
                mechanism: Mechanism::Login,
                user: Setting::Secret(Secret::Env("U".into())),
                password: file(),
            }),
            message: Some(MonitorMessagePlan {
                from: String::new(),
                rcpt: "a@b".into(),
                subject: "smtp-lb monitor".into(),
                body: Some("/b".into()),
            }),
        }),
        MonitorKind::Smtp(SmtpMonitorPlan {
            domain: domain(&kinds[3]),
            source: None,
            tls: Some(MonitorTlsPlan {
                start: Start::Implicit,
                profile: None,
            }),
            auth: Some(MonitorAuthPlan {
                mechanism: Mechanism::Plain,
                user: Setting::Text("probe".into()),
                password: Secret::Env("P".into()),
            }),
            message: None,
        }),
        MonitorKind::External(ExternalMonitorPlan {
            program: "/x.sh".into(),
            variables: vec![
                ("USER".into(), Setting::Text("u".into())),
                ("PASSWORD".into(), Setting::Secret(file())),
            ],
        }),
        MonitorKind::Inband(InbandMonitorPlan {
            failures: 3,
            failure_interval: Duration::from_secs(30),
            retry: Duration::from_mins(10),
            retry_max: Duration::from_mins(10),
        }),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_pool_with_all_its_keys() {
    let text = r#"
        [[pool]]
        name = "p"
        balance = "ratio"
        min_active = 2
        slow_ramp = "300s"
        connections = 50
        connection_rate = 7
        when_down = "close"
        queue = { wait = "5s" }
        members = [
            "10.0.0.1:25",
            { address = "10.0.0.2:25", ratio = 3, priority = 9, connections = 4, connection_rate = 5 },
        ]
    "#;
    let pool = &read(text).unwrap().plan.pools[0];
    assert_eq!(pool.balance, Balance::Ratio);
    assert_eq!(pool.min_active, 2);
    assert_eq!(pool.slow_ramp, Some(Duration::from_mins(5)));
    let limits = |connections, rate| ConnectionLimits { connections, rate };
    assert_eq!(pool.limits, limits(Some(50), Some(7)));
    assert_eq!(pool.when_down, WhenDown::Close);
    let queue = QueuePlan {
        length: 1000,
        wait: Duration::from_secs(5),
    };
    assert_eq!(pool.queue, Some(queue));
    let terms = |member: &MemberPlan| (member.ratio, member.priority, member.limits);
    assert_eq!(terms(&pool.members[0]), (1, 0, limits(None, None)));
    assert_eq!(terms(&pool.members[1]), (3, 9, limits(Some(4), Some(5))));
}

#[test]
fn every_word_of_a_pool() {
    for (word, balance) in [
        ("least-connections", Balance::LeastConnections),
        ("round-robin", Balance::RoundRobin),
        ("ratio", Balance::Ratio),
        (
            "weighted-least-connections",
            Balance::WeightedLeastConnections,
        ),
        ("fastest", Balance::Fastest),
        ("power-of-two", Balance::PowerOfTwo),
        ("source-hash", Balance::SourceHash),
    ] {
        let text = SOUND.replace("members", &format!("balance = \"{word}\"\nmembers"));
        assert_eq!(read(&text).unwrap().plan.pools[0].balance, balance);
    }
    for (word, when_down) in [
        ("421", WhenDown::Reply),
        ("reset", WhenDown::Reset),
        ("close", WhenDown::Close),
    ] {
        let text = SOUND.replace("members", &format!("when_down = \"{word}\"\nmembers"));
        assert_eq!(read(&text).unwrap().plan.pools[0].when_down, when_down);
    }
}

#[test]
fn pool_keys_without_use_are_warned_of() {
    let pool = |keys: &str| {
        let text = SOUND.replace("members", &format!("{keys}\nmembers"));
        warnings(&text)
            .into_iter()
            .map(|(_, text, message)| (text, message))
            .collect::<Vec<_>>()
    };
    let said = |text: &str, message: &str| vec![(text.to_owned(), message.to_owned())];
    assert_eq!(
        pool("queue = { length = 5 }"),
        said(
            "{ length = 5 }",
            "nobody will wait: neither the pool nor a member has a limit"
        )
    );
    assert_eq!(pool("queue = { length = 5 }\nconnection_rate = 3"), []);
    assert_eq!(
        pool("min_active = 2"),
        said(
            "2",
            "all members have the same priority, so all get sessions"
        )
    );
    let members =
        "members = [{ address = \"10.0.0.7:25\", ratio = 2, priority = 1 }, \"10.0.0.8:25\"]\nx";
    let swapped = |keys: &str| {
        let text = SOUND.replace(
            "members = [\"10.1.0.2:25\"]",
            &members.replace("\nx", &format!("\n{keys}")),
        );
        warnings(&text)
            .into_iter()
            .map(|(_, text, message)| (text, message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        swapped(""),
        said(
            "2",
            "the way this pool is balanced makes no use of a `ratio`"
        )
    );
    assert_eq!(
        swapped("balance = \"ratio\"\nmin_active = 3"),
        said(
            "3",
            "the pool has 2 members, so all get sessions whatever their priority"
        )
    );
    assert_eq!(swapped("balance = \"ratio\"\nmin_active = 2"), []);
    let text = SOUND
        .replace("pool = ", "mode = \"passthrough\"\npool = ")
        .replace("members", "when_down = \"421\"\nmembers");
    let found = warnings(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].2,
        "clients of `smtp` cannot be told 421: their TLS is not ours"
    );
}

#[test]
fn what_is_rejected() {
    let text = format!(
        "{SOUND}\n[firewall]\nmode = \"firewall\"\ndefault = \"reject\"\nreject_rate = 7\n\
         [[firewall.policy]]\nname = \"p\"\nrule = [{{ name = \"r\", action = \"reject\" }}]\n\
         [[reputation.policy]]\nname = \"q\"\ncategory = [{{ name = \"spam\", action = \"reject\" }}]\n"
    );
    let plan = read(&text).unwrap().plan;
    let firewall = &plan.firewall;
    assert_eq!(
        (firewall.default, firewall.reject_rate),
        (Action::Reject, 7)
    );
    assert_eq!(firewall.policies[0].rules[0].action, Action::Reject);
    let spam = plan.reputation.category("spam").unwrap();
    let category = plan.reputation.policies[0].categories[spam];
    assert_eq!(
        (category.action, category.log),
        (CategoryAction::Reject, true)
    );
}

#[test]
fn rules_that_do_nothing_are_warned_of() {
    let text = format!(
        "{SOUND}[firewall]\nhost_policy = \"p\"\n[[firewall.policy]]\nname = \"p\"\n\
         rule = [\n\
         {{ name = \"a\", action = \"drop\", source = [\"10.0.0.0/8\"] }},\n\
         {{ name = \"b\", action = \"accept\", source = [\"10.1.0.0/16\"] }},\n\
         {{ name = \"c\", action = \"drop\", source = [\"10.2.0.0/16\"] }},\n\
         {{ name = \"d\", action = \"accept\", source = [\"192.0.2.1\"] }},\n\
         {{ name = \"e\", action = \"accept\" }},\n\
         {{ name = \"f\", action = \"drop\", source = [\"2001:db8::/32\"] }},\n]\n"
    );
    let found: Vec<_> = warnings(&text)
        .into_iter()
        .map(|(line, at, message)| format!("{} {at} {message}", line - SOUND.lines().count()))
        .collect();
    assert_eq!(
        found,
        [
            "7 \"b\" the rule `b` is shadowed: it never decides",
            "8 \"c\" the rule `c` is redundant: it never decides",
            "9 \"d\" the rule `d` is redundant",
            "11 \"f\" the rule `f` is unreachable",
        ]
    );
}

#[test]
fn protection_from_floods_of_syns() {
    let protection = |keys: &str| {
        let text = SOUND.replacen("pool = ", &format!("{keys}\npool = "), 1);
        read(&text).unwrap().plan.virtual_servers[0].syn_protection
    };
    let auto = |rate, accept_queue| Some(SynProtectionPlan::Auto { rate, accept_queue });
    for (keys, plan) in [
        ("syn_protection = \"off\"", None),
        (
            "syn_protection = \"always\"",
            Some(SynProtectionPlan::Always),
        ),
        ("syn_protection = \"auto\"", auto(1_000, 50)),
        (
            "syn_protection = \"auto\"\nsyn_rate = 7\nsyn_accept_queue = 100",
            auto(7, 100),
        ),
    ] {
        assert_eq!(protection(keys), plan, "{keys}");
    }
}
