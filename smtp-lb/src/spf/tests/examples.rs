//! The examples of appendix A.

use super::*;

const ZONE: &[&str] = &[
    "example.com MX mail-a.example.com",
    "example.com MX mail-b.example.com",
    "example.com A 192.0.2.10",
    "example.com A 192.0.2.11",
    "amy.example.com A 192.0.2.65",
    "bob.example.com A 192.0.2.66",
    "mail-a.example.com A 192.0.2.129",
    "mail-b.example.com A 192.0.2.130",
    "www.example.com CNAME example.com",
    "example.org MX mail-c.example.org",
    "mail-c.example.org A 192.0.2.140",
    "10.2.0.192.in-addr.arpa PTR example.com",
    "11.2.0.192.in-addr.arpa PTR example.com",
    "65.2.0.192.in-addr.arpa PTR amy.example.com",
    "66.2.0.192.in-addr.arpa PTR bob.example.com",
    "129.2.0.192.in-addr.arpa PTR mail-a.example.com",
    "130.2.0.192.in-addr.arpa PTR mail-b.example.com",
    "140.2.0.192.in-addr.arpa PTR mail-c.example.org",
    // Somebody else's network, where it is given out that this is Bob's host.
    "4.0.0.10.in-addr.arpa PTR bob.example.com",
];

/// Which of the clients the records let send as `sender`.
fn passing<'a>(records: &[&str], sender: &str, clients: &[&'a str]) -> Vec<&'a str> {
    let table = zone(&[ZONE, records].concat());
    let passes = |client: &&&str| {
        let query = Query::mail_from(ip(client), "mail-a.example.com", sender);
        let verdict = ask(&table, &query).verdict;
        assert!(
            matches!(verdict, Verdict::Pass | Verdict::Fail),
            "{verdict}"
        );
        verdict == Verdict::Pass
    };
    clients.iter().filter(passes).copied().collect()
}

#[test]
fn appendix_a_1_simple_examples() {
    let clients = [
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.65",
        "192.0.2.66",
        "192.0.2.128",
        "192.0.2.129",
        "192.0.2.130",
        "192.0.2.131",
        "192.0.2.132",
        "192.0.2.140",
        "192.0.2.143",
        "192.0.2.144",
        "10.0.0.4",
    ];
    for (record, good) in [
        ("v=spf1 +all", &clients[..]),
        ("v=spf1 a -all", &["192.0.2.10", "192.0.2.11"]),
        ("v=spf1 a:example.org -all", &[]),
        ("v=spf1 mx -all", &["192.0.2.129", "192.0.2.130"]),
        ("v=spf1 mx:example.org -all", &["192.0.2.140"]),
        (
            "v=spf1 mx mx:example.org -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.140"],
        ),
        (
            "v=spf1 mx/30 mx:example.org/30 -all",
            &[
                "192.0.2.128",
                "192.0.2.129",
                "192.0.2.130",
                "192.0.2.131",
                "192.0.2.140",
                "192.0.2.143",
            ],
        ),
        (
            "v=spf1 ptr -all",
            &[
                "192.0.2.10",
                "192.0.2.11",
                "192.0.2.65",
                "192.0.2.66",
                "192.0.2.129",
                "192.0.2.130",
            ],
        ),
        (
            "v=spf1 ip4:192.0.2.128/28 -all",
            &[
                "192.0.2.128",
                "192.0.2.129",
                "192.0.2.130",
                "192.0.2.131",
                "192.0.2.132",
                "192.0.2.140",
                "192.0.2.143",
            ],
        ),
        (
            "v=spf1 a:www.example.com -all",
            &["192.0.2.10", "192.0.2.11"],
        ),
    ] {
        let record_line = format!("example.com TXT {record}");
        assert_eq!(
            passing(&[&record_line], "joe@example.com", &clients),
            good,
            "{record}"
        );
    }
}

#[test]
fn appendix_a_2_several_domains() {
    let records = [
        "example.org TXT v=spf1 include:example.com include:example.net -all",
        "la.example.org TXT v=spf1 redirect=example.org",
        "ny.example.org TXT v=spf1 redirect=example.org",
        "example.com TXT v=spf1 a -all",
        "example.net TXT v=spf1 mx:example.org -all",
    ];
    for sender in ["a@example.org", "a@la.example.org", "a@ny.example.org"] {
        let clients = ["192.0.2.10", "192.0.2.140", "192.0.2.65"];
        assert_eq!(
            passing(&records, sender, &clients),
            ["192.0.2.10", "192.0.2.140"]
        );
    }
}

#[test]
fn appendix_a_3_lists_in_dns() {
    let records = [
        "example.com TXT v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all",
        "mobile-users._spf.example.com TXT v=spf1 exists:%{l1r+}.%{d}",
        "remote-users._spf.example.com TXT v=spf1 exists:%{ir}.%{l1r+}.%{d}",
        "mary.mobile-users._spf.example.com A 127.0.0.2",
        "fred.mobile-users._spf.example.com A 127.0.0.2",
        "15.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2",
        "16.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2",
    ];
    let clients = ["192.0.2.129", "10.9.9.9", "192.168.15.15", "192.168.15.16"];
    for (sender, good) in [
        ("mary@example.com", &clients[..]),
        ("fred+news@example.com", &clients[..]),
        (
            "joel@example.com",
            &["192.0.2.129", "192.168.15.15", "192.168.15.16"],
        ),
        ("eve@example.com", &["192.0.2.129"]),
    ] {
        assert_eq!(passing(&records, sender, &clients), good, "{sender}");
    }
}

#[test]
fn appendix_a_4_several_requirements() {
    let records = [
        "example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
        "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all",
        "ptr._spf.example.com TXT v=spf1 -ptr:example.com +all",
    ];
    let clients = ["192.0.2.65", "192.0.2.140", "192.0.2.1", "10.0.0.4"];
    assert_eq!(passing(&records, "a@example.com", &clients), ["192.0.2.65"]);
}
