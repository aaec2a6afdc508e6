//! Mechanisms: section 5.

use super::*;

fn verdict(lines: &[&str], client: &str) -> Verdict {
    check(lines, client).verdict
}

#[test]
fn section_5_a_dns_error_is_a_temperror() {
    for term in [
        "a:x.example.com",
        "mx:x.example.com",
        "exists:x.example.com",
        "include:x.example.com",
    ] {
        let record = format!("example.com TXT v=spf1 {term} -all");
        let lines = [record.as_str(), "x.example.com SERVFAIL"];
        assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::TempError, "{term}");
    }
    let lines = [
        "example.com TXT v=spf1 mx -all",
        "example.com MX m.example.com",
        "m.example.com TIMEOUT",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::TempError);
}

#[test]
fn section_5_addresses_are_those_of_the_clients_family() {
    let lines = [
        "example.com TXT v=spf1 a -all",
        "example.com A 192.0.2.1",
        "example.com AAAA 2001:db8::1",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::Pass);
    assert_eq!(verdict(&lines, "2001:db8::1"), Verdict::Pass);
    assert_eq!(verdict(&lines[..2], "2001:db8::1"), Verdict::Fail);
}

#[test]
fn section_5_a_prefix_length_compares_the_high_bits() {
    for (term, client, matches) in [
        ("ip4:192.0.2.64/26", "192.0.2.127", true),
        ("ip4:192.0.2.64/26", "192.0.2.128", false),
        ("ip4:192.0.2.64/0", "10.0.0.1", true),
        ("ip4:192.0.2.64", "192.0.2.64", true),
        ("ip6:2001:db8::/33", "2001:db8:7fff::", true),
        ("ip6:2001:db8::/33", "2001:db8:8000::", false),
        ("ip6:2001:db8::1", "2001:db8::1", true),
        ("ip6:::/0", "2001:db8::1", true),
        ("ip6:::/0", "192.0.2.1", false),
        ("ip4:0.0.0.0/0", "2001:db8::1", false),
    ] {
        let passes = record(&format!("v=spf1 {term} -all"), client).verdict == Verdict::Pass;
        assert_eq!(passes, matches, "{term} {client}");
    }
}

#[test]
fn section_5_1_what_stands_after_all_is_ignored() {
    let outcome = record(
        "v=spf1 ?all -ip4:192.0.2.1 redirect=no.example.com",
        "192.0.2.1",
    );
    assert_eq!((outcome.verdict, outcome.questions), (Verdict::Neutral, 1));
}

#[test]
fn section_5_1_redirect_is_ignored_where_there_is_all_even_after_it() {
    let outcome = record("v=spf1 redirect=no.example.com ~all", "192.0.2.1");
    assert_eq!((outcome.verdict, outcome.questions), (Verdict::SoftFail, 1));
}

#[test]
fn section_5_2_what_an_included_record_says_matches_or_not() {
    for (inner, outer) in [
        ("v=spf1 +all", Verdict::SoftFail),
        ("v=spf1 -all", Verdict::Neutral),
        ("v=spf1 ~all", Verdict::Neutral),
        ("v=spf1 ?all", Verdict::Neutral),
        ("v=spf1 what", Verdict::PermError),
        ("none", Verdict::PermError),
    ] {
        let inner = format!("i.example.com TXT {inner}");
        let lines = ["example.com TXT v=spf1 ~include:i.example.com ?all", &inner];
        assert_eq!(verdict(&lines, "192.0.2.1"), outer, "{inner}");
    }
    let lines = [
        "example.com TXT v=spf1 include:i.example.com",
        "i.example.com TIMEOUT",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::TempError);
}

#[test]
fn section_5_2_the_included_domain_is_the_domain_of_its_record() {
    let lines = [
        "example.com TXT v=spf1 include:i.example.org -all",
        "i.example.org TXT v=spf1 exists:%{d}.%{o}.ok.example.net",
        "i.example.org.example.com.ok.example.net A 127.0.0.2",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::Pass);
}

#[test]
fn section_5_3_an_address_of_the_target_matches_within_its_prefix() {
    let zone = |term: &str| {
        let record = format!("example.com TXT v=spf1 {term} -all");
        let lines = [
            record.as_str(),
            "a.example.com A 192.0.2.64",
            "a.example.com AAAA 2001:db8::40",
        ];
        (
            verdict(&lines, "192.0.2.65"),
            verdict(&lines, "2001:db8::41"),
        )
    };
    assert_eq!(zone("a:a.example.com"), (Verdict::Fail, Verdict::Fail));
    assert_eq!(zone("a:a.example.com/31"), (Verdict::Pass, Verdict::Fail));
    assert_eq!(zone("a:a.example.com//127"), (Verdict::Fail, Verdict::Pass));
    assert_eq!(
        zone("a:a.example.com/31//127"),
        (Verdict::Pass, Verdict::Pass)
    );
    for bad in [
        "a/33", "a//129", "a/24/64", "a//64/24", "a/", "a//", "a/+1", "a/01", "a:", "a:/24", "a/1x",
    ] {
        assert_eq!(zone(bad).0, Verdict::PermError, "{bad}");
    }
}

#[test]
fn section_5_4_a_domain_without_mx_is_not_its_own_exchange() {
    let lines = ["example.com TXT v=spf1 mx -all", "example.com A 192.0.2.1"];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::Fail);
    let null = [
        "example.com TXT v=spf1 mx -all",
        "example.com A 192.0.2.1",
        "example.com MX .",
    ];
    assert_eq!(verdict(&null, "192.0.2.1"), Verdict::Fail);
}

#[test]
fn section_5_5_a_name_counts_only_if_it_leads_back() {
    let ptr = "1.2.0.192.in-addr.arpa PTR mail.example.com";
    let record = "example.com TXT v=spf1 ptr -all";
    assert_eq!(
        verdict(&[record, ptr, "mail.example.com A 192.0.2.1"], "192.0.2.1"),
        Verdict::Pass
    );
    assert_eq!(
        verdict(&[record, ptr, "mail.example.com A 192.0.2.2"], "192.0.2.1"),
        Verdict::Fail
    );
    assert_eq!(verdict(&[record, ptr], "192.0.2.1"), Verdict::Fail);
}

#[test]
fn section_5_5_the_name_is_in_the_domain_and_not_merely_like_it() {
    let lines = [
        "example.com TXT v=spf1 ptr -all",
        "1.2.0.192.in-addr.arpa PTR badexample.com",
        "badexample.com A 192.0.2.1",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::Fail);
}

#[test]
fn section_5_5_errors_do_not_match_and_a_name_that_fails_is_skipped() {
    let record = "example.com TXT v=spf1 ptr ?all";
    let fails = [record, "1.2.0.192.in-addr.arpa SERVFAIL"];
    assert_eq!(verdict(&fails, "192.0.2.1"), Verdict::Neutral);
    let lines = [
        record,
        "1.2.0.192.in-addr.arpa PTR bad.example.com",
        "1.2.0.192.in-addr.arpa PTR good.example.com",
        "bad.example.com SERVFAIL",
        "good.example.com A 192.0.2.1",
    ];
    assert_eq!(verdict(&lines, "192.0.2.1"), Verdict::Pass);
}

#[test]
fn section_5_5_ipv6_clients_have_names_too() {
    let lines = [
        "example.com TXT v=spf1 ptr -all",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example.com.",
        "six.example.com AAAA 2001:db8::1",
    ];
    assert_eq!(verdict(&lines, "2001:db8::1"), Verdict::Pass);
}

#[test]
fn section_5_6_addresses_are_whole() {
    for bad in [
        "ip4",
        "ip4:",
        "ip4:192.0.2",
        "ip4:192.0.2.256",
        "ip4:192.0.2.01",
        "ip4:192.0.2.1:25",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/",
        "ip4:192.0.2.1/024",
        "ip4:192.0.2.1//24",
        "ip4/24",
        "ip4:2001:db8::1",
        "ip4:%{i}",
        "ip6",
        "ip6:",
        "ip6:2001:db8",
        "ip6:192.0.2.1",
        "ip6:::1/129",
        "ip6:::1//64",
        "ip6:[::1]",
        "ip6:fe80::1%eth0",
        "ip6:2001:db8:::1",
    ] {
        assert_eq!(
            record(&format!("v=spf1 {bad} -all"), "192.0.2.1").verdict,
            Verdict::PermError,
            "{bad}"
        );
    }
}

#[test]
fn section_5_7_exists_asks_for_a_whatever_the_client_is() {
    let lines = [
        "example.com TXT v=spf1 exists:a.example.com -all",
        "a.example.com A 127.0.0.2",
    ];
    assert_eq!(verdict(&lines, "2001:db8::1"), Verdict::Pass);
    let lines = [
        "example.com TXT v=spf1 exists:a.example.com -all",
        "a.example.com AAAA 2001:db8::1",
    ];
    assert_eq!(verdict(&lines, "2001:db8::1"), Verdict::Fail);
    for bad in [
        "exists",
        "exists:",
        "exists:a.example.com/24",
        "include",
        "include:",
        "all:",
        "ptr:",
        "ptr/24",
    ] {
        assert_eq!(
            record(&format!("v=spf1 {bad}"), "192.0.2.1").verdict,
            Verdict::PermError,
            "{bad}"
        );
    }
}

#[test]
fn section_4_8_a_target_that_is_no_name_once_expanded_never_matches() {
    let query = Query::mail_from(ip("192.0.2.1"), "not a..name", "jürg@example.com");
    for term in ["a:%{h}", "mx:%{h}", "exists:%{l}.example.com", "a:.example"] {
        let table = zone(&[&format!("example.com TXT v=spf1 {term} ~all")]);
        assert_eq!(ask(&table, &query).verdict, Verdict::SoftFail, "{term}");
    }
}
