//! The openspf.org test suite for RFC 7208 (`openspf.json`, under its own licence beside it: a
//! translation of its YAML, without its comments).

use serde_json::Value;

use super::*;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn octets(value: &Value) -> Vec<u8> {
    // One string, or several that belong together; a character stands for an octet.
    let one = |it: &Value| -> Vec<u8> {
        text(it)
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect()
    };
    value
        .as_array()
        .map_or_else(|| one(value), |all| all.iter().flat_map(one).collect())
}

fn zone(data: &Value) -> Table {
    let mut table = Table::default();
    for (name, entries) in data.as_object().unwrap() {
        let entries = entries.as_array().unwrap();
        let has_txt = entries.iter().any(|entry| entry.get("TXT").is_some());
        for entry in entries {
            let Some(entry) = entry.as_object() else {
                table.add(name, Entry::Fails(DnsFailure::Timeout));
                continue;
            };
            let (kind, value) = entry.iter().next().unwrap();
            let entry = match kind.as_str() {
                "TXT" if value == "NONE" => continue,
                // Records of the type SPF stand for those of the type TXT where there are none.
                "SPF" if has_txt => continue,
                "TXT" | "SPF" => Entry::Txt(octets(value)),
                "A" => Entry::A(text(value).parse().unwrap()),
                "AAAA" => Entry::Aaaa(text(value).parse().unwrap()),
                "MX" => Entry::Mx(text(&value[1]).to_owned()),
                "PTR" => Entry::Ptr(text(value).to_owned()),
                "CNAME" => Entry::Cname(text(value).to_owned()),
                other => panic!("{other}"),
            };
            table.add(name, entry);
        }
    }
    table
}

#[test]
fn all_cases_of_openspf_come_out_as_they_must() {
    let suite: Value = serde_json::from_str(include_str!("openspf.json")).unwrap();
    let (mut ran, mut wrong) = (0, Vec::new());
    for section in suite.as_array().unwrap() {
        let table = zone(&section["zonedata"]);
        for (name, case) in section["tests"].as_object().unwrap() {
            ran += 1;
            let query = Query::mail_from(
                ip(text(&case["host"])),
                text(&case["helo"]),
                text(&case["mailfrom"]),
            );
            let outcome = ask(&table, &query);
            let good = case["result"].as_array().unwrap();
            let good = good.iter().any(|it| it == outcome.verdict.word());
            let explained = match case.get("explanation").map(text) {
                None => true,
                // The suite's word for that of the receiver.
                Some("DEFAULT") => outcome.explanation.is_none(),
                Some(told) => outcome
                    .explanation
                    .as_deref()
                    .is_some_and(|it| it.eq_ignore_ascii_case(told)),
            };
            if !good || !explained {
                wrong.push(format!("{name} ({}): {outcome:?}", case["spec"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(ran, 203);
}
