use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::tests::Zone as Table;
use super::*;

fn zone(name: &str, weight: i32, answers: &[&str]) -> Zone {
    Zone {
        name: name.to_owned(),
        weight,
        answers: answers.iter().map(|it| it.parse().unwrap()).collect(),
    }
}

fn settings(zones: Vec<Zone>, threshold: i32) -> Settings {
    Settings {
        zones,
        threshold,
        when_away: WhenAway::Pass,
    }
}

/// RFC 5782 sections 2.1 and 2.4.
#[test]
fn names_that_are_asked_for() {
    for (client, name) in [
        ("192.0.2.99", "99.2.0.192.bad.example.com"),
        ("::ffff:192.0.2.99", "99.2.0.192.bad.example.com"),
        (
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bad.example.com",
        ),
    ] {
        assert_eq!(question(client.parse().unwrap(), "bad.example.com"), name);
    }
}

#[test]
fn ranges() {
    let held = |range: &str, address: &str| {
        let range: Range = range.parse().unwrap();
        range.contains(address.parse().unwrap())
    };
    assert!(held("127.0.0.2", "127.0.0.2") && !held("127.0.0.2", "127.0.0.3"));
    assert!(held("127.0.0.0/28", "127.0.0.15") && !held("127.0.0.0/28", "127.0.0.16"));
    assert!(
        held("127.0.0.4 - 127.0.0.7", "127.0.0.7") && !held("127.0.0.4-127.0.0.7", "127.0.0.8")
    );
    for bad in ["", "127.0.0", "127.0.0.7-127.0.0.4", "127.0.0.0/33", "::1"] {
        assert!(bad.parse::<Range>().is_err(), "{bad}");
    }
}

#[test]
fn only_answers_of_lists_count() {
    let any = zone("a", 1, &[]);
    let some = zone("b", 1, &["127.0.0.2", "127.0.0.10-127.0.0.11"]);
    let read = |zone: &Zone, answers: &[&str]| {
        let answers: Vec<Ipv4Addr> = answers.iter().map(|it| it.parse().unwrap()).collect();
        zone.read(&answers)
    };
    assert_eq!(read(&any, &[]), Listed::No);
    assert_eq!(read(&any, &["127.0.0.9"]), Listed::Yes);
    assert_eq!(read(&some, &["127.0.0.9"]), Listed::No);
    assert_eq!(read(&some, &["127.0.0.9", "127.0.0.11"]), Listed::Yes);
    // A list's domain that somebody else has, and a list that does not serve us.
    assert_eq!(read(&any, &["203.0.113.1"]), Listed::No);
    let refused = Listed::Unknown(DnsFailure::Refused);
    assert_eq!(read(&any, &["127.255.255.254"]), refused);
    assert_eq!(read(&any, &["127.255.255.254", "127.0.0.2"]), Listed::Yes);
}

#[test]
fn lists_are_asked_once_each_and_weighed() {
    let table = Table::of(&[
        ("A", "1.2.0.192.bad.example", "127.0.0.2"),
        ("A", "1.2.0.192.worse.example", "127.0.0.2"),
        ("A", "2.2.0.192.bad.example", "127.0.0.2"),
        ("A", "2.2.0.192.worse.example", "127.0.0.2"),
        ("A", "2.2.0.192.good.example", "127.0.10.3"),
    ]);
    let settings = settings(
        vec![
            zone("bad.example", 1, &[]),
            zone("worse.example", 2, &[]),
            zone("good.example", -2, &[]),
        ],
        3,
    );
    let finding = |client: &str| {
        let said = ask(&table, &settings, client.parse().unwrap()).now_or_never();
        judge(&settings, &said.unwrap())
    };
    let Finding::Fail(fault) = finding("192.0.2.1") else {
        panic!("3 of 3");
    };
    assert_eq!(
        (fault.codes, fault.reason.as_str()),
        ("550 5.7.1", "listed by bad.example, worse.example")
    );
    assert_eq!(table.asked().len(), 3);
    assert_eq!(finding("192.0.2.2"), Finding::Pass);
    assert_eq!(finding("192.0.2.3"), Finding::Pass);
}

fn listed() -> impl Strategy<Value = Listed> {
    prop_oneof![
        Just(Listed::Yes),
        Just(Listed::No),
        Just(Listed::Unknown(DnsFailure::Timeout)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever lists that do not answer would have said: who is refused is refused by all of it, and
    /// who passes passes by all of it.
    #[test]
    fn a_failure_makes_no_difference(said in vec((listed(), -5..6_i32), 0..7), threshold in 1..8_i32) {
        let zones = said.iter().map(|(_, weight)| zone("z", *weight, &[])).collect();
        let settings = settings(zones, threshold);
        let unknown: Vec<usize> = (0..said.len())
            .filter(|&at| matches!(said[at].0, Listed::Unknown(_)))
            .collect();
        let mut could = Vec::new();
        for bits in 0..1_u32 << unknown.len() {
            let score: i32 = said.iter().enumerate().map(|(at, (listed, weight))| {
                let yes = match unknown.iter().position(|it| *it == at) {
                    Some(bit) => bits >> bit & 1 == 1,
                    None => *listed == Listed::Yes,
                };
                if yes { *weight } else { 0 }
            }).sum();
            could.push(score >= threshold);
        }
        let listed: Vec<Listed> = said.iter().map(|(listed, _)| *listed).collect();
        let finding = judge(&settings, &listed);
        match finding {
            Finding::Fail(_) => prop_assert!(could.iter().all(|it| *it)),
            Finding::Pass => prop_assert!(could.iter().all(|it| !*it)),
            Finding::Unknown(_) => prop_assert!(could.contains(&true) && could.contains(&false)),
        }
    }
}
