//! Whose domain is asked about: sections 2 to 4.3.

use super::*;

const STRICT: &[&str] = &[
    "example.com TXT v=spf1 ip4:192.0.2.1 -all",
    "helo.example TXT v=spf1 ip4:192.0.2.2 -all exp=why.helo.example",
    "why.helo.example TXT %{s} is not %{h}",
];

#[test]
fn section_2_3_the_helo_identity_is_checked_by_itself() {
    let table = zone(STRICT);
    let asked = |client| ask(&table, &Query::helo(ip(client), "helo.example")).verdict;
    assert_eq!(asked("192.0.2.2"), Verdict::Pass);
    assert_eq!(asked("192.0.2.1"), Verdict::Fail);
}

#[test]
fn section_2_4_a_null_reverse_path_is_postmaster_at_the_helo_name() {
    let outcome = ask(
        &zone(STRICT),
        &Query::mail_from(ip("192.0.2.1"), "helo.example", ""),
    );
    assert_eq!(outcome.verdict, Verdict::Fail);
    let explanation = "postmaster@helo.example is not helo.example";
    assert_eq!(outcome.explanation.as_deref(), Some(explanation));
}

#[test]
fn section_2_4_the_mail_from_identity_does_not_depend_on_helo() {
    let query = Query::mail_from(ip("192.0.2.1"), "helo.example", "a@example.com");
    assert_eq!(ask(&zone(STRICT), &query).verdict, Verdict::Pass);
}

#[test]
fn section_4_3_what_is_no_domain_of_several_labels_is_none_without_a_question() {
    let long = format!("a@{}.example", "x".repeat(64));
    let longer = format!("a@{}example", "abcd.".repeat(50));
    for sender in [
        "a@localhost",
        "a@[192.0.2.1]",
        "a@",
        "a",
        "a@b..example",
        "a@.example.com",
        "a@ü.example",
        "a@example.com..",
        &long,
        &longer,
    ] {
        let outcome = ask(
            &zone(STRICT),
            &Query::mail_from(ip("192.0.2.1"), "h", sender),
        );
        assert_eq!(
            (outcome.verdict, outcome.questions),
            (Verdict::None, 0),
            "{sender}"
        );
    }
}

#[test]
fn section_4_3_a_name_may_end_in_a_dot() {
    let query = Query::mail_from(ip("192.0.2.1"), "h", "a@example.com.");
    assert_eq!(ask(&zone(STRICT), &query).verdict, Verdict::Pass);
}

#[test]
fn section_4_3_a_sender_without_a_local_part_is_postmaster() {
    let table = zone(&[
        "example.com TXT v=spf1 exists:%{l}.example.org -all",
        "postmaster.example.org A 127.0.0.2",
    ]);
    let query = Query::mail_from(ip("192.0.2.1"), "h", "@example.com");
    assert_eq!(ask(&table, &query).verdict, Verdict::Pass);
}

#[test]
fn section_4_3_the_domain_begins_after_the_last_at_sign() {
    let query = Query::mail_from(ip("192.0.2.1"), "h", "\"a@b\"@example.com");
    assert_eq!(query.domain(), "example.com");
    assert_eq!(ask(&zone(STRICT), &query).verdict, Verdict::Pass);
}

#[test]
fn section_5_an_ipv4_mapped_client_is_an_ipv4_client() {
    let query = Query::mail_from(ip("::ffff:192.0.2.1"), "h", "a@example.com");
    assert_eq!(query.client(), ip("192.0.2.1"));
    assert_eq!(ask(&zone(STRICT), &query).verdict, Verdict::Pass);
    let outcome = record("v=spf1 ip6:::ffff:192.0.2.0/120 -all", "::ffff:192.0.2.1");
    assert_eq!(outcome.verdict, Verdict::Fail);
}

#[test]
fn section_2_2_the_client_the_domain_and_the_sender_are_what_is_evaluated() {
    let lines = [
        "example.com TXT v=spf1 exists:%{i}.%{o}.%{l}.%{d} -all",
        "192.0.2.1.example.com.joe.example.com A 127.0.0.2",
    ];
    let verdict = |client, sender| {
        let query = Query::mail_from(ip(client), "mx.example.org", sender);
        ask(&zone(&lines), &query).verdict
    };
    assert_eq!(verdict("192.0.2.1", "joe@example.com"), Verdict::Pass);
    assert_eq!(verdict("192.0.2.2", "joe@example.com"), Verdict::Fail);
    assert_eq!(verdict("192.0.2.1", "jane@example.com"), Verdict::Fail);
    assert_eq!(verdict("192.0.2.1", "joe@example.org"), Verdict::None);
}

#[test]
fn section_2_3_a_helo_name_may_be_a_literal_or_malformed() {
    for helo in [
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "",
        ".",
        "WIN",
        "a..b",
        "\r\n",
    ] {
        let own = Query::helo(ip("192.0.2.1"), helo);
        let null = Query::mail_from(ip("192.0.2.1"), helo, "");
        for query in [own, null] {
            let outcome = ask(&zone(STRICT), &query);
            assert_eq!(
                (outcome.verdict, outcome.questions),
                (Verdict::None, 0),
                "{helo:?}"
            );
        }
    }
}
