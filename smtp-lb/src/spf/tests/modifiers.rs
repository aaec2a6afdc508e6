//! Modifiers: section 6.

use super::*;

#[test]
fn section_6_redirect_and_exp_stand_in_a_record_once_at_most() {
    for bad in [
        "exp=a.b exp=a.b",
        "redirect=a.b redirect=c.d",
        "exp=a.b +all EXP=a.b",
    ] {
        assert_eq!(
            record(&format!("v=spf1 {bad}"), "192.0.2.1").verdict,
            Verdict::PermError,
            "{bad}"
        );
    }
}

#[test]
fn section_6_unknown_modifiers_are_ignored_wherever_and_however_often_they_stand() {
    let text = "v=spf1 op=auth x=%{s} x=%{d} m.o-o_=/:= +all x=";
    assert_eq!(record(text, "192.0.2.1").verdict, Verdict::Pass);
    for bad in ["x=%", "x=%{", "x=%{y}", "=x", "1x=y", "-x=y", "x/y=z"] {
        assert_eq!(
            record(&format!("v=spf1 {bad}"), "192.0.2.1").verdict,
            Verdict::PermError,
            "{bad}"
        );
    }
}

#[test]
fn section_6_1_redirect_is_followed_when_nothing_matches() {
    let lines = [
        "example.com TXT v=spf1 redirect=_spf.example.org ip4:192.0.2.1",
        "_spf.example.org TXT v=spf1 ip4:192.0.2.2 -all",
    ];
    assert_eq!(check(&lines, "192.0.2.1").domain, "example.com");
    assert_eq!(check(&lines, "192.0.2.2").verdict, Verdict::Pass);
    let outcome = check(&lines, "192.0.2.3");
    assert_eq!(
        (outcome.verdict, outcome.domain.as_str()),
        (Verdict::Fail, "_spf.example.org")
    );
}

#[test]
fn section_6_1_redirect_to_nothing_or_to_no_name_is_a_permerror() {
    for (text, domain) in [
        ("no.example.org", "no.example.org"),
        ("%{h}", "mx.example.org"),
    ] {
        let outcome = record(&format!("v=spf1 redirect={text}"), "192.0.2.1");
        let (term, domain) = ("redirect", domain.to_owned());
        assert_eq!(outcome.problem, Some(Problem::Nowhere { term, domain }));
    }
    let table = zone(&["example.com TXT v=spf1 redirect=%{l}"]);
    let query = Query::mail_from(ip("192.0.2.1"), "h", "no name@example.com");
    assert_eq!(ask(&table, &query).verdict, Verdict::PermError);
    assert_eq!(
        record("v=spf1 redirect=", "192.0.2.1").verdict,
        Verdict::PermError
    );
}

#[test]
fn section_6_1_what_the_other_record_says_is_the_result() {
    for (inner, verdict) in [
        ("?all", Verdict::Neutral),
        ("what", Verdict::PermError),
        ("a:x.example.com", Verdict::TempError),
    ] {
        let inner = format!("r.example.org TXT v=spf1 {inner}");
        let lines = [
            "example.com TXT v=spf1 redirect=r.example.org",
            &inner,
            "x.example.com TIMEOUT",
        ];
        assert_eq!(check(&lines, "192.0.2.1").verdict, verdict, "{inner}");
    }
}

#[test]
fn section_6_1_the_domain_is_the_target_and_the_sender_stays() {
    let lines = [
        "example.com TXT v=spf1 redirect=r.example.org",
        "r.example.org TXT v=spf1 exists:%{d}.%{o}.example.net -all",
        "r.example.org.example.com.example.net A 127.0.0.2",
    ];
    assert_eq!(check(&lines, "192.0.2.1").verdict, Verdict::Pass);
}
