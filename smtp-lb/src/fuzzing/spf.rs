//! SPF records and what DNS says besides: whatever they are, an evaluation ends within its bounds, and
//! what it tells is fit to be told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::FutureExt;

use crate::spf::table::{Entry, Table};
use crate::spf::{DnsFailure, Limits, MAX_QUESTIONS, Query, Record, check_host, received_spf};

/// Two octets choose the client and its words; the rest are lines of a zone: `NAME TYPE DATA`.
pub fn spf(input: &[u8]) {
    let Some((&[client, words], text)) = input.split_first_chunk() else {
        return;
    };
    // Parsing bears what no zone can hold.
    let _ = Record::parse(text);
    let mut table = Table::default();
    for line in text.split(|octet| *octet == b'\n').take(64) {
        let mut parts = line.splitn(3, |octet| *octet == b' ');
        let name = String::from_utf8_lossy(parts.next().unwrap_or_default());
        let (kind, data) = (parts.next(), parts.next().unwrap_or_default());
        let word = String::from_utf8_lossy(data).into_owned();
        let entry = match kind {
            Some(b"TXT") => Entry::Txt(data.to_vec()),
            Some(b"A") => Entry::A(Ipv4Addr::new(192, 0, 2, data.len().to_le_bytes()[0])),
            Some(b"AAAA") => Entry::Aaaa(Ipv6Addr::from(data.len() as u128)),
            Some(b"MX") => Entry::Mx(word),
            Some(b"PTR") => Entry::Ptr(word),
            Some(b"CNAME") => Entry::Cname(word),
            Some(b"FAIL") => Entry::Fails(DnsFailure::Timeout),
            _ => continue,
        };
        table.add(&name, entry);
    }
    let ip = match client {
        0..128 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, client)),
        _ => IpAddr::V6(Ipv6Addr::from(u128::from(client - 128))),
    };
    let query = match words % 4 {
        0 => Query::mail_from(ip, "a.x.example", "me+you-us@x.example"),
        1 => Query::mail_from(ip, "x.example", ""),
        2 => Query::mail_from(ip, "\r\nü", "ü @x.example"),
        _ => Query::helo(ip, "x.example"),
    };
    let limits = Limits::default();
    let outcome = check_host(&table, &query, &limits)
        .now_or_never()
        .expect("a table never waits");
    assert_eq!(outcome.questions, table.asked(), "what was asked is known");
    assert!(outcome.questions <= MAX_QUESTIONS, "asked too much");
    assert!(outcome.terms <= limits.terms && outcome.voids <= limits.voids + 1);
    let printable = |text: &str| text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    let told = [&outcome.explanation, &outcome.directive];
    assert!(told.into_iter().flatten().all(|text| printable(text)));
    let explanation = outcome.explanation.as_deref().unwrap_or_default();
    assert!(explanation.len() <= limits.explanation);
    let again = check_host(&table, &query, &limits).now_or_never();
    assert_eq!(again.as_ref(), Some(&outcome), "the same again");
    let field = received_spf(&query, &outcome);
    assert!(
        field
            .split("\r\n")
            .all(|line| line.len() <= 998 && !line.contains(['\r', '\n']))
    );
}
