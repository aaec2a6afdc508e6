//! How diagnostics look.

use super::{SOUND, read};

#[test]
fn shown_with_both_places_and_help() {
    let text = SOUND.replace(
        "[\"192.0.2.1:25\"]",
        "[\n  \"192.0.2.1:25\",\n  \"192.0.2.1:25\",\n]",
    );
    let shown = read(&text).unwrap_err().to_string();
    let expected = r#"
error: `192.0.2.1:25` is listened on twice
 --> test.toml:6:3
  |
5 |   "192.0.2.1:25",
  |   -------------- first listened on here
6 |   "192.0.2.1:25",
  |   ^^^^^^^^^^^^^^
  |
  = help: write another address or port, or leave it out"#;
    assert_eq!(shown, expected.trim_start());
}

#[test]
fn serialized() {
    let found = read("# é\nadmin = { \"é\" = 1, mode = \"9\" }").unwrap_err();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        serde_json::json!([
            {
                "severity": "error", "file": "test.toml", "line": 2, "column": 11,
                "text": "\"é\"", "message": "unknown key `é` in `admin`",
                "help": "known here: `mode`, `socket`",
            },
            {
                "severity": "error", "file": "test.toml", "line": 2, "column": 27,
                "text": "\"9\"", "message": "`9` is not a file mode",
                "help": "write three octal digits after a zero, as `\"0600\"`",
            },
        ])
    );
}

#[test]
fn nothing_reaches_the_terminal_unescaped() {
    let text = "\"\\u001B[31m\\u202Ekey\" = 1\n[[pool]]\nname = \"\\u001B[2J\"\nmembers = [\"\\u0007:25\"]";
    let found = crate::config::parse("\u{1b}]0;x\u{7}.toml", text, &crate::config::tests::Known)
        .unwrap_err();
    assert!(found.len() >= 2, "{found}");
    let shown = found.to_string();
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}
