use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::store::{Embedded, EmbeddedSettings};

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;
const POLICY: fn() -> Policy = Policy::default;

fn store() -> Embedded {
    Embedded::open(&EmbeddedSettings::default()).unwrap()
}

fn from<'a>(client: &str, sender: &'a str) -> Triplet<'a> {
    Triplet {
        client: Client::Address(client.parse().unwrap()),
        sender,
        recipient: "joe@example.org",
    }
}

fn ask(store: &Embedded, triplet: &Triplet<'_>, now: u64) -> Decision {
    let policy = POLICY();
    let asked = check(store, &policy, triplet, now).now_or_never();
    asked.expect("it is in memory").unwrap()
}

#[test]
fn the_whole_life_of_a_triplet() {
    let store = store();
    let triplet = from("192.0.2.1", "a@example.com");
    let ask = |after| ask(&store, &triplet, NOW + after);
    assert_eq!(ask(0), Decision::Wait(300));
    // Who comes too early loses no time.
    assert_eq!(ask(1), Decision::Wait(299));
    assert_eq!(ask(299), Decision::Wait(1));
    assert_eq!(ask(300), Decision::Pass);
    assert_eq!(ask(301), Decision::Pass);
    // Known on, as long as it is seen within 35 days.
    assert_eq!(ask(301 + 35 * DAY - 1), Decision::Pass);
    assert_eq!(ask(300 + 70 * DAY - 1), Decision::Pass);
    assert_eq!(ask(300 + 106 * DAY), Decision::Wait(300));
}

#[test]
fn who_does_not_come_again_within_two_days_is_new() {
    let triplet = from("192.0.2.1", "a@example.com");
    for (again, decision) in [
        (2 * DAY - 1, Decision::Pass),
        (2 * DAY, Decision::Wait(300)),
    ] {
        let store = store();
        ask(&store, &triplet, NOW);
        // An early attempt does not make it longer.
        ask(&store, &triplet, NOW + 200);
        assert_eq!(ask(&store, &triplet, NOW + again), decision);
    }
}

#[test]
fn each_of_the_three_makes_another_triplet() {
    let store = store();
    let triplet = from("192.0.2.1", "a@example.com");
    ask(&store, &triplet, NOW);
    let later = |triplet: Triplet<'_>| ask(&store, &triplet, NOW + 300);
    assert_eq!(
        later(from("192.0.3.1", "a@example.com")),
        Decision::Wait(300)
    );
    assert_eq!(
        later(from("192.0.2.1", "b@example.com")),
        Decision::Wait(300)
    );
    let other = Triplet {
        recipient: "jane@example.org",
        ..triplet
    };
    assert_eq!(later(other), Decision::Wait(300));
    // A neighbour, letters of another case, an extension, a number: the same.
    assert_eq!(
        later(from("192.0.2.99", "A+x=y@Example.COM")),
        Decision::Pass
    );
    let list = from("2001:db8::1", "list-return-17-joe=example.org@example.com");
    ask(&store, &list, NOW);
    assert_eq!(
        later(from(
            "2001:db8::2",
            "list-return-18-joe=example.org@example.com"
        )),
        Decision::Pass
    );
    let null = from("192.0.2.1", "");
    assert_eq!(later(null), Decision::Wait(300));
}

#[test]
fn numbers_that_stand_by_themselves_are_none() {
    for (sender, same) in [
        ("a@b.c", "a@b.c"),
        ("bounce-123-x@4.example", "bounce-#-x@4.example"),
        ("123@b", "#@b"),
        ("a1@b", "a1@b"),
        ("1a.2@b", "1a.#@b"),
        ("a+b+1@b", "a@b"),
        ("", ""),
        ("nobody", "nobody"),
    ] {
        assert_eq!(steady(sender), same);
    }
}

#[test]
fn a_client_that_passed_in_five_hours_is_trusted() {
    let store = store();
    let mut now = NOW;
    for round in 0..5 {
        let sender = format!("{}@example.com", ["a", "b", "c", "d", "e"][round]);
        let triplet = from("192.0.2.1", &sender);
        assert_eq!(
            ask(&store, &triplet, now),
            Decision::Wait(300),
            "round {round}"
        );
        now += 300;
        assert_eq!(ask(&store, &triplet, now), Decision::Pass);
        // More of them within the hour count as one.
        let more = if round < 4 {
            Decision::Pass
        } else {
            Decision::Trusted
        };
        assert_eq!(ask(&store, &triplet, now + 60), more);
        now += HOUR;
    }
    let new = from("192.0.2.200", "new@example.com");
    assert_eq!(ask(&store, &new, now), Decision::Trusted);
    assert_eq!(
        ask(&store, &from("192.0.3.1", "new@example.com"), now),
        Decision::Wait(300)
    );
    // It is forgotten when it was not seen for 35 days.
    assert_eq!(ask(&store, &new, now + 35 * DAY - 1), Decision::Trusted);
    assert_eq!(ask(&store, &new, now + 71 * DAY), Decision::Wait(300));
}

#[test]
fn large_senders_are_known_by_their_domain() {
    let store = store();
    let by_domain = |domain| Triplet {
        client: Client::Domain(domain),
        ..from("192.0.2.1", "a@example.com")
    };
    assert_eq!(
        ask(&store, &by_domain("Example.com"), NOW),
        Decision::Wait(300)
    );
    assert_eq!(
        ask(&store, &by_domain("example.com"), NOW + 300),
        Decision::Pass
    );
    assert_eq!(
        ask(&store, &by_domain("example.net"), NOW + 300),
        Decision::Wait(300)
    );
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let store = store();
    let triplet = from("192.0.2.1", "a@example.com");
    assert_eq!(ask(&store, &triplet, NOW + 400 * DAY), Decision::Wait(300));
    assert_eq!(ask(&store, &triplet, NOW), Decision::Wait(300));
    assert_eq!(ask(&store, &triplet, NOW + 300), Decision::Pass);
}

#[test]
fn nobody_is_trusted_where_that_is_off() {
    let policy = Policy {
        trust_after: 0,
        ..POLICY()
    };
    let client = Entry {
        first: 0,
        last: 0,
        expires: u64::MAX,
        passes: 100,
    };
    let judged = judge(&policy, None, Some(client), NOW);
    assert_eq!(judged.decision, Decision::Wait(300));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the times: none passes before its time, and who comes after it and in time passes.
    #[test]
    fn attempts_at_any_time(gaps in vec(0..200_000_u64, 1..40)) {
        let policy = POLICY();
        let (mut triplet, mut client, mut first) = (None::<Entry>, None::<Entry>, None);
        let (mut now, mut passes, mut passed_before) = (NOW, 0, false);
        for gap in gaps {
            now += gap;
            triplet = triplet.filter(|it| it.expires > now);
            client = client.filter(|it| it.expires > now);
            if triplet.is_none() {
                (first, passed_before) = (Some(now), false);
            }
            let judged = judge(&policy, triplet, client, now);
            let waited = now - first.unwrap();
            match judged.decision {
                Decision::Wait(left) => {
                    prop_assert!(!passed_before && waited < policy.delay);
                    prop_assert_eq!(left, policy.delay - waited);
                }
                Decision::Pass => {
                    prop_assert!(waited >= policy.delay);
                    (passes, passed_before) = (passes + 1, true);
                }
                Decision::Trusted => prop_assert!(passes >= policy.trust_after),
            }
            triplet = judged.triplet.or(triplet);
            client = judged.client.or(client);
            let counted = client.map_or(0, |it| u64::from(it.passes));
            prop_assert!(counted <= 1 + (now - NOW) / COUNTED_EVERY);
        }
    }
}
