//! Macros: section 7.

use super::super::macros::{MacroString, Values};
use super::*;

fn expand_as(text: &str, query: &Query, domain: &str) -> String {
    let values = Values {
        query,
        domain,
        validated: None,
    };
    MacroString::parse(text).unwrap().text(values, 10_000)
}

/// The sender and client of section 7.4.
fn expand(text: &str, client: &str) -> String {
    let sender = "strong-bad@email.example.com";
    let query = Query::mail_from(ip(client), "mx.example.org", sender);
    expand_as(text, &query, "email.example.com")
}

#[test]
fn section_7_4_macros_expand_as_in_the_examples() {
    for (text, expanded) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
    ] {
        assert_eq!(expand(text, "192.0.2.3"), expanded, "{text}");
    }
}

#[test]
fn section_7_4_macro_strings_expand_as_in_the_examples() {
    for (text, expanded) in [
        (
            "%{ir}.%{v}._spf.%{d2}",
            "3.2.0.192.in-addr._spf.example.com",
        ),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
            "3.2.0.192.in-addr.strong.lp._spf.example.com",
        ),
        (
            "%{d2}.trusted-domains.example.net",
            "example.com.trusted-domains.example.net",
        ),
    ] {
        assert_eq!(expand(text, "192.0.2.3"), expanded, "{text}");
    }
    assert_eq!(
        expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01"),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
}

#[test]
fn section_7_1_a_percent_sign_begins_a_macro_or_is_a_syntax_error() {
    assert_eq!(expand("a%%b%_c%-d", "192.0.2.3"), "a%b c%20d");
    for bad in [
        "%", "%a", "%{", "%{}", "%{d", "%{z}", "%{dd}", "%{d.x}", "%{d!}", "%(d)", "a% b", "%{d}%",
    ] {
        assert!(MacroString::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn section_7_1_a_domain_spec_ends_in_a_macro_or_a_top_label() {
    for good in [
        "a.example",
        "a.example.",
        "%{d}",
        "x%{d}",
        "%{d}.example",
        "a%%",
        "a.x-y",
        "a.1x",
        "a:b/c.example",
    ] {
        assert!(MacroString::domain_spec(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "example",
        "example.",
        "a.123",
        "a.-x",
        "a.x-",
        "%{d}x",
        "a..",
        "a.b_c",
        "192.0.2.1",
        ".",
    ] {
        assert!(MacroString::domain_spec(bad).is_err(), "{bad}");
    }
}

#[test]
fn section_7_2_letters_stand_for_the_query() {
    let query = Query::mail_from(ip("2001:db8::cb01"), "mx.example.org", "a@example.com");
    let expand = |text| expand_as(text, &query, "other.example");
    assert_eq!(
        expand("%{h} %{v} %{d} %{o} %{p}"),
        "mx.example.org ip6 other.example example.com unknown"
    );
    assert_eq!(
        expand("%{i}"),
        "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1"
    );
    assert_eq!(expand("%{c}"), "2001:db8::cb01");
}

#[test]
fn section_7_3_digits_are_not_zero_and_may_be_large() {
    assert!(MacroString::parse("%{d0}").is_err() && MacroString::parse("%{d00}").is_err());
    let domain = vec!["a"; 127].join(".");
    let query = Query::default();
    assert_eq!(expand_as("%{d127}", &query, &domain), domain);
    assert_eq!(
        expand_as("%{d126}", &query, &domain).len(),
        domain.len() - 2
    );
    assert_eq!(
        expand_as("%{d99999999999999999999999}", &query, &domain),
        domain
    );
}

#[test]
fn section_7_3_delimiters_split_and_dots_join() {
    let query = Query::mail_from(ip("192.0.2.1"), "h", "a.b-c+d,e/f_g=h@example.com");
    let expand = |text| expand_as(text, &query, "example.com");
    assert_eq!(expand("%{l.-+,/_=}"), "a.b.c.d.e.f.g.h");
    assert_eq!(expand("%{l2r-+}"), "c.a.b");
    assert_eq!(expand("%{l1.}"), "b-c+d,e/f_g=h");
    assert_eq!(expand("%{lR}"), "b-c+d,e/f_g=h.a");
    let query = Query::mail_from(ip("192.0.2.1"), "h", "a--b@example.com");
    assert_eq!(expand_as("%{l-}", &query, "example.com"), "a..b");
}

#[test]
fn section_7_3_upper_case_letters_escape_all_but_the_unreserved() {
    let query = Query::mail_from(ip("192.0.2.1"), "h", "A1-._~ !%/é@example.com");
    assert_eq!(
        expand_as("%{L}", &query, "example.com"),
        "A1-._~%20%21%25%2F%C3%A9"
    );
    assert_eq!(
        expand_as("%{S2R}", &query, "example.com"),
        "_~%20%21%25%2F%C3%A9%40example.A1-"
    );
}

#[test]
fn section_7_3_a_domain_that_is_too_long_loses_labels_at_its_left() {
    let query = Query::default();
    let domain = |text: &str, domain: &str| {
        let values = Values {
            query: &query,
            domain,
            validated: None,
        };
        MacroString::domain_spec(text).unwrap().domain(values)
    };
    let sixty = "a".repeat(60);
    // 4 × 61 + 7 = 251; one label more is too much.
    let fits = format!("{}.example", [sixty.as_str(); 4].join("."));
    assert_eq!(domain("%{d}", &fits).as_deref(), Some(fits.as_str()));
    assert_eq!(domain("xx.%{d}", &fits).as_deref(), Some(fits.as_str()));
    assert_eq!(
        domain("x.%{d}", &fits[2..]),
        Some(format!("x.{}", &fits[2..]))
    );
    assert_eq!(
        domain(&format!("{}%{{d}}", "%{d}.".repeat(9_000)), "b.example").map(|it| it.len() <= 254),
        Some(true)
    );
    assert_eq!(domain("%{d}", &"a".repeat(300)), None);
}

#[test]
fn section_7_3_the_name_macro_takes_the_domain_then_a_name_in_it_then_any() {
    let why = "why.example.com TXT %{p}";
    let record = "example.com TXT v=spf1 -all exp=why.example.com";
    let mut lines = vec![record, why];
    let explained = |lines: &[&str]| check(lines, "192.0.2.1").explanation.unwrap();
    assert_eq!(explained(&lines), "unknown");
    for (name, address) in [
        ("forged.example.com", "192.0.2.2"),
        ("mx.example.org", "192.0.2.1"),
        ("a.example.com", "192.0.2.1"),
        ("example.com", "192.0.2.1"),
    ] {
        let ptr = format!("1.2.0.192.in-addr.arpa PTR {name}");
        let a = format!("{name} A {address}");
        lines.extend([&*ptr.leak(), &*a.leak()]);
        let best = if address == "192.0.2.2" {
            "unknown"
        } else {
            name
        };
        assert_eq!(explained(&lines), best);
    }
    lines.push("1.2.0.192.in-addr.arpa SERVFAIL");
    assert_eq!(
        explained(&[record, why, "1.2.0.192.in-addr.arpa SERVFAIL"]),
        "unknown"
    );
}

#[test]
fn section_7_3_names_with_a_dot_at_their_end_are_accepted() {
    for term in [
        "a:mail.example.com.",
        "include:inc.example.com.",
        "exists:mail.example.com.",
        "mx:inc.example.com.",
    ] {
        let outcome = check(
            &[
                &format!("example.com TXT v=spf1 {term} -all"),
                "mail.example.com A 192.0.2.1",
                "inc.example.com TXT v=spf1 +all",
                "inc.example.com MX mail.example.com.",
            ],
            "192.0.2.1",
        );
        assert_eq!(outcome.verdict, Verdict::Pass, "{term}");
    }
    let redirected = [
        "example.com TXT v=spf1 redirect=inc.example.com.",
        "inc.example.com TXT v=spf1 +all",
    ];
    assert_eq!(check(&redirected, "192.0.2.1").verdict, Verdict::Pass);
}
