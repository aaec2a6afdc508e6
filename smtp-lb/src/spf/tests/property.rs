//! Any record and any answers: nothing panics, loops, or asks more than it may.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fuzzing::strategy::of;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn hostile_zones_are_borne(input in of(ZONE)) {
        crate::fuzzing::spf(&input);
    }

    #[test]
    fn hostile_records_are_borne(
        client in any::<[u8; 2]>(),
        records in vec(vec(select(TERMS), 0..12), 1..5),
    ) {
        let mut input = client.to_vec();
        for (at, terms) in records.iter().enumerate() {
            let name = ["", "a.", "b.", "c."][at % 4];
            let record = format!("{name}x.example TXT v=spf1 {}\n", terms.join(" "));
            input.extend_from_slice(record.as_bytes());
        }
        crate::fuzzing::spf(&input);
    }
}

const ZONE: &[&str] = &[
    "x.example",
    "a.x.example",
    "b.x.example",
    " TXT ",
    " TXT v=spf1 ",
    " A 192.0.2.1\n",
    " AAAA 2001:db8::1\n",
    " MX ",
    " PTR ",
    " CNAME ",
    " FAIL\n",
    "\n",
    "\n",
    "include:",
    "redirect=",
    "a:",
    "mx:",
    "ptr",
    "exists:",
    "exp=",
    " -all",
    "%{",
    "}",
    "d",
    "2r",
    "p",
    "%{p}",
    "%{l}",
    "/24",
    "//64",
    "1.2.0.192.in-addr.arpa",
    " ",
];

const TERMS: &[&str] = &[
    "include:a.x.example",
    "include:b.x.example",
    "include:x.example",
    "?include:c.x.example",
    "redirect=a.x.example",
    "redirect=b.x.example",
    "redirect=%{d}",
    "a",
    "a:a.x.example",
    "mx",
    "mx:b.x.example",
    "ptr",
    "ptr:example",
    "exists:%{p}.x.example",
    "exists:%{ir}.%{v}.x.example",
    "exists:%{L}.%{S}.%{h}",
    "exp=a.x.example",
    "exp=%{p}.%{d}",
    "ip4:192.0.2.0/28",
    "ip6:2001:db8::/32",
    "-all",
    "~all",
    "x=%{c}",
];
