//! Events that tests of several modules use.

use std::fmt::Write as _;

use super::super::model::{
    AdministrationEvent, Event, FirewallEvent, FloodEvent, HealthEvent, Kind, MemberEvent,
    SessionEnd, SessionEvent, SystemEvent, ViolationEvent,
};

/// 2026-03-01T12:34:56.000000789Z.
const TIME: u64 = 1_772_368_496_000_000_789;

/// All that wants escaping somewhere.
pub(crate) const NASTY: &str = "a\"b\\c]d\r\n<34>1 - x\0\t\x1b[31m\u{7f}\u{9b}\u{202e}ü€😀";

pub(crate) fn packet(action: &'static str, server: &str) -> Event {
    event(Kind::Firewall(FirewallEvent {
        action,
        reason: "policy",
        interface: "eth0".into(),
        vlan: Some(12),
        virtual_server: server.into(),
        policy: "edge".into(),
        rule: "no-spammers".into(),
        protocol: 6,
        src_ip: [192, 0, 2, 7].into(),
        src_port: 40_000,
        dest_ip: [203, 0, 113, 25].into(),
        dest_port: 25,
        tcp_flags: 2,
        length: 74,
        feeds: None,
        enforced: None,
    }))
}

/// What a staged policy would have done, and what was done.
pub(crate) fn staged(action: &'static str, enforced: &'static str) -> Event {
    let mut event = packet(action, "mx");
    if let Kind::Firewall(packet) = &mut event.kind {
        packet.reason = "staged";
        packet.policy = "edge-next".into();
        packet.enforced = Some(enforced);
    }
    event
}

pub(crate) fn health(up: bool, reason: &str) -> Event {
    event(Kind::Health(HealthEvent {
        pool: "mail".into(),
        member: "mx1".into(),
        up,
        reason: reason.to_owned(),
        monitor: "smtp".into(),
        former: if up { "down" } else { "up" },
        former_seconds: 91,
    }))
}

pub(crate) fn member(change: &'static str) -> Event {
    event(Kind::Member(MemberEvent {
        pool: "mail".into(),
        member: "mx1".into(),
        change,
        reason: "over within 60 s".to_owned(),
        by: "uid 0, pid 4711".to_owned(),
    }))
}

pub(crate) fn flood(server: &str) -> Event {
    event(Kind::Flood(FloodEvent {
        virtual_server: server.into(),
        change: "ended",
        mark: "syn_rate",
        seconds: 95,
        cookies: 4_711_000,
    }))
}

/// A session's end.
pub(crate) fn session(server: &str) -> Event {
    event(Kind::Session(SessionEvent {
        change: "close",
        session: "00000000deadbeef".to_owned(),
        virtual_server: server.into(),
        pool: "mail".into(),
        src_ip: [192, 0, 2, 7].into(),
        src_port: 40_000,
        dest_ip: [203, 0, 113, 25].into(),
        dest_port: 465,
        end: Some(SessionEnd {
            member: "mx1".into(),
            tls: "TLSv1_3",
            bytes_in: 4711,
            bytes_out: 815,
            duration_ms: 1234,
            result: "closed",
            checks: "client-rate=pass recipient-domain=block".into(),
        }),
    }))
}

/// A failed check, with this in every text that comes from outside.
pub(crate) fn violation(server: &str, action: &'static str, text: &str) -> Event {
    event(Kind::Violation(ViolationEvent {
        profile: "inbound".into(),
        virtual_server: server.into(),
        check: "sender-domain",
        action,
        session: "00000000deadbeef".to_owned(),
        src_ip: [192, 0, 2, 7].into(),
        src_port: 40_000,
        helo: text.to_owned(),
        sender: text.to_owned(),
        recipient: text.to_owned(),
        reason: text.to_owned(),
        reply: text.to_owned(),
        message_id: text.to_owned(),
    }))
}

pub(crate) fn administration(object: &str) -> Event {
    event(Kind::Administration(AdministrationEvent {
        operation: "firewall apply",
        object: object.to_owned(),
        by: "uid 0, pid 4711".to_owned(),
        result: "done",
    }))
}

pub(crate) fn system(what: &'static str, detail: &str) -> Event {
    event(Kind::System(SystemEvent {
        what,
        detail: detail.to_owned(),
    }))
}

fn event(kind: Kind) -> Event {
    Event {
        time_ns: TIME,
        kind,
    }
}

/// One of each, then what is nasty.
pub(crate) fn all() -> Vec<Event> {
    let mut bare = packet("drop", "");
    if let Kind::Firewall(packet) = &mut bare.kind {
        packet.reason = "default";
        packet.vlan = None;
        packet.policy = "".into();
        packet.rule = "default".into();
        packet.protocol = 58;
        packet.src_ip = "2001:db8::7".parse().unwrap();
        packet.dest_ip = "2001:db8::25".parse().unwrap();
        (packet.src_port, packet.dest_port, packet.tcp_flags) = (0, 0, 0);
    }
    let mut nasty = packet("accept", NASTY);
    if let Kind::Firewall(packet) = &mut nasty.kind {
        packet.interface = NASTY.into();
        packet.rule = NASTY.into();
        packet.policy = "\"]".into();
    }
    vec![
        packet("drop", "mx"),
        bare,
        nasty,
        staged("drop", "accept"),
        staged("accept", "reject"),
        health(true, "monitor smtp succeeded"),
        health(false, "greeting: 554 no"),
        health(false, NASTY),
        member("draining"),
        flood("mx"),
        flood(NASTY),
        session("mx"),
        opened(),
        violation("mx", "alarm", ""),
        violation("mx", "block", "a@example.org"),
        violation(NASTY, "block", NASTY),
        administration("edge.toml: policy mail"),
        administration(NASTY),
        system("started", "version 0.1.0"),
        system("reload_failed", NASTY),
        Event {
            time_ns: 0,
            ..system("started", "")
        },
    ]
}

/// A session's beginning.
fn opened() -> Event {
    let mut event = session(NASTY);
    if let Kind::Session(session) = &mut event.kind {
        session.change = "open";
        session.end = None;
        session.src_ip = "2001:db8::7".parse().unwrap();
        session.dest_ip = "2001:db8::25".parse().unwrap();
    }
    event
}

/// Names and texts of any length, of octets that grow when they are escaped.
pub(crate) fn largest() -> [Event; 5] {
    let long = format!("{NASTY}{}", "\u{9b}".repeat(100_000));
    let mut packet = packet("accept", &long);
    if let Kind::Firewall(packet) = &mut packet.kind {
        packet.interface = long.as_str().into();
        packet.policy = long.as_str().into();
        packet.rule = long.as_str().into();
    }
    let mut health = health(false, &long);
    if let Kind::Health(health) = &mut health.kind {
        health.pool = long.as_str().into();
        health.member = long.as_str().into();
        health.monitor = long.as_str().into();
    }
    let mut violation = violation(&long, "block", &long);
    if let Kind::Violation(found) = &mut violation.kind {
        found.profile = long.as_str().into();
    }
    [
        packet,
        health,
        violation,
        administration(&long),
        system("x", &long),
    ]
}

/// Compares with a golden file. `GOLDEN=write` in the environment writes it, to be read before
/// it is committed.
pub(crate) fn compare(name: &str, golden: &str, lines: &[String]) {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/event/format/");
        return std::fs::write(format!("{folder}{name}"), &text).unwrap();
    }
    assert_eq!(text, golden, "{name}");
}
