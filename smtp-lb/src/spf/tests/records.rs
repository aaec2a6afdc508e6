//! Which record counts, and whether its syntax is right: sections 3 and 4.4 to 4.6.

use super::super::record::{Record, SyntaxError};
use super::*;

fn syntax(text: &str) -> Result<Record, SyntaxError> {
    Record::parse(text.as_bytes())
}

#[test]
fn section_3_1_records_are_txt_records_and_others_are_none_of_our_business() {
    let outcome = check(
        &[
            "example.com TXT hello",
            "example.com TXT v=spf2.0/mfrom -all",
            "example.com TXT v=spf1 +all",
        ],
        "192.0.2.1",
    );
    assert_eq!(outcome.verdict, Verdict::Pass);
}

#[test]
fn section_3_2_and_4_5_several_records_are_a_permerror() {
    let both = ["example.com TXT v=spf1 +all", "example.com TXT V=SPF1 +all"];
    let outcome = check(&both, "192.0.2.1");
    let domain = "example.com".to_owned();
    assert_eq!(outcome.problem, Some(Problem::SeveralRecords { domain }));
}

#[test]
fn section_4_4_no_such_name_is_none_and_a_failure_is_a_temperror() {
    assert_eq!(check(&[], "192.0.2.1").verdict, Verdict::None);
    for failure in ["TIMEOUT", "SERVFAIL"] {
        let outcome = check(&[&format!("example.com {failure}")], "192.0.2.1");
        assert_eq!(outcome.verdict, Verdict::TempError);
    }
}

#[test]
fn section_4_5_the_version_is_a_word_of_its_own_in_any_case() {
    for (text, verdict) in [
        ("v=spf1", Verdict::Neutral),
        ("V=SpF1 -all", Verdict::Fail),
        ("v=spf10 -all", Verdict::None),
        ("v=spf1-all", Verdict::None),
        (" v=spf1 -all", Verdict::None),
        ("v=spf", Verdict::None),
        ("", Verdict::None),
    ] {
        assert_eq!(record(text, "192.0.2.1").verdict, verdict, "{text:?}");
    }
}

#[test]
fn section_4_6_a_syntax_error_anywhere_is_a_permerror_before_anything_is_asked() {
    let outcome = record("v=spf1 a:slow.example.com +all what", "192.0.2.1");
    assert_eq!(
        (outcome.verdict, outcome.questions),
        (Verdict::PermError, 1)
    );
}

#[test]
fn section_4_6_1_terms_are_parted_by_spaces_and_nothing_else() {
    assert!(syntax("v=spf1  a   -all  ").is_ok());
    for bad in [
        "v=spf1\ta",
        "v=spf1 a\t-all",
        "v=spf1 a,-all",
        "v=spf1 a\r\n",
        "v=spf1 ü",
    ] {
        assert!(syntax(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Record::parse(b"v=spf1 \xff"), Err(SyntaxError::NotAscii));
}

#[test]
fn section_4_6_1_names_are_of_any_case() {
    for good in [
        "ALL",
        "-Include:a.b",
        "A",
        "~Mx/24",
        "PTR",
        "IP4:192.0.2.1",
        "iP6:::",
        "EXISTS:a.b",
    ] {
        assert!(syntax(&format!("v=spf1 {good}")).is_ok(), "{good}");
    }
    assert!(syntax("v=spf1 REDIRECT=a.b Exp=a.b").is_ok());
}

#[test]
fn section_4_6_1_an_unknown_mechanism_is_a_permerror() {
    for bad in [
        "foo",
        "-foo",
        "foo:bar.example",
        "foo/24",
        "+",
        "-",
        "ip5:192.0.2.1",
        "redirect:a.b",
        "--all",
    ] {
        assert!(syntax(&format!("v=spf1 {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn section_4_6_2_qualifiers_say_what_a_match_means() {
    for (text, verdict) in [
        ("all", Verdict::Pass),
        ("+all", Verdict::Pass),
        ("-all", Verdict::Fail),
        ("~all", Verdict::SoftFail),
        ("?all", Verdict::Neutral),
    ] {
        let outcome = record(&format!("v=spf1 {text}"), "192.0.2.1");
        assert_eq!(outcome.verdict, verdict, "{text}");
        assert_eq!(outcome.directive.as_deref(), Some(text));
    }
}

#[test]
fn section_4_7_no_match_is_neutral() {
    let outcome = record("v=spf1 ip4:192.0.2.2", "192.0.2.1");
    assert_eq!(
        (outcome.verdict, outcome.directive),
        (Verdict::Neutral, None)
    );
}
