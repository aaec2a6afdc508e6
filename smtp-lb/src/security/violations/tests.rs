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
    let (bus, mut events) = Bus::channel(10);
    let recorder = Recorder::new(bus, "lb1");
    for (alarm, block) in [(true, false), (false, true), (true, true)] {
        recorder.record(violation("p", Check::SenderDomain, alarm, block));
    }
    let counted = recorder.stats().checks[0].counted;
    assert_eq!((counted.alarmed, counted.blocked), (1, 2));
    let mut actions = Vec::new();
    while let Ok(event) = events.try_recv() {
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
    let none = Filter::default;
    for (filter, holds) in [
        (none(), true),
        (
            Filter {
                profile: Some("p".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                profile: Some("q".into()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                virtual_server: Some("mx".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                virtual_server: Some("m".into()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                check: Some(Check::Spf),
                ..none()
            },
            true,
        ),
        (
            Filter {
                check: Some(Check::Dnsbl),
                ..none()
            },
            false,
        ),
        (
            Filter {
                action: Some("alarm".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                action: Some("block".into()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                client: Some("192.0.2.0/24".parse().unwrap()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                client: Some("192.0.3.0/24".parse().unwrap()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                domain: Some("example.COM".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                domain: Some("b@example.org".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                domain: Some("ample.org".into()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                session: Some("00000000deadbeef".into()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                id: Some("x".into()),
                ..none()
            },
            false,
        ),
        (
            Filter {
                id: Some(kept[0].id.clone()),
                ..none()
            },
            true,
        ),
        (
            Filter {
                since: Some(1_772_368_496),
                ..none()
            },
            true,
        ),
        (
            Filter {
                since: Some(1_772_368_497),
                ..none()
            },
            false,
        ),
    ] {
        assert_eq!(
            recorder.own(&filter, 9).len(),
            usize::from(holds),
            "{filter:?}"
        );
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
    let garbage: [&[u8]; 3] = [b"", b"{}", &[b'['; 100_000]];
    for item in garbage {
        store
            .push("violations:p", item, 100)
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
