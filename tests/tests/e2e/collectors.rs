//! Real collectors hold what was told: rsyslog and syslog-ng, each transport, each syslog format, each
//! version of IP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use smtp_lb::config::{SystemResolver, parse};
use smtp_lb::event::model::{
    AdministrationEvent, Event, FirewallEvent, HealthEvent, Kind, MemberEvent, SessionEnd,
    SessionEvent, SystemEvent, ViolationEvent,
};
use smtp_lb::event::{Pipeline, Routes};
use smtp_lb::tls::Profiles;
use smtp_lb_tests::certs::Certs;
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::rsyslog::Rsyslog;
use smtp_lb_tests::syslog_ng::SyslogNg;
use smtp_lb_tests::wait::{LONG, until};

/// All that means something to a format or a terminal.
const NASTY: &str = "a\"b\\c]d[e|f=g,h\r\n<34>1 - x\0\t\x1b[31m\u{7f}\u{9b}\u{202e}ü€😀 %s ${HOST}";

/// A destination: its name is its facility, by which its records are known again.
struct Way {
    facility: &'static str,
    number: u32,
    address: &'static str,
    port: u16,
    transport: &'static str,
    format: &'static str,
}

/// Both formats over each transport and family. Ports are by transport and format.
fn ways(port: impl Fn(&str, &str) -> u16) -> Vec<Way> {
    let mut facilities = [
        ("user", 1),
        ("mail", 2),
        ("daemon", 3),
        ("news", 7),
        ("uucp", 8),
        ("ftp", 11),
        ("local0", 16),
        ("local1", 17),
        ("local2", 18),
        ("local3", 19),
        ("local4", 20),
        ("local5", 21),
    ]
    .into_iter();
    let mut ways = Vec::new();
    for address in ["127.0.0.1", "[::1]"] {
        for transport in ["udp", "tcp", "tls"] {
            for format in ["rfc5424", "rfc3164"] {
                let (facility, number) = facilities.next().unwrap();
                ways.push(Way {
                    facility,
                    number,
                    address,
                    port: port(transport, format),
                    transport,
                    format,
                });
            }
        }
    }
    ways
}

/// Sessions, and what was found and done.
fn of_the_proxy() -> [Kind; 5] {
    let session = |end: Option<SessionEnd>| {
        Kind::Session(SessionEvent {
            change: if end.is_some() { "close" } else { "open" },
            session: "00000000deadbeef".to_owned(),
            virtual_server: NASTY.into(),
            pool: "mail".into(),
            src_ip: "2001:db8::7".parse().unwrap(),
            src_port: 40_000,
            dest_ip: "2001:db8::25".parse().unwrap(),
            dest_port: 465,
            end,
        })
    };
    let end = SessionEnd {
        member: NASTY.into(),
        tls: "TLSv1_3",
        bytes_in: u64::MAX,
        bytes_out: 815,
        duration_ms: 1234,
        result: "closed",
        checks: "client-rate=pass".to_owned(),
    };
    let violation = Kind::Violation(ViolationEvent {
        profile: "inbound".into(),
        virtual_server: "mx".into(),
        check: "disallowed-sender",
        action: "block",
        session: "00000000deadbeef".to_owned(),
        src_ip: "192.0.2.7".parse().unwrap(),
        src_port: 40_000,
        helo: NASTY.to_owned(),
        sender: NASTY.to_owned(),
        recipient: "a@example.org".to_owned(),
        reason: "not wanted".to_owned(),
        reply: "550 5.7.1 no".to_owned(),
        message_id: String::new(),
    });
    let member = Kind::Member(MemberEvent {
        pool: "mail".into(),
        member: "mx1".into(),
        change: "draining",
        reason: NASTY.to_owned(),
        by: "uid 0, pid 4711".to_owned(),
    });
    let administration = Kind::Administration(AdministrationEvent {
        operation: "firewall apply",
        object: NASTY.to_owned(),
        by: "uid 0, pid 4711".to_owned(),
        result: "done",
    });
    [
        session(None),
        session(Some(end)),
        violation,
        member,
        administration,
    ]
}

fn events() -> Vec<Event> {
    let packet = |name: &str, ip: &str| {
        Kind::Firewall(FirewallEvent {
            action: "drop",
            reason: "policy",
            interface: "eth0".into(),
            vlan: Some(12),
            virtual_server: name.into(),
            policy: name.into(),
            rule: name.into(),
            protocol: 6,
            src_ip: ip.parse().unwrap(),
            src_port: 40_000,
            dest_ip: "203.0.113.25".parse().unwrap(),
            dest_port: 25,
            tcp_flags: 2,
            length: 74,
            feeds: None,
            enforced: None,
        })
    };
    let health = |reason: &str| {
        Kind::Health(HealthEvent {
            pool: "mail".into(),
            member: "mx1".into(),
            up: false,
            reason: reason.to_owned(),
            monitor: "smtp".into(),
            former: "up",
            former_seconds: 91,
        })
    };
    let system = |detail: String| {
        Kind::System(SystemEvent {
            what: "started",
            detail,
        })
    };
    let kinds = [
        packet("mx", "192.0.2.7"),
        packet(NASTY, "2001:db8::7"),
        health("greeting: 554 no"),
        health(NASTY),
        system("version".to_owned()),
        system("=".repeat(8192)),
        system("\u{9b}".repeat(4096)),
    ];
    let kinds = kinds.into_iter().chain(of_the_proxy());
    kinds
        .map(|kind| Event {
            time_ns: 1_772_368_496_000_000_789,
            kind,
        })
        .collect()
}

/// What a collector must have as fields, by what JSON says of the event.
fn expected(event: &Event) -> BTreeMap<String, String> {
    let serde_json::Value::Object(object) = serde_json::to_value(event).unwrap() else {
        panic!("{event:?}");
    };
    let fields = object.into_iter().filter(|(name, _)| name != "event");
    fields
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => (name, shown(&text)),
            other => (name, other.to_string()),
        })
        .collect()
}

/// What may be obeyed stands as `#` and octal digits.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if character.is_control() || character == '\u{202e}' {
            for octet in character.to_string().bytes() {
                write!(shown, "#{octet:03o}").unwrap();
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whole, or cut at the bound of free text.
fn holds(got: &str, wanted: &str) -> bool {
    got == wanted || (wanted.len() > 2048 && wanted.starts_with(got) && got.len() > 2000)
}

/// `name="value"` pairs, as any reader would take them apart.
fn pairs(mut text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    while let Some((name, rest)) = text.trim_start().split_once("=\"") {
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("{text}")) {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(characters.next().unwrap().1),
                (_, other) => value.push(other),
            }
        };
        all.insert(name.to_owned(), value);
        text = &rest[end..];
    }
    assert_eq!(text.trim(), "", "all of it is pairs");
    all
}

/// Tells all events to all ways from within the namespace.
fn tell(netns: &Netns, certs: &Certs, ways: &[Way]) {
    let client = certs.client("client", &["host.example"]).unwrap();
    let mut text = format!(
        "[[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:25\"]\npool = \"p\"\n\
         [[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n\
         [[server_tls]]\nname = \"logs\"\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"file:{}\"\n\
         [log]\nsystem_profile = \"all\"\n[firewall]\nlog_profile = \"all\"\n\
         [[log.profile]]\nname = \"all\"\npublisher = \"all\"\nsessions = \"all\"\n",
        certs.ca().display(),
        client.chain.display(),
        client.key.display()
    );
    let mut names = Vec::new();
    for way in ways {
        let Way {
            facility,
            address,
            port,
            transport,
            format,
            ..
        } = way;
        let tls = if *transport == "tls" {
            "server_tls = \"logs\"\n"
        } else {
            ""
        };
        write!(
            text,
            "[[log.destination]]\nname = \"{facility}\"\ntype = \"syslog\"\nfacility = \"{facility}\"\n\
             address = \"{address}:{port}\"\ntransport = \"{transport}\"\nformat = \"{format}\"\n{tls}"
        )
        .unwrap();
        if *format == "rfc3164" && *transport != "udp" {
            text += "framing = \"newline\"\n";
        }
        names.push(format!("{facility:?}"));
    }
    write!(
        text,
        "[[log.publisher]]\nname = \"all\"\ndestinations = [{}]\n",
        names.join(", ")
    )
    .unwrap();
    let plan = parse("collectors", &text, &SystemResolver)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .plan;
    let (profiles, _) = Profiles::load(&plan).unwrap();
    netns
        .inside(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let (pipeline, bus) =
                    Pipeline::start(&plan.log, Routes::from_plan(&plan), &Arc::new(profiles))?;
                bus.emit_batch(events());
                let status = pipeline.shutdown(Duration::from_secs(20)).await;
                for destination in &status.destinations {
                    assert_eq!(destination.sent, events().len() as u64, "{destination:?}");
                    assert_eq!(destination.lost.total(), 0, "{destination:?}");
                }
                Ok(())
            })
        })
        .unwrap();
}

/// Compares what came by one way: MSG or the pairs in it, and a look-up of structured data.
fn check<'a>(
    way: &Way,
    came: impl Iterator<Item = (&'a str, Box<dyn Fn(&str) -> Option<String> + 'a>)>,
) {
    let what = format!("{} over {} at {}", way.format, way.transport, way.address);
    let came: Vec<_> = came.collect();
    let events = events();
    assert_eq!(came.len(), events.len(), "{what}");
    for (number, (event, (message, structured))) in (1..).zip(events.iter().zip(came)) {
        let pairs = match way.format {
            "rfc3164" => pairs(message),
            _ => BTreeMap::new(),
        };
        let get = |name: &str| {
            if pairs.is_empty() {
                structured(name)
            } else {
                pairs.get(name).cloned()
            }
        };
        for (name, value) in expected(event) {
            let got = get(&name).unwrap_or_else(|| panic!("{what}: no {name}: {message}"));
            assert!(
                holds(&got, &value),
                "{what}: {name}: {got:?} is not {value:?}"
            );
        }
        let sequence = get("sequence_id").or_else(|| get("sequenceId"));
        let sequence = sequence.or_else(|| get("sequenceid"));
        assert_eq!(sequence.as_deref(), Some(&*format!("{number}")), "{what}");
    }
}

#[test]
fn rsyslog_holds_every_field() {
    let netns = Arc::new(Netns::new("rsyslog").unwrap());
    let certs = Certs::new().unwrap();
    let leaf = certs.server("logs", &["127.0.0.1", "::1"]).unwrap();
    let rsyslog = Rsyslog::start_tls(&netns, &leaf, &certs.ca()).unwrap();
    let ways = ways(|transport, _| if transport == "tls" { 6514 } else { 514 });
    tell(&netns, &certs, &ways);
    let all = ways.len() * events().len();
    let records = until(format!("{all} records"), LONG, || {
        Ok(Some(rsyslog.records()?).filter(|records| records.len() >= all))
    })
    .unwrap();
    for way in &ways {
        let came = records.iter().filter(|record| {
            let priority: u32 = record.pri.parse().unwrap();
            priority / 8 == way.number
        });
        let came = came.map(|record| {
            assert_eq!(record.app, "smtp-lb");
            assert_eq!(record.procid, std::process::id().to_string());
            let get = |name: &str| record.get(name).unwrap();
            (&*record.msg, Box::new(get) as Box<dyn Fn(&str) -> _>)
        });
        check(way, came);
    }
}

#[test]
fn syslog_ng_holds_every_field() {
    let netns = Arc::new(Netns::new("syslog-ng").unwrap());
    let certs = Certs::new().unwrap();
    let leaf = certs.server("logs", &["127.0.0.1", "::1"]).unwrap();
    let server = SyslogNg::start(&netns, &leaf, &certs.ca()).unwrap();
    let ways = ways(|transport, format| match (transport, format) {
        ("tls", "rfc5424") => 6514,
        ("tls", _) => 6515,
        (_, "rfc5424") => 601,
        _ => 514,
    });
    tell(&netns, &certs, &ways);
    let all = ways.len() * events().len();
    let records = until(format!("{all} records"), LONG, || {
        Ok(Some(server.records()?).filter(|records| records.len() >= all))
    })
    .unwrap();
    for way in &ways {
        let came = records.iter().filter(|record| {
            let priority: u32 = record.pri.parse().unwrap();
            priority / 8 == way.number
        });
        let came = came.map(|record| {
            assert_eq!(record.program, "smtp-lb");
            assert_eq!(record.pid, std::process::id().to_string());
            let get = |name: &str| record.get(name);
            (&*record.message, Box::new(get) as Box<dyn Fn(&str) -> _>)
        });
        check(way, came);
    }
}
