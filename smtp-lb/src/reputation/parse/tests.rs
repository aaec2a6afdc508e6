use std::collections::HashMap;

use super::*;

const SPAM: u8 = 0;
const BOTS: u8 = 1;

pub(super) fn rules(format: Format) -> Rules {
    Rules {
        format,
        tag: SPAM,
        categories: HashMap::from([("spam".to_owned(), SPAM), ("bots".to_owned(), BOTS)]),
        max_entries: 1_000_000,
        max_bad: 5,
    }
}

fn read(format: Format, text: &str) -> Result<Parsed, ParseError> {
    let mut parser = Parser::new(rules(format));
    parser.push(text.as_bytes())?;
    parser.finish()
}

/// `tag first-last` of every range, in order.
fn ranges(parsed: &Parsed) -> Vec<String> {
    let mut said = Vec::new();
    for (tag, ranges) in parsed.entries.iter() {
        let v4 = ranges.v4.iter();
        said.extend(v4.map(|(a, b)| {
            format!(
                "{tag} {}-{}",
                std::net::Ipv4Addr::from(*a),
                std::net::Ipv4Addr::from(*b)
            )
        }));
        let v6 = ranges.v6.iter();
        said.extend(v6.map(|(a, b)| {
            format!(
                "{tag} {}-{}",
                std::net::Ipv6Addr::from(*a),
                std::net::Ipv6Addr::from(*b)
            )
        }));
    }
    said
}

#[test]
fn f5_feed_lists() {
    let text = "# address,mask,list,category\n\
        192.0.2.0,24,bl,bots\n\
        198.51.100.7\n\
        203.0.113.0,255.255.255.0,bl,unheard_of\r\n\
        2001:db8::,32,,bots\n\
        192.0.2.77,,wl,\n\
        198.51.100.8/32, , BL , spam\n";
    let parsed = read(Format::F5, text).unwrap();
    assert_eq!(
        ranges(&parsed),
        [
            "0 198.51.100.7-198.51.100.8",
            "0 203.0.113.0-203.0.113.255",
            "1 192.0.2.0-192.0.2.255",
            "1 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "63 192.0.2.77-192.0.2.77",
        ]
    );
    assert_eq!((parsed.good, parsed.bad), (6, 0));
}

#[test]
fn cidr_lists_with_comments() {
    let text = "; Spamhaus DROP List 2024/01/01 - (c) 2024\n\
        1.10.16.0/20 ; SBL256894\n\
        \n\
        # FireHOL\n\
        10.0.0.5-10.0.0.90\n\
        ::ffff:192.0.2.9\n\
        ::ffff:198.51.100.0/120\n\
        2001:db8:1::/48 # last, without an end of line";
    let parsed = read(Format::Cidr, text).unwrap();
    assert_eq!(
        ranges(&parsed),
        [
            "0 1.10.16.0-1.10.31.255",
            "0 10.0.0.5-10.0.0.90",
            "0 192.0.2.9-192.0.2.9",
            "0 198.51.100.0-198.51.100.255",
            "0 2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff",
        ]
    );
}

#[test]
fn json_lines_as_spamhaus_has_them() {
    let text = r#"{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}
{"ip":"192.0.2.1","category":"bots"}
{"cidr":"2001:db8::/32","nested":{"a":[1,2]}}
{"type":"metadata","timestamp":1700000000,"size":102134,"records":3,"copyright":"(c)"}
"#;
    let parsed = read(Format::JsonLines, text).unwrap();
    assert_eq!(parsed.good, 3);
    assert_eq!(
        ranges(&parsed)[1],
        "0 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    );
    assert_eq!(ranges(&parsed)[2], "1 192.0.2.1-192.0.2.1");
}

#[test]
fn csv_by_the_names_of_its_columns() {
    let columns = CsvColumns {
        address: "dst_ip".to_owned(),
        prefix: Some("bits".to_owned()),
        category: Some("kind".to_owned()),
    };
    let text = "# abuse.ch\n\
        \"first_seen\",\"dst_ip\",bits,\"kind\"\n\
        \"2024-01-01, noon\",\"192.0.2.0\",24,\"bots\"\n\
        \"a \"\"quoted\"\" word\", 198.51.100.1 ,,spam\n";
    let parsed = read(Format::Csv(columns.clone()), text).unwrap();
    assert_eq!(
        ranges(&parsed),
        ["0 198.51.100.1-198.51.100.1", "1 192.0.2.0-192.0.2.255"]
    );
    let error = read(Format::Csv(columns), "ip,bits\n192.0.2.1,32\n");
    assert_eq!(error, Err(ParseError::NoColumn("dst_ip".to_owned())));
}

#[test]
fn bad_lines_are_counted_and_the_first_few_told() {
    let table = [
        ("nonsense", LineFault::NoAddress),
        ("192.0.2.0/33", LineFault::BadMask),
        ("192.0.2.0/", LineFault::BadMask),
        ("192.0.2.0/+8", LineFault::BadMask),
        ("192.0.2.0/255.0.255.0", LineFault::BadMask),
        ("0.0.0.0/0", LineFault::Everybody),
        ("::/0", LineFault::Everybody),
        ("0.0.0.0-255.255.255.255", LineFault::Everybody),
        ("10.0.0.9-10.0.0.5", LineFault::BadRange),
        ("10.0.0.9-2001:db8::1", LineFault::BadRange),
    ];
    let good: Vec<String> = (0..250).map(|n| format!("10.9.{n}.1\n")).collect();
    let good = good.concat();
    for (line, fault) in table {
        let parsed = read(Format::Cidr, &format!("{good}{line}\n")).unwrap();
        assert_eq!((parsed.good, parsed.bad), (250, 1), "{line}");
        let [bad] = parsed.first_bad.as_slice() else {
            panic!("one bad line")
        };
        assert_eq!((bad.line, bad.fault, bad.text.as_str()), (251, fault, line));
    }
    let many = format!("{good}{}", "?\n".repeat(12));
    let parsed = read(Format::Cidr, &many).unwrap();
    assert_eq!((parsed.bad, parsed.first_bad.len()), (12, SHOWN));
}

#[test]
fn a_feed_with_too_many_bad_lines_is_refused() {
    let page = "<html>\n<body>Not found</body>\n</html>\n";
    let Err(error) = read(Format::Cidr, page) else {
        panic!("a page is no feed")
    };
    let text = error.to_string();
    assert!(
        text.starts_with(
            "3 of 3 lines are not understood; line 1, \"<html>\": there is no address"
        ),
        "{text}"
    );
    // A few bad lines of a short feed are no reason.
    assert!(read(Format::Cidr, "10.0.0.1\n?\n?\n?\n").is_ok());
    assert!(read(Format::Cidr, "10.0.0.1\n?\n?\n?\n?\n").is_err());
    assert_eq!(read(Format::Cidr, ""), Err(ParseError::Empty));
    assert!(
        read(Format::Cidr, "# nobody today\n")
            .unwrap()
            .entries
            .is_empty()
    );
}

#[test]
fn lines_entries_and_octets_have_bounds() {
    let long = format!("10.0.0.1\n{}\n10.0.0.3\n", "x".repeat(MAX_LINE + 1));
    let parsed = read(Format::Cidr, &long).unwrap();
    assert_eq!((parsed.good, parsed.bad), (2, 1));
    assert_eq!(parsed.first_bad[0].fault, LineFault::TooLong);
    let endless = read(Format::Cidr, &"9".repeat(1_000_000));
    assert!(matches!(endless, Err(ParseError::TooBad { bad: 1, .. })));

    let mut rules = rules(Format::Cidr);
    rules.max_entries = 3;
    let mut parser = Parser::new(rules);
    assert!(parser.push(b"10.0.0.1\n10.0.0.2\n10.0.0.3\n").is_ok());
    assert_eq!(parser.push(b"10.0.0.4\n"), Err(ParseError::TooMany(3)));
}

#[test]
fn octets_that_are_no_text_are_a_bad_line() {
    let mut parser = Parser::new(rules(Format::Cidr));
    parser.push(b"10.0.0.1\n\xff\xfe\n").unwrap();
    assert_eq!(
        parser.finish().unwrap().first_bad[0].fault,
        LineFault::NotText
    );
}
