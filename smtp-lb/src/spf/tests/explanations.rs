//! What a domain says to those whom it fails: section 6.2.

use super::*;

fn explained(lines: &[&str]) -> Option<String> {
    check(lines, "192.0.2.1").explanation
}

const RECORD: &str = "example.com TXT v=spf1 -all exp=why.example.com";

#[test]
fn section_6_2_the_text_is_expanded() {
    let lines = [
        RECORD,
        "why.example.com TXT %{i} is not one of %{d}'s%_hosts; see %{D}",
    ];
    let text = "192.0.2.1 is not one of example.com's hosts; see example.com";
    assert_eq!(explained(&lines).as_deref(), Some(text));
}

#[test]
fn section_6_2_only_a_fail_is_explained() {
    for all in ["+all", "~all", "?all"] {
        let record = format!("example.com TXT v=spf1 {all} exp=why.example.com");
        let outcome = check(&[&record, "why.example.com TXT why"], "192.0.2.1");
        assert_eq!((outcome.explanation, outcome.questions), (None, 1));
    }
}

#[test]
fn section_6_2_whatever_is_wrong_with_it_there_is_none() {
    for wrong in [
        &["other.example.com TXT why"][..],
        &["why.example.com TIMEOUT"],
        &["why.example.com TXT one", "why.example.com TXT two"],
        &["why.example.com TXT %"],
        &["why.example.com TXT %{x}"],
        &["why.example.com TXT größer"],
        &["why.example.com TXT"],
    ] {
        let outcome = check(&[&[RECORD], wrong].concat(), "192.0.2.1");
        assert_eq!(
            (outcome.verdict, outcome.explanation),
            (Verdict::Fail, None),
            "{wrong:?}"
        );
    }
    let bad = check(&["example.com TXT v=spf1 -all exp="], "192.0.2.1");
    assert_eq!(bad.verdict, Verdict::PermError);
}

#[test]
fn section_6_2_an_included_explanation_is_not_used() {
    let lines = [
        "example.com TXT v=spf1 include:i.example.com -all",
        "i.example.com TXT v=spf1 -all exp=why.example.com",
        "why.example.com TXT inner",
    ];
    assert_eq!(explained(&lines), None);
}

#[test]
fn section_6_2_after_a_redirect_the_other_domain_explains() {
    let lines = [
        "example.com TXT v=spf1 redirect=r.example.com exp=why.example.com",
        "r.example.com TXT v=spf1 -all exp=other.example.com",
        "why.example.com TXT outer",
        "other.example.com TXT inner",
    ];
    assert_eq!(explained(&lines).as_deref(), Some("inner"));
    let lines = [lines[0], "r.example.com TXT v=spf1 -all", lines[2]];
    assert_eq!(explained(&lines), None);
}

#[test]
fn section_6_2_and_11_3_a_strangers_words_are_one_line_of_printable_ascii_and_not_long() {
    let table = zone(&[RECORD, "why.example.com TXT a\r\n250 ok\u{1b}[2J %{l}"]);
    let query = Query::mail_from(ip("192.0.2.1"), "h", "jürg\r\n@example.com");
    let explanation = ask(&table, &query).explanation.unwrap();
    assert_eq!(explanation, "a  250 ok [2J j?rg");
    let long = format!("why.example.com TXT {}", "%{d}%{d}".repeat(1000));
    let explanation = explained(&[RECORD, &long]).unwrap();
    assert_eq!(explanation.len(), Limits::default().explanation);
}

#[test]
fn section_7_2_three_letters_are_for_explanations_only() {
    let table = zone(&[RECORD, "why.example.com TXT %{c} %{r} %{t}"]);
    let query = Query::mail_from(ip("2001:db8::1"), "h", "a@example.com").at(1_700_000_000);
    let text = ask(&table, &query).explanation.unwrap();
    assert_eq!(text, "2001:db8::1 unknown 1700000000");
    let text = ask(&table, &query.receiver("mx.example.net"))
        .explanation
        .unwrap();
    assert_eq!(text, "2001:db8::1 mx.example.net 1700000000");
    for letter in ["c", "r", "t", "C"] {
        let outcome = record(
            &format!("v=spf1 exists:%{{{letter}}}.example.com"),
            "192.0.2.1",
        );
        assert_eq!(outcome.verdict, Verdict::PermError, "{letter}");
    }
}

#[test]
fn section_6_2_without_the_modifier_there_is_no_explanation() {
    let outcome = check(&["example.com TXT v=spf1 -all"], "192.0.2.1");
    assert_eq!(
        (outcome.verdict, outcome.explanation),
        (Verdict::Fail, None)
    );
}
