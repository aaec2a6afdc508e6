//! A secret that stands in the file by mistake is never repeated.

use super::{read, says};

const SECRET: &str = "Zm9yIG15IGV5ZXMgb25seQ";

fn client(keys: &str) -> String {
    format!("[[client_tls]]\nname = \"c\"\ncertificate = \"/c.pem\"\n{keys}\n")
}

#[test]
fn shown_masked_and_with_help() {
    let shown = read(&client("key = \"/etc/ssl/mx.key\"")).unwrap_err();
    let expected = r#"
error: a secret's file is named by `file:` and its path
 --> test.toml:4:7
  |
4 | key = "***************"
  |       ^^^^^^^^^^^^^^^^^
  |
  = help: write `file:` in front of the path"#;
    assert_eq!(shown.to_string(), expected.trim_start());
}

#[test]
fn told_apart() {
    let put = "put it into a file that only its user can read, and write `\"file:/etc/smtp-lb/mx.key\"`; or into the environment, and write `\"env:NAME\"`";
    let put_passphrase = put.replace("mx.key", "mx.passphrase");
    says(
        &client(&format!(
            "key = '''\n-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n'''\npassphrase = \"hunter2\""
        )),
        &[
            (
                4,
                "'''\n***************************\n**********************\n*************************\n'''",
                "a key may not stand in the configuration",
                put,
            ),
            (
                9,
                "\"*******\"",
                "a secret may not stand in the configuration",
                &put_passphrase,
            ),
        ],
    );
}

/// However the file is wrong, and whatever of it is shown.
#[test]
fn never_repeated() {
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n-----END PRIVATE KEY-----");
    let texts = [
        client(&format!("key = \"{SECRET}\"")),
        client(&format!("key = {SECRET}")),
        client(&format!("key = \"{SECRET}")),
        client(&format!("key = '{SECRET}\n'")),
        client(&format!("key = \"\"\"\n{SECRET}\"\"\"")),
        client(&format!(
            "key = \"\"\"\n-----BEGIN PRIVATE KEY-----\n{SECRET}"
        )),
        client(&format!("key = [\"{SECRET}\"]")),
        client(&format!("key = [\n\"{SECRET}\"]")),
        client(&format!("key = {{ file = \"{SECRET}\" }}")),
        client(&format!("key = \"env:{SECRET}=\"")),
        client(&format!("keys = \"{SECRET}\"")),
        client(&format!("passphrase = \"{SECRET}\"")),
        client(&format!("pasphrase = \"{SECRET}\"")),
        client(&format!("\"key\" = \"{SECRET}\"")),
        client(&format!("key = \"file:/k\"\npassphrase = '{SECRET}'")),
        client(&format!("key = \"file:/k\"\nocsp = \"{pem}\"")),
        client(&format!("key = \"file:/k\"\nmin_version = \"{pem}\"")),
        client(&format!(
            "key = \"file:/k\"\nclient_ca = \"{pem}\"\nunknown = 1"
        )),
        client(&format!(
            "key = \"file:/k\"\n[[client_tls.certificate_for]]\nkey = \"{SECRET}\""
        )),
        client(&format!(
            "key = \"file:/k\"\ncertificate_for = [{{ key = \"{SECRET}\", certificate = \"x\" }}]"
        )),
        format!("[[client_tls]]\nname = \"c\"\nkey = \"file:/k\"\ncertificate = \"{pem}\""),
        format!("[[server_tls]]\nname = \"s\"\nkey = \"{SECRET}\""),
        format!("server_tls = [{{ naem = \"s\", key = \"{SECRET}\" }}]"),
        format!("server_tls = [{{ key = \"{SECRET}\", name = s }}]"),
        format!("[server_tls]\nkey = \"{SECRET}\""),
        format!("key = \"{SECRET}\""),
    ];
    for text in texts {
        assert!(text.contains(SECRET));
        let found = read(&text).expect_err(&text);
        for shown in [
            found.to_string(),
            found.render(true),
            format!("{found:?}"),
            serde_json::to_string(&found).unwrap(),
        ] {
            // Not a good part of it either.
            assert!(!shown.contains(&SECRET[..8]), "{text}\n{shown}");
        }
    }
}
