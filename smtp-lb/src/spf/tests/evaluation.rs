//! Limits: section 4.6.4.

use super::*;

fn many(count: usize, line: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(line).collect()
}

fn with(record: &str, mut lines: Vec<String>, client: &str) -> Outcome {
    lines.push(format!("example.com TXT v=spf1 {record}"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(&lines, client)
}

#[test]
fn section_4_6_4_ten_terms_may_ask_and_an_eleventh_is_a_permerror() {
    let host = || vec!["example.com A 192.0.2.9".to_owned()];
    let ten = "a ".repeat(10);
    assert_eq!(
        with(&format!("{ten} ip4:192.0.2.1 -all"), host(), "192.0.2.1").verdict,
        Verdict::Pass
    );
    let outcome = with(&format!("{ten} a +all"), host(), "192.0.2.1");
    assert_eq!(outcome.problem, Some(Problem::TooManyTerms(10)));
    let outcome = with(&format!("{ten} redirect=example.org"), host(), "192.0.2.1");
    assert_eq!(outcome.problem, Some(Problem::TooManyTerms(10)));
}

#[test]
fn section_4_6_4_all_ip4_ip6_and_exp_cost_nothing() {
    let text = format!(
        "{}exp=why.example.com -all",
        "ip4:192.0.2.9 ip6:2001:db8:: ".repeat(20)
    );
    let outcome = with(&text, vec![], "192.0.2.1");
    assert_eq!((outcome.verdict, outcome.terms), (Verdict::Fail, 0));
}

#[test]
fn section_4_6_4_terms_of_included_records_count_too() {
    let mut lines = vec!["inc.example.com TXT v=spf1 a a a a a a a a a".to_owned()];
    lines.push("inc.example.com A 192.0.2.9".to_owned());
    assert_eq!(
        with("include:inc.example.com ?all", lines.clone(), "192.0.2.1").terms,
        10
    );
    let outcome = with("include:inc.example.com a ?all", lines, "192.0.2.1");
    assert_eq!(outcome.problem, Some(Problem::TooManyTerms(10)));
}

#[test]
fn section_4_6_4_a_loop_ends_at_the_limit() {
    for text in ["include:example.com -all", "redirect=example.com"] {
        let outcome = with(text, vec![], "192.0.2.1");
        assert_eq!(outcome.problem, Some(Problem::TooManyTerms(10)), "{text}");
        assert_eq!(outcome.questions, 11);
    }
}

#[test]
fn section_4_6_4_more_than_ten_exchanges_are_a_permerror() {
    let lines = |count| {
        let mut lines = many(count, |at| format!("example.com MX mx{at}.example.com"));
        lines.extend(many(count, |at| {
            format!("mx{at}.example.com A 192.0.2.{at}")
        }));
        lines
    };
    assert_eq!(
        with("mx -all", lines(10), "192.0.2.9").verdict,
        Verdict::Pass
    );
    let outcome = with("mx -all", lines(11), "192.0.2.0");
    let (domain, most) = ("example.com".to_owned(), 10);
    assert_eq!(
        outcome.problem,
        Some(Problem::TooManyExchanges { domain, most })
    );
}

#[test]
fn section_4_6_4_of_more_than_ten_names_of_the_client_the_rest_is_ignored() {
    let mut lines = many(10, |at| {
        format!("1.2.0.192.in-addr.arpa PTR no{at}.example.org")
    });
    lines.push("1.2.0.192.in-addr.arpa PTR a.example.com".to_owned());
    lines.push("a.example.com A 192.0.2.1".to_owned());
    assert_eq!(
        with("ptr -all", lines.clone(), "192.0.2.1").verdict,
        Verdict::Fail
    );
    let lines = lines.split_off(1);
    assert_eq!(with("ptr -all", lines, "192.0.2.1").verdict, Verdict::Pass);
}

#[test]
fn section_4_6_4_addresses_of_one_host_are_not_limited() {
    let lines = many(200, |at| format!("example.com A 192.0.2.{at}"));
    assert_eq!(with("a -all", lines, "192.0.2.199").verdict, Verdict::Pass);
}

#[test]
fn section_4_6_4_two_terms_may_find_nothing_and_a_third_is_a_permerror() {
    for term in [
        "a:no.example.com ",
        "mx:no.example.com ",
        "exists:no.example.com ",
        "ptr:no.example.com ",
    ] {
        let outcome = with(&format!("{}?all", term.repeat(2)), vec![], "192.0.2.1");
        assert_eq!(
            (outcome.verdict, outcome.voids),
            (Verdict::Neutral, 2),
            "{term}"
        );
        let outcome = with(&format!("{}?all", term.repeat(3)), vec![], "192.0.2.1");
        assert_eq!(outcome.problem, Some(Problem::TooManyVoids(2)), "{term}");
    }
}

#[test]
fn section_4_6_4_the_limit_of_void_terms_can_be_set() {
    let table = zone(&["example.com TXT v=spf1 a:b.c a:b.c a:b.c -all"]);
    let limits = Limits {
        voids: 3,
        ..Limits::default()
    };
    let query = Query::mail_from(ip("192.0.2.1"), "h", "a@example.com");
    let checked = check_host(&table, &query, &limits).now_or_never();
    assert_eq!(checked.map(|it| it.verdict), Some(Verdict::Fail));
}

#[test]
fn section_4_6_4_the_name_macro_costs_a_term_once() {
    let lines = vec![
        "1.2.0.192.in-addr.arpa PTR a.example.com".to_owned(),
        "a.example.com A 192.0.2.1".to_owned(),
        "a.example.com.ok.example.com A 127.0.0.2".to_owned(),
    ];
    let outcome = with(
        "?exists:%{p}.ok.example.com exists:%{p}.ok.example.com",
        lines,
        "192.0.2.1",
    );
    assert_eq!((outcome.verdict, outcome.terms), (Verdict::Neutral, 2));
}

#[test]
fn section_4_6_4_the_caller_can_say_that_it_took_too_long() {
    assert_eq!(Problem::TooLong.verdict(), Verdict::TempError);
}
