use futures_util::FutureExt;

use super::super::tests::Zone;
use super::*;

fn zone() -> Zone {
    Zone::of(&[
        ("MX", "mx.example", "mail.mx.example"),
        ("A", "a.example", "192.0.2.1"),
        ("AAAA", "aaaa.example", "2001:db8::1"),
        ("MX", "null.example", "."),
        ("A", "null.example", "192.0.2.1"),
        ("MX", "odd.example", ". mail.odd.example"),
        ("MX", "xn--bcher-kva.example", "mail.example"),
    ])
}

fn ask(zone: &Zone, sender: &str) -> SenderDomain {
    super::ask(zone, sender).now_or_never().unwrap()
}

#[test]
fn what_dns_says_and_what_it_takes() {
    use SenderDomain::{Literal, NotAsked, Nothing, NullMx, Resolves};
    let zone = zone();
    for (sender, said, questions) in [
        ("", NotAsked, 0),
        ("postmaster", NotAsked, 0),
        ("a@[192.0.2.1]", Literal, 0),
        ("a@b..c", Nothing, 0),
        ("a@MX.example", Resolves, 1),
        ("a@bücher.example", Resolves, 1),
        ("a@a.example", Resolves, 3),
        ("a@aaaa.example", Resolves, 3),
        ("a@null.example", NullMx, 1),
        ("a@odd.example", Resolves, 1),
        ("a@nothing.example", Nothing, 3),
    ] {
        zone.forget_asked();
        assert_eq!(ask(&zone, sender), said, "{sender}");
        assert_eq!(zone.asked().len(), questions, "{sender}");
    }
}

#[test]
fn findings() {
    let lax = Settings::default();
    let strict = Settings {
        permanent: true,
        literals: false,
        ..lax
    };
    let codes = |settings: &Settings, said| match judge(settings, said) {
        Finding::Pass => "",
        Finding::Fail(fault) | Finding::Unknown(fault) => fault.codes,
    };
    for (said, by_lax, by_strict) in [
        (SenderDomain::NotAsked, "", ""),
        (SenderDomain::Resolves, "", ""),
        (SenderDomain::Literal, "", "550 5.1.8"),
        (SenderDomain::NullMx, "550 5.7.27", "550 5.7.27"),
        (SenderDomain::Nothing, "450 4.1.8", "550 5.1.8"),
        (
            SenderDomain::Unknown(DnsFailure::Timeout),
            "450 4.4.3",
            "450 4.4.3",
        ),
    ] {
        assert_eq!(codes(&lax, said), by_lax, "{said:?}");
        assert_eq!(codes(&strict, said), by_strict, "{said:?}");
    }
}

/// Whichever question fails, nobody is refused for good who would have passed.
#[test]
fn a_failure_is_never_for_good() {
    let strict = Settings {
        permanent: true,
        ..Settings::default()
    };
    for sender in ["a@mx.example", "a@a.example", "a@aaaa.example"] {
        let whole = zone();
        ask(&whole, sender);
        for (kind, name) in whole.forget_asked() {
            let broken = zone().failing(kind, &name, DnsFailure::Timeout);
            let finding = judge(&strict, ask(&broken, sender));
            assert!(
                !matches!(finding, Finding::Fail(_)),
                "{sender}: {kind} {name}"
            );
        }
    }
    // And no answer that there is makes up for one that there is not.
    let broken = Zone::of(&[("A", "a.example", "192.0.2.1")]);
    let broken = broken.failing("AAAA", "a.example", DnsFailure::Timeout);
    assert_eq!(ask(&broken, "x@a.example"), SenderDomain::Resolves);
    let broken = Zone::default().failing("AAAA", "a.example", DnsFailure::Timeout);
    assert_eq!(
        ask(&broken, "x@a.example"),
        SenderDomain::Unknown(DnsFailure::Timeout)
    );
}
