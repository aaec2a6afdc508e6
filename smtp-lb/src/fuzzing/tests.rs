use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::strategy::{of, text};

type Check = fn(&[u8]);

/// Whatever the fuzzer begins with, and whatever it once found, holds without it.
#[test]
fn seeds() {
    let targets: [(&str, Check); 9] = [
        ("line", super::line),
        ("command", super::command),
        ("reply", super::reply),
        ("ehlo", super::ehlo),
        ("data", super::data),
        ("bdat", super::bdat),
        ("machine", super::machine),
        ("feed", super::feed),
        ("spf", super::spf),
    ];
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (target, check) in targets {
        let mut ran = 0;
        for entry in std::fs::read_dir(seeds.join(target)).unwrap() {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| check(&input));
            assert!(held.is_ok(), "{}", path.display());
            ran += 1;
        }
        assert!(ran > 0, "{target} has no seeds");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn line(input in text()) {
        super::line(&input);
    }

    #[test]
    fn feed(kind in 0..4_u8, input in of(&[
        "192.0.2.", "1", "0", "/24", "/", "10.0.0.0", "2001:db8::", "::ffff:", "-", ",", ",", "\n",
        "\n", "\r", "bl", "wl", "bots", "#", ";", " ", "\"", "\"", "{\"cidr\":\"", "\"}", "ip", "bits",
        "kind", "ip,bits,kind\n", "255.255.255.0", "{\"type\":\"metadata\"}",
    ])) {
        super::feed(&[&[kind], input.as_slice()].concat());
    }

    #[test]
    fn machine(settings in any::<[u8; 2]>(), steps in of(&[
        "cA", "cB", "cC", "cD", "cE", "cF", "cG", "cH", "cI", "cM", "cN", "cP", "cR", "cS", "j",
        "j", "p", "mA", "mB", "mC", "mC", "mC", "mD", "mE", "mG", "mO", "g", "s", "S", "t", "n",
        "jmAmBmC", "cAcBjmAmBmCcCmCcDmDcE",
    ])) {
        super::machine(&[&settings[..], &steps].concat());
    }

    #[test]
    fn data(input in text()) {
        super::data(&input);
    }

    #[test]
    fn bdat(size in 0..9_u8, input in text()) {
        super::bdat(&[&[size], input.as_slice()].concat());
    }

    #[test]
    fn command(input in of(&[
        "MAIL", "rcpt", " ", " ", "FROM:", "To:", "<", ">", "a", "@", "b.example", "\"", "\\",
        "SIZE=1", "BODY=8BITMIME", "SMTPUTF8", "NOTIFY=NEVER", "RET=FULL", "AUTH=<>", "ü", "=",
        "BDAT", "1", "LAST", "AUTH", "PLAIN", "EHLO", "[", "]", "IPv6:", ":", "1.2.3.4", ",",
    ])) {
        super::command(&input);
    }

    #[test]
    fn envelope(
        head in select(&["MAIL FROM:<", "RCPT TO:<", "MAIL FROM:", "RCPT TO: <@a:"][..]),
        input in of(&[
            ">", "> ", "a", "@", "b.example", "\"", "\\", ".", "postmaster", "ü", "[", "]",
            "SIZE=1", "SIZE=99", " ", "SMTPUTF8", "NOTIFY=NEVER", "ORCPT=rfc822;a@b", "AUTH=<>",
        ]),
    ) {
        super::command(&[head.as_bytes(), input.as_slice()].concat());
    }

    #[test]
    fn reply(input in of(&[
        "250", "354", "5", "50", " ", "-", "ok", "\r\n", "\r\n", "250-", "250 ", "\r", "\n", "\0",
        "0123456789012345678901234567890",
    ])) {
        super::reply(&input);
    }

    #[test]
    fn ehlo(replies in vec(vec(offered(), 0..6), 1..4)) {
        let mut input = Vec::new();
        for mut lines in replies {
            lines.insert(0, "mx".to_owned());
            let last = lines.len() - 1;
            for (at, line) in lines.iter().enumerate() {
                let separator = if at == last { ' ' } else { '-' };
                input.extend_from_slice(format!("250{separator}{line}\r\n").as_bytes());
            }
        }
        super::ehlo(&input);
    }
}

/// A line of an offer, good or nearly so.
fn offered() -> impl Strategy<Value = String> {
    const WORDS: [&str; 10] = [
        "SIZE", "SIZE", "AUTH", "AUTH", "DSN", "XCLIENT", "STARTTLS", "8bitmime", "CHUNKING", "X",
    ];
    const ARGUMENTS: [&str; 10] = [
        "0", "00", "7", "20", "-1", "PLAIN", "login", "A_B", "b@d", "",
    ];
    (select(&WORDS[..]), vec(select(&ARGUMENTS[..]), 0..4))
        .prop_map(|(word, arguments)| [&[word], &arguments[..]].concat().join(" "))
}
