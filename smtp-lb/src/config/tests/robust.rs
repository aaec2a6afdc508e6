//! No text makes it panic, hang or say nothing.

use proptest::prelude::*;

use super::read;
use crate::config::{ConfigError, Diagnostics, load};

const FULL: &str = include_str!("../../../../config/full.toml");

/// Whatever was found can be shown.
fn exercise(text: &str) {
    let shown = |found: &Diagnostics| {
        assert_eq!(found.to_string().is_empty(), found.is_empty());
        assert_eq!(found.render(true).is_empty(), found.is_empty());
        serde_json::to_string(found).unwrap();
        for it in found.iter() {
            assert!(it.line >= 1 && it.column >= 1);
            assert!(
                !it.message.is_empty() && !it.help.is_empty(),
                "{}",
                it.message
            );
        }
    };
    match read(text) {
        Ok(loaded) => shown(&loaded.warnings),
        Err(found) => {
            assert!(!found.is_empty());
            shown(&found);
        }
    }
}

/// Every seventh place, in four tests that run side by side.
fn truncated(first: usize) {
    for end in (first..=FULL.len())
        .step_by(4 * 7)
        .filter(|end| FULL.is_char_boundary(*end))
    {
        exercise(&FULL[..end]);
    }
}

#[test]
fn truncated_anywhere() {
    truncated(0);
}

#[test]
fn truncated_anywhere_else() {
    truncated(7);
}

#[test]
fn truncated_at_another_place() {
    truncated(14);
}

#[test]
fn truncated_at_a_last_place() {
    truncated(21);
}

#[test]
fn every_line_left_out() {
    let lines: Vec<&str> = FULL.lines().collect();
    for out in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(out);
        exercise(&rest.join("\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn a_piece_replaced(start in 0..FULL.len(), len in 0_usize..40, with in "\\PC{0,12}|[\\[\\]{}=\"'\n,.#0-9]{0,8}") {
        let start = FULL.floor_char_boundary(start);
        let end = FULL.floor_char_boundary((start + len).min(FULL.len()));
        exercise(&format!("{}{with}{}", &FULL[..start], &FULL[end..]));
    }

    #[test]
    fn every_value_replaced_by_one(line in 0..FULL.lines().count(), value in prop_oneof![
        Just("0"), Just("-1"), Just("\"\""), Just("[]"), Just("{}"), Just("true"), Just("1.5"),
        Just("1979-05-27"), Just("[[]]"), Just("[{}]"), Just("99999999999999999999"), Just("\"\\u0000\""),
        Just("'''\n'''"), Just("\"é\u{301}\""),
    ]) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        if let Some((key, _)) = lines[line].split_once(" = ") {
            lines[line] = format!("{key} = {value}");
        }
        exercise(&lines.join("\n"));
    }
}

#[test]
fn many_errors_are_counted_and_the_first_shown() {
    let lines: Vec<String> = (0..5000).map(|n| format!("key{n} = 1")).collect();
    let found = read(&lines.join("\n")).unwrap_err();
    assert_eq!(found.len(), 5000);
    assert_eq!(found.iter().count(), 100);
    assert!(found.to_string().ends_with("and 4900 more like these"));
}

#[test]
fn deep_and_wide_lists_neither_overflow_nor_explode() {
    let mut text = String::from("[firewall]\nhost_policy = \"p\"\n");
    for n in 0..20_000 {
        text += &format!(
            "[[firewall.address_list]]\nname = \"l{n}\"\nlists = [\"l{}\", \"l{}\"]\n",
            n + 1,
            (n + 2).min(20_000)
        )
        .replace("\"l20000\", \"l20000\"", "\"l20000\"");
    }
    text += "[[firewall.address_list]]\nname = \"l20000\"\nnetworks = [\"10.0.0.0/8\"]\n";
    text += "[[firewall.policy]]\nname = \"p\"\n[[firewall.policy.rule]]\nname = \"r\"\naction = \"drop\"\nsource_lists = [\"l0\"]\n";
    let plan = read(&text).unwrap_or_else(|found| panic!("{found}")).plan;
    assert_eq!(plan.firewall.policies[0].rules[0].source.len(), 1);
}

#[test]
fn deep_nesting_of_toml() {
    exercise(&format!("a = {}", "[".repeat(60_000)));
    exercise(&format!("{} = 1", vec!["a"; 30_000].join(".")));
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        load(folder.path()),
        Err(ConfigError::Directory { .. })
    ));
    let missing = load(&folder.path().join("none\u{1b}.toml")).unwrap_err();
    assert!(matches!(missing, ConfigError::Read { .. }));
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
    assert!(
        missing
            .to_string()
            .contains("none\\u{1b}.toml: No such file"),
        "{missing}"
    );
    assert_eq!(
        serde_json::to_value(&missing).unwrap()[0]["severity"],
        "error"
    );

    let path = folder.path().join("x.toml");
    std::fs::write(&path, b"a = 1\n\nb = \"\xff\"\n").unwrap();
    assert!(matches!(
        load(&path),
        Err(ConfigError::NotText { line: 3, .. })
    ));
    assert!(matches!(
        load("/dev/zero".as_ref()),
        Err(ConfigError::TooLarge { .. })
    ));
    std::fs::write(&path, super::SOUND).unwrap();
    assert!(load(&path).is_ok());
    std::fs::write(&path, "x = 1").unwrap();
    assert!(matches!(load(&path), Err(ConfigError::Invalid(_))));
}
