//! RFC 7208, sentence by sentence, example by example, and as others test it.

mod conformance;
mod evaluation;
mod examples;
mod explanations;
mod identities;
mod macros;
mod mechanisms;
mod modifiers;
mod property;
mod received;
mod records;

use std::net::IpAddr;

use futures_util::FutureExt;

use super::dns::DnsFailure;
use super::table::{Entry, Table};
use super::{Limits, MAX_QUESTIONS, Outcome, Problem, Query, Verdict, check_host};

/// A zone as lines of `NAME TYPE DATA`. `TXT` takes the rest of the line.
fn zone(lines: &[&str]) -> Table {
    let mut table = Table::default();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        let data = words.next().unwrap_or_default();
        table.add(
            name,
            match kind {
                "TXT" => Entry::Txt(data.as_bytes().to_vec()),
                "A" => Entry::A(data.parse().unwrap()),
                "AAAA" => Entry::Aaaa(data.parse().unwrap()),
                "MX" => Entry::Mx(data.to_owned()),
                "PTR" => Entry::Ptr(data.to_owned()),
                "CNAME" => Entry::Cname(data.to_owned()),
                "TIMEOUT" => Entry::Fails(DnsFailure::Timeout),
                "SERVFAIL" => Entry::Fails(DnsFailure::ServerFailure),
                other => panic!("{other}"),
            },
        );
    }
    table
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The evaluation's own count of questions is held against that of the table.
fn ask(table: &Table, query: &Query) -> Outcome {
    let before = table.asked();
    let limits = Limits::default();
    let checked = check_host(table, query, &limits);
    let outcome = checked.now_or_never().expect("a table never waits");
    assert_eq!(outcome.questions, table.asked() - before);
    assert!(outcome.questions <= MAX_QUESTIONS && outcome.terms <= 10);
    assert_eq!(
        outcome.problem.as_ref().map(Problem::verdict),
        matches!(outcome.verdict, Verdict::TempError | Verdict::PermError)
            .then_some(outcome.verdict)
    );
    outcome
}

/// A sender at example.com.
fn check(lines: &[&str], client: &str) -> Outcome {
    ask(
        &zone(lines),
        &Query::mail_from(ip(client), "mx.example.org", "joe@example.com"),
    )
}

/// The same, with one record and nothing else.
fn record(text: &str, client: &str) -> Outcome {
    check(&[&format!("example.com TXT {text}")], client)
}

/// The table of the module names tests that there are.
#[test]
fn the_tests_of_the_table_exist() {
    let sources = [
        include_str!("tests/conformance.rs"),
        include_str!("tests/evaluation.rs"),
        include_str!("tests/explanations.rs"),
        include_str!("tests/identities.rs"),
        include_str!("tests/macros.rs"),
        include_str!("tests/mechanisms.rs"),
        include_str!("tests/modifiers.rs"),
        include_str!("tests/received.rs"),
        include_str!("tests/records.rs"),
        include_str!("../security/check/spf/tests.rs"),
        include_str!("../security/session/remote/tests.rs"),
        include_str!("../proxy/gateway/machine/tests/ask.rs"),
    ]
    .concat();
    let rows = include_str!("../spf.rs").lines();
    let rows = rows.filter(|line| line.starts_with("//! | ") && line.contains('_'));
    let names: Vec<&str> = rows
        .flat_map(|row| row.split('`'))
        .filter(|word| word.len() > 20 && word.contains('_') && !word.contains(['/', ' ']))
        .collect();
    assert!(names.len() >= 27, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}()")), "{name}");
    }
}
