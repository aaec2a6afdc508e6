//! The field of section 9.1.

use super::super::received_spf;
use super::*;

#[test]
fn section_9_1_the_field_says_result_and_how() {
    let query = Query::mail_from(ip("192.0.2.1"), "foo.example.com", "myname@example.com")
        .receiver("mybox.example.org");
    let table = zone(&["example.com TXT v=spf1 ip4:192.0.2.0/24 -all"]);
    assert_eq!(
        received_spf(&query, &ask(&table, &query)),
        "Received-SPF: pass (mybox.example.org: domain of example.com designates 192.0.2.1 as permitted sender)\r\n\
         \treceiver=mybox.example.org;\r\n\tidentity=mailfrom;\r\n\tclient-ip=192.0.2.1;\r\n\
         \tenvelope-from=\"myname@example.com\";\r\n\thelo=foo.example.com;\r\n\
         \tmechanism=\"ip4:192.0.2.0/24\"\r\n"
    );
}

#[test]
fn section_9_1_nothing_that_a_client_says_ends_a_line_or_a_value() {
    let nasty = "x\r\nSubject: \"hi\\ (\u{1b}ü;".repeat(99);
    let query = Query::mail_from(ip("2001:db8::1"), &nasty, &format!("{nasty}@{nasty}"));
    let table = zone(&[]);
    let fields = [
        received_spf(&query, &ask(&table, &query)),
        received_spf(
            &Query::helo(ip("2001:db8::1"), &nasty),
            &ask(&table, &query),
        ),
    ];
    for field in fields {
        assert!(
            field
                .bytes()
                .all(|it| matches!(it, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
        );
        let mut lines: Vec<&str> = field.split("\r\n").collect();
        assert_eq!(lines.pop(), Some(""));
        assert!(
            lines
                .iter()
                .all(|line| !line.contains(['\r', '\n']) && line.len() <= 998)
        );
        assert!(lines.iter().skip(1).all(|line| line.starts_with('\t')));
        assert_eq!(lines.len(), 6, "{field}");
    }
}

#[test]
fn section_9_1_every_result_has_its_word() {
    let words = [
        (Verdict::None, "none"),
        (Verdict::Neutral, "neutral"),
        (Verdict::Pass, "pass"),
        (Verdict::Fail, "fail"),
        (Verdict::SoftFail, "softfail"),
        (Verdict::TempError, "temperror"),
        (Verdict::PermError, "permerror"),
    ];
    for (verdict, word) in words {
        let query = Query::helo(ip("192.0.2.1"), "a.example");
        let outcome = Outcome {
            verdict,
            ..ask(&zone(&[]), &query)
        };
        assert!(received_spf(&query, &outcome).starts_with(&format!("Received-SPF: {word} (")));
    }
}

#[test]
fn section_9_1_where_no_mechanism_matched_that_is_the_default() {
    let query = Query::mail_from(ip("192.0.2.1"), "foo.example.com", "myname@example.com");
    let field = |record: &str| {
        let table = zone(&[&format!("example.com TXT {record}")]);
        received_spf(&query, &ask(&table, &query))
    };
    assert!(field("v=spf1 ip4:192.0.2.2").ends_with("mechanism=default\r\n"));
    assert!(
        field("v=spf1 ?all").ends_with("mechanism=\"?all\"\r\n")
            || field("v=spf1 ?all").ends_with("mechanism=?all\r\n")
    );
    assert!(!field("v=spf1 nonsense").contains("mechanism="));
}
