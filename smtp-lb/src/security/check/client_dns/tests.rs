use futures_util::FutureExt;

use super::super::tests::Zone;
use super::*;

const MANY: &str = "n0.example n1.example n2.example n3.example n4.example n5.example n6.example \
                    n7.example n8.example n9.example good.example n11.example";

fn zone() -> Zone {
    Zone::of(&[
        ("PTR", "192.0.2.1", "Good.example"),
        ("A", "Good.example", "192.0.2.9 192.0.2.1"),
        ("PTR", "192.0.2.2", "liar.example"),
        ("A", "liar.example", "192.0.2.9"),
        ("PTR", "192.0.2.3", "nowhere.example"),
        ("PTR", "192.0.2.4", "liar.example second.example"),
        ("A", "second.example", "192.0.2.4"),
        ("PTR", "192.0.2.5", MANY),
        ("A", "good.example", "192.0.2.5"),
        ("PTR", "2001:db8::1", "six.example"),
        ("AAAA", "six.example", "2001:db8::1"),
        ("A", "six.example", "192.0.2.9"),
    ])
}

fn ask(zone: &Zone, client: &str) -> ClientName {
    super::ask(zone, client.parse().unwrap())
        .now_or_never()
        .unwrap()
}

#[test]
fn names_count_if_they_lead_back() {
    let zone = zone();
    for (client, name) in [
        ("192.0.2.1", ClientName::Verified("good.example".into())),
        (
            "::ffff:192.0.2.1",
            ClientName::Verified("good.example".into()),
        ),
        ("192.0.2.2", ClientName::Unverified("liar.example".into())),
        (
            "192.0.2.3",
            ClientName::Unverified("nowhere.example".into()),
        ),
        ("192.0.2.4", ClientName::Verified("second.example".into())),
        ("192.0.2.5", ClientName::Unverified("n0.example".into())),
        ("192.0.2.6", ClientName::None),
        ("2001:db8::1", ClientName::Verified("six.example".into())),
    ] {
        zone.forget_asked();
        assert_eq!(ask(&zone, client), name, "{client}");
        let asked = zone.asked().len();
        assert!(asked <= 1 + NAMES, "{client}: {asked} questions");
    }
}

#[test]
fn findings() {
    let strict = Settings::default();
    let lax = Settings {
        forward_confirmed: false,
        permanent: false,
        ..strict
    };
    let codes = |settings: &Settings, name: &ClientName| match judge(settings, name) {
        Finding::Pass => "",
        Finding::Fail(fault) | Finding::Unknown(fault) => fault.codes,
    };
    let failed = ClientName::Unknown(DnsFailure::Timeout);
    for (name, by_strict, by_lax) in [
        (ClientName::Verified("a".into()), "", ""),
        (ClientName::Unverified("a".into()), "550 5.7.25", ""),
        (ClientName::None, "550 5.7.25", "450 4.7.25"),
        (failed, "450 4.4.3", "450 4.4.3"),
    ] {
        assert_eq!(codes(&strict, &name), by_strict, "{name:?}");
        assert_eq!(codes(&lax, &name), by_lax, "{name:?}");
    }
}

/// Whichever question fails, nobody is refused for good who would have passed.
#[test]
fn a_failure_is_never_for_good() {
    for client in ["192.0.2.1", "192.0.2.4", "2001:db8::1"] {
        let whole = zone();
        ask(&whole, client);
        for (kind, name) in whole.forget_asked() {
            let broken = zone().failing(kind, &name, DnsFailure::ServerFailure);
            let finding = judge(&Settings::default(), &ask(&broken, client));
            assert!(
                !matches!(finding, Finding::Fail(_)),
                "{client}: {kind} {name}"
            );
        }
    }
}
