use std::future::{pending, ready};

use futures_util::FutureExt;

use super::super::tests::Zone;
use super::*;
use crate::spf::DnsFailure;

fn zone() -> Zone {
    Zone::of(&[
        ("TXT", "pass.example", "v=spf1 ip4:192.0.2.1 -all"),
        ("TXT", "fail.example", "v=spf1 -all exp=why.fail.example"),
        ("TXT", "why.fail.example", "No %{i}"),
        ("TXT", "soft.example", "v=spf1 ~all"),
        ("TXT", "neutral.example", "v=spf1 ?all"),
        ("TXT", "broken.example", "v=spf1 nonsense"),
        ("TXT", "a.example", "v=spf1 a -all"),
        ("A", "a.example", "192.0.2.1"),
    ])
}

fn query(domain: &str) -> Query {
    Query::mail_from(
        "192.0.2.1".parse().unwrap(),
        "helo.example",
        &format!("a@{domain}"),
    )
}

fn finding(zone: &Zone, settings: Settings, domain: &str) -> Finding {
    let query = query(domain);
    let outcome = ask(zone, &query, pending()).now_or_never().unwrap();
    judge(&settings, &outcome)
}

fn codes(finding: &Finding) -> &'static str {
    match finding {
        Finding::Pass => "",
        Finding::Fail(fault) | Finding::Unknown(fault) => fault.codes,
    }
}

#[test]
fn each_verdict_can_be_refused_for_good_for_now_or_not() {
    let zone = zone().failing("TXT", "down.example", DnsFailure::Timeout);
    let all = |then| Settings {
        fail: then,
        soft_fail: then,
        neutral: then,
        none: then,
        permerror: then,
        temperror: WhenAway::Refuse,
    };
    let sets = [
        Settings::default(),
        all(Then::Refuse),
        all(Then::Defer),
        all(Then::Pass),
    ];
    for (domain, expected) in [
        ("pass.example", ["", "", "", ""]),
        (
            "fail.example",
            ["550 5.7.23", "550 5.7.23", "451 4.7.23", ""],
        ),
        ("soft.example", ["", "550 5.7.23", "451 4.7.23", ""]),
        ("neutral.example", ["", "550 5.7.23", "451 4.7.23", ""]),
        ("none.example", ["", "550 5.7.23", "451 4.7.23", ""]),
        ("broken.example", ["", "550 5.7.24", "451 4.7.24", ""]),
        ("down.example", ["451 4.7.24"; 4]),
    ] {
        let found = sets
            .each_ref()
            .map(|set| codes(&finding(&zone, *set, domain)));
        assert_eq!(found, expected, "{domain}");
    }
}

#[test]
fn the_reason_says_whose_record_and_what_it_explains() {
    let Finding::Fail(fault) = finding(&zone(), Settings::default(), "fail.example") else {
        panic!("-all");
    };
    assert_eq!(
        fault.reason,
        "fail by the record of fail.example; the domain explains: No 192.0.2.1"
    );
}

struct Silent;
impl Dns for Silent {
    async fn txt(&self, _: &str) -> crate::spf::Answer<Vec<u8>> {
        pending().await
    }
    async fn a(&self, _: &str) -> crate::spf::Answer<std::net::Ipv4Addr> {
        pending().await
    }
    async fn aaaa(&self, _: &str) -> crate::spf::Answer<std::net::Ipv6Addr> {
        pending().await
    }
    async fn mx(&self, _: &str) -> crate::spf::Answer<String> {
        pending().await
    }
    async fn ptr(&self, _: std::net::IpAddr) -> crate::spf::Answer<String> {
        pending().await
    }
}

#[test]
fn what_takes_too_long_is_no_reason() {
    let query = query("fail.example");
    let outcome = ask(&Silent, &query, ready(())).now_or_never().unwrap();
    assert_eq!(outcome.verdict, Verdict::TempError);
    let finding = judge(&Settings::default(), &outcome);
    assert!(matches!(finding, Finding::Unknown(_)), "{finding:?}");
}

#[test]
fn who_passes_is_known_by_the_domain() {
    let query = query("pass.example");
    let outcome = ask(&zone(), &query, pending()).now_or_never().unwrap();
    assert_eq!(passing_domain(&query, &outcome), Some("pass.example"));
    let query = self::query("soft.example");
    let outcome = ask(&zone(), &query, pending()).now_or_never().unwrap();
    assert_eq!(passing_domain(&query, &outcome), None);
}

/// Whichever question fails, nobody is refused for good who would have passed.
#[test]
fn a_failure_is_never_for_good() {
    let strict = Settings {
        none: Then::Refuse,
        neutral: Then::Refuse,
        permerror: Then::Refuse,
        soft_fail: Then::Refuse,
        ..Settings::default()
    };
    for domain in ["pass.example", "a.example"] {
        let whole = zone();
        assert_eq!(finding(&whole, strict, domain), Finding::Pass);
        for (kind, name) in whole.forget_asked() {
            let broken = zone().failing(kind, &name, DnsFailure::ServerFailure);
            let found = finding(&broken, strict, domain);
            assert!(
                matches!(found, Finding::Unknown(_)),
                "{domain}: {kind} {name}"
            );
        }
    }
}

/// RFC 7208. Whoever sets them apart does so by hand.
#[test]
fn section_8_2_neutral_is_treated_as_none() {
    let settings = Settings::default();
    assert_eq!(settings.neutral, settings.none);
    let zone = zone();
    for domain in ["neutral.example", "recordless.example"] {
        assert_eq!(finding(&zone, settings, domain), Finding::Pass, "{domain}");
    }
    let both = Settings {
        neutral: Then::Refuse,
        none: Then::Refuse,
        ..settings
    };
    for domain in ["neutral.example", "recordless.example"] {
        assert_eq!(
            codes(&finding(&zone, both, domain)),
            "550 5.7.23",
            "{domain}"
        );
    }
}
