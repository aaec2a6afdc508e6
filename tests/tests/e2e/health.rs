//! Members that go and come back.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use smtp_lb::admin::api::{MonitorResumed, PoolEvents};
use smtp_lb_tests::faulty_member::{Conduct, FaultyMember, Step};
use smtp_lb_tests::postfix::Postfix;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::smtp_server::Behaviour;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, send, session, sink, sinks, with};
use crate::over_both;

/// The monitor's probes replaced by what sessions meet.
fn inband(text: &str) -> String {
    with(
        text,
        "type = \"smtp\"\ninterval = \"200ms\"\ntimeout = \"1s\"\ndomain = \"lb.inside.example\"",
        "type = \"inband\"\nfailures = 2\nretry = \"1s\"\nretry_max = \"2s\"",
    )
}

over_both! {
    fn a_killed_member_is_marked_down_and_its_traffic_moves(family: Family) {
        let site = Site::new().unwrap();
        let mut mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let mx2 = Postfix::start(&site.mx2, "mx2.inside.example").unwrap();
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");

        mx1.kill().unwrap();
        // From now on, before any monitor has noticed, too: a connect that fails is tried
        // elsewhere.
        for number in 0..10 {
            let mut client = session(&site, family);
            assert_eq!(client.greeting, "mx2.inside.example");
            client.send(&Message::new(&format!("moved-{number}"), 500)).unwrap();
            client.quit().unwrap();
        }
        let down = host.await_member("mx1", "down");
        assert!(!down.reason.is_empty(), "it is said why");
        assert!(down.since > 0, "and since when");
        assert_eq!(host.member("mx2").state, "up");
        until("10 messages", LONG, || {
            Ok((mx2.subjects()?.len() == 10).then_some(()))
        })
        .unwrap();

        let mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        host.await_member("mx1", "up");
        let clients = [session(&site, family), session(&site, family)];
        assert_ne!(clients[0].greeting, clients[1].greeting, "both serve again");
        drop(mx1);
    }

    /// Two of three will do; which of them does not matter.
    fn as_many_monitors_as_are_asked_for_keep_a_member_up(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let flag = files.folder.path().join("flag");
        let program = files.folder.path().join("look");
        let script = format!("#!/bin/sh\ntest -e {} && echo up\n", flag.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let text = with(
            &files.text(family),
            "monitors = [\"smtp\"]",
            "monitors = [\"smtp\", \"ping\", \"flag\"]\nmin_monitors = 2",
        );
        let times = "interval = \"200ms\"\ntimeout = \"1s\"\n";
        let text = format!(
            "{text}\n[[monitor]]\nname = \"ping\"\ntype = \"icmp\"\n{times}\n[[monitor]]\nname = \"flag\"\n\
             type = \"external\"\nprogram = \"{}\"\n{times}", program.display());
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        let monitor = |name: &str, state: &str| {
            until(format!("{name} {state}"), LONG, || {
                let member = host.member("mx1");
                let found = member.monitors.iter().find(|monitor| monitor.monitor == name);
                Ok((found.unwrap().state == state).then_some(member.state))
            })
            .unwrap()
        };
        assert_eq!(monitor("flag", "down"), "up", "two are left");
        sinks[0].behave(Behaviour::RefuseSession);
        assert_eq!(monitor("smtp", "down"), "down", "one is not enough");
        let why = host.member("mx1").reason;
        assert!(why.contains("554"), "{why}");
        fs::write(&flag, "").unwrap();
        assert_eq!(monitor("flag", "up"), "up", "two others");
    }

    fn who_was_taken_down_waits_for_an_operator_if_so_asked(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let held = "timeout = \"1s\"\nmanual_resume = true";
        let text = with(&files.text(family), "timeout = \"1s\"", held);
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        sinks[0].behave(Behaviour::RefuseSession);
        host.await_member("mx1", "down");
        sinks[0].behave(Behaviour::Good);
        let monitor = until("a monitor that has seen it well", LONG, || {
            let monitor = host.member("mx1").monitors.remove(0);
            Ok((monitor.state == "up").then_some(monitor))
        })
        .unwrap();
        assert!(monitor.held);
        assert_eq!(host.member("mx1").state, "down");
        assert_eq!(session(&site, family).greeting, "mx2.inside.example");
        let resumed: MonitorResumed = host.cli().json(&["monitor", "resume", "mx1"]).unwrap();
        assert_eq!(resumed.resumed.len(), 1, "{resumed:?}");
        host.await_member("mx1", "up");
    }

    fn probes_come_from_the_address_that_is_asked_for(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        // The mail servers know no way out but this.
        for mx in [&site.mx1, &site.mx2] {
            mx.ip(&format!("route add {} via {}", family.outer(), family.inner())).unwrap();
        }
        let files = Files::new();
        let probe = format!(
            "timeout = \"1s\"\nsource = \"{}\"\n\
             message = {{ from = \"probe@lb.example\", rcpt = \"probe@inside.example\" }}",
            family.outer()
        );
        let text = with(&files.text(family), "timeout = \"1s\"", &probe);
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        let deliveries = sinks[0].deliveries();
        assert!(!deliveries.is_empty());
        for delivery in deliveries {
            assert_eq!(delivery.peer.ip(), family.outer());
        }
    }

    /// The gateway reads greetings: a server that sends clients away is as good as none.
    fn a_421_in_place_of_a_greeting_takes_a_member_down_for_a_while(family: Family) {
        let site = Site::new().unwrap();
        let mx1 = FaultyMember::start(&site.mx1, &[SocketAddr::new(family.mx1(), 25)]).unwrap();
        mx1.conduct(Conduct::Say {
            at: Step::Greeting,
            reply: b"421 4.3.2 try later\r\n".to_vec(),
            close: true,
        });
        let mx2 = sink(&site.mx2, "mx2", family.mx2());
        let files = Files::new();
        let text = with(&inband(&files.text(family)), "pool = \"mx\"\n", "pool = \"mx\"\ngateway = {}\n");
        let host = Host::start_with(&site, files, &text);
        let mut sent = 0;
        let down = until("down by greetings", LONG, || {
            send(&site, family, &format!("sent-{sent}"));
            sent += 1;
            Ok(Some(host.member("mx1")).filter(|member| member.state == "down"))
        })
        .unwrap();
        assert!(down.reason.starts_with("2 sessions failed within 30 s"), "{}", down.reason);
        assert!(down.refused_greetings >= 2);
        assert_eq!((down.connect_failures, down.faults), (0, 0));
        assert_eq!(mx2.messages(), sent, "each by the other one");
        mx1.conduct(Conduct::Good);
        host.await_member("mx1", "up");
    }

    /// No probe: what clients meet takes the member down, for longer each time.
    fn clients_sessions_take_a_member_down_for_a_while(family: Family) {
        let site = Site::new().unwrap();
        let [mut mx1, mx2] = sinks(&site, family);
        let files = Files::new();
        let text = inband(&files.text(family));
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        mx1.stop();
        let fall = || {
            until("down by sessions", LONG, || {
                // Each is served, whatever it met before.
                assert_eq!(session(&site, family).greeting, "mx2.inside.example");
                let member = host.member("mx1");
                Ok((member.state == "down").then_some(member.reason))
            })
            .unwrap()
        };
        let first = fall();
        assert!(first.starts_with("2 sessions failed within 30 s, again tried in 1 s"), "{first}");
        host.await_member("mx1", "up");
        let second = fall();
        assert!(second.ends_with("again tried in 2 s"), "{second}");
        let before = mx2.sessions();
        assert_eq!(session(&site, family).greeting, "mx2.inside.example");
        assert_eq!(mx2.sessions(), before + 1);

        let _mx1 = sink(&site.mx1, "mx1", family.mx1());
        host.await_member("mx1", "up");
        let clients = [session(&site, family), session(&site, family)];
        assert_ne!(clients[0].greeting, clients[1].greeting, "both serve again");
        let events: PoolEvents = host.cli().json(&["pool", "events", "mx"]).unwrap();
        let changes = events.events.iter().filter(|event| event.member == "mx1");
        let changes: Vec<&str> = changes.map(|event| event.change.as_str()).collect();
        assert_eq!(changes, ["up", "down", "up", "down", "up"], "{events:?}");
    }

    /// In the file, as to any collector: what, why, by which monitor, and for how long not.
    fn each_change_is_told_in_the_log(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        sinks[0].behave(Behaviour::RefuseSession);
        host.await_member("mx1", "down");
        sinks[0].behave(Behaviour::Good);
        host.await_member("mx1", "up");
        let told = until("three events", LONG, || {
            let text = fs::read_to_string(host.files.events())?;
            let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            let of = |line: &Value| line["event"] == "health" && line["member"] == "mx1";
            let told: Vec<Value> = lines.into_iter().filter(of).collect();
            Ok((told.len() >= 3).then_some(told))
        })
        .unwrap();
        let expected = [("checking", true), ("up", false), ("down", true)];
        for (event, (former, up)) in told.iter().zip(expected) {
            assert_eq!(event["up"], up, "{event}");
            assert_eq!(event["former"], former, "{event}");
            assert_eq!(event["pool"], "mx", "{event}");
            assert_eq!(event["monitor"], "smtp", "{event}");
            assert!(event["former_seconds"].is_u64(), "{event}");
        }
        let why = told[1]["reason"].as_str().unwrap();
        assert!(why.starts_with("greeting: 554"), "{why}");
        assert_eq!(told.len(), 3, "{told:?}");
    }

    fn a_server_that_answers_wrongly_is_down(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        for behaviour in [
            Behaviour::RefuseSession,
            Behaviour::Babble,
            Behaviour::Silent,
            Behaviour::CloseAfterGreeting,
        ] {
            sinks[0].behave(behaviour);
            let down = host.await_member("mx1", "down");
            assert!(!down.reason.is_empty(), "{behaviour:?}");
            assert_eq!(session(&site, family).greeting, "mx2.inside.example");
            sinks[0].behave(Behaviour::OnlyHelo);
            // HELO is tried where EHLO is refused.
            host.await_member("mx1", "up");
        }
    }
}

/// A monitor that has not yet failed for its time-out leaves the member up.
#[test]
fn one_failed_probe_is_not_down() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let sinks = sinks(&site, family);
    let files = Files::new();
    let text = with(&files.text(family), "timeout = \"1s\"", "timeout = \"1h\"");
    let host = Host::start_with(&site, files, &text);
    host.await_member("mx1", "up");
    let probes = sinks[0].sessions();
    sinks[0].behave(Behaviour::RefuseSession);
    until("some failed probes", LONG, || {
        Ok((sinks[0].sessions() > probes + 3).then_some(()))
    })
    .unwrap();
    assert_eq!(host.member("mx1").state, "up");
}
