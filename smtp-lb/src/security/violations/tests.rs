use futures_util::FutureExt;

use super::*;
use crate::event::model::Kind;
use crate::security::{Check, Reaction};
use crate::store::{Embedded, EmbeddedSettings};

fn violation(profile: &str, check: Check, alarm: bool, block: bool) -> Violation {
    Violation {
        time_ns: 1_772_368_496_000_000_000,
        reaction: Reaction { alarm, block },
        client: "[::ffff:192.0.2.7]:4711".parse().unwrap(),
        sender: "a@Example.com".to_owned(),
        recipient: "b@example.org".to_owned(),
        session: "00000000deadbeef".to_owned(),
        reply: "450 4.1.8 no".to_owned(),
        ..Violation::new(&profile.into(), &"mx".into(), check)
    }
}

#[test]
fn alarm_tells_and_keeps_block_alone_only_counts() {
    let (bus, events) = Bus::channel(10);
    let recorder = Recorder::new(bus, "lb1");
    for (alarm, block) in [(true, false), (false, true), (true, true)] {
        recorder.record(violation("p", Check::SenderDomain, alarm, block));
    }
    let counted = recorder.stats().checks[0].counted;
    assert_eq!((counted.alarmed, counted.blocked), (1, 2));
    let mut actions = Vec::new();
    while let Some(event) = events.try_recv() {
        let Kind::Violation(event) = event.kind else {
            panic!("{event:?}");
        };
        assert_eq!((event.check, event.src_port), ("sender-domain", 4711));
        assert_eq!(event.src_ip.to_string(), "192.0.2.7");
        actions.push(event.action);
    }
    assert_eq!(actions, ["alarm", "block"]);
    assert_eq!(recorder.own(&Filter::default(), 10).len(), 2);
}

#[test]
fn so_many_of_each_profile_are_kept() {
    let recorder = Recorder::null();
    recorder.configure([("p", 3), ("q", KEPT)], false);
    for n in 0..KEPT as u64 + 7 {
        for profile in ["p", "q"] {
            recorder.record(Violation {
                time_ns: n,
                ..violation(profile, Check::Spf, true, true)
            });
        }
    }
    let of = |profile: &str| {
        let filter = Filter {
            profile: Some(profile.to_owned()),
            ..Filter::default()
        };
        recorder.own(&filter, usize::MAX)
    };
    let times: Vec<u64> = of("p").iter().map(|it| it.violation.time_ns).collect();
    assert_eq!(times, [506, 505, 504], "the newest first");
    assert_eq!(of("q").len(), KEPT);
    recorder.configure([("q", 2)], false);
    assert_eq!((of("p").len(), of("q").len()), (0, 2));
    assert_eq!(recorder.stats().checks.len(), 2, "counters stay");
}

#[test]
fn texts_are_bounded() {
    let recorder = Recorder::null();
    let long = "ü".repeat(10_000);
    recorder.record(Violation {
        helo: long.clone(),
        sender: long.clone(),
        recipient: long.clone(),
        reason: long.clone(),
        reply: long.clone(),
        session: long.clone(),
        message_id: long,
        ..violation("p", Check::Spf, true, true)
    });
    let kept = recorder.own(&Filter::default(), 1);
    let size = serde_json::to_vec(&*kept[0]).unwrap().len();
    assert!(size < LONGEST / 2, "{size}");
}

#[test]
fn conditions() {
    let recorder = Recorder::null();
    recorder.record(violation("p", Check::Spf, true, false));
    let kept = recorder.own(&Filter::default(), 1);
    let id = format!("{{\"id\":\"{}\"}}", kept[0].id);
    for (filter, holds) in [
        ("{}", true),
        (r#"{"profile":"p"}"#, true),
        (r#"{"profile":"q"}"#, false),
        (r#"{"virtual_server":"mx"}"#, true),
        (r#"{"virtual_server":"m"}"#, false),
        (r#"{"check":"spf"}"#, true),
        (r#"{"check":"dnsbl"}"#, false),
        (r#"{"action":"alarm"}"#, true),
        (r#"{"action":"block"}"#, false),
        (r#"{"client":"192.0.2.0/24"}"#, true),
        (r#"{"client":"192.0.3.0/24"}"#, false),
        (r#"{"domain":"example.COM"}"#, true),
        (r#"{"domain":"b@example.org"}"#, true),
        (r#"{"domain":"ample.org"}"#, false),
        (r#"{"session":"00000000deadbeef"}"#, true),
        (r#"{"session":"0"}"#, false),
        (r#"{"id":"x"}"#, false),
        (&id, true),
        (r#"{"since":1772368496}"#, true),
        (r#"{"since":1772368497}"#, false),
        (r#"{"profile":"p","check":"dnsbl"}"#, false),
    ] {
        let read: Filter = serde_json::from_str(filter).unwrap();
        assert_eq!(recorder.own(&read, 9).len(), usize::from(holds), "{filter}");
    }
}

#[test]
fn hosts_see_each_others_through_a_shared_store() {
    let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
    let hosts = ["lb1", "lb2"].map(|host| Recorder::new(Bus::null(), host));
    for (n, host) in hosts.iter().enumerate() {
        host.configure([("p", 100)], true);
        for round in 0..3 {
            host.record(Violation {
                time_ns: 10 * round + n as u64,
                ..violation("p", Check::Spf, true, true)
            });
        }
        for it in host.take_outgoing(100) {
            let push = store.push(&it.list, &it.item, it.keep).now_or_never();
            push.unwrap().unwrap();
        }
    }
    for item in ["", "{}", &"[".repeat(100_000)] {
        store
            .push("violations:p", item.as_bytes(), 100)
            .now_or_never()
            .unwrap()
            .unwrap();
    }
    // One that it had no time to share.
    hosts[0].record(violation("p", Check::Spf, true, true));
    let all = Filter::default();
    let seen = hosts[0].of_all(&store, &all, 100);
    let seen = seen.now_or_never().unwrap().unwrap();
    let shown = |it: &Arc<Kept>| (it.host.to_string(), it.violation.time_ns % 1_000_000);
    let seen: Vec<_> = seen.iter().map(shown).collect();
    let (one, two) = ("lb1".to_owned(), "lb2".to_owned());
    assert_eq!(
        seen,
        [
            (one.clone(), 0),
            (two.clone(), 21),
            (one.clone(), 20),
            (two.clone(), 11),
            (one.clone(), 10),
            (two, 1),
            (one, 0),
        ]
    );
}

#[test]
fn what_cannot_be_shared_is_counted() {
    let recorder = Recorder::null();
    recorder.configure([("p", 4)], true);
    for _ in 0..OUTGOING + 5 {
        recorder.record(violation("p", Check::Spf, true, true));
    }
    let taken = recorder.take_outgoing(usize::MAX);
    assert_eq!(taken.len(), OUTGOING);
    recorder.could_not_share(taken.len());
    let unshared = usize::try_from(recorder.stats().unshared).unwrap();
    assert_eq!(unshared, OUTGOING + 5);
}
