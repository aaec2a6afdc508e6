//! What monitors say and are given: mailboxes, subjects, variables.

use super::{Fault, secret};
use crate::config::diagnostic::quote;
use crate::config::plan::Setting;

/// Longest path (RFC 5321 section 4.5.3.1.3), its brackets left out.
const MAX_MAILBOX: usize = 254;
const MAX_SUBJECT: usize = 200;
const MAX_VARIABLE: usize = 255;
const MAX_SETTING: usize = 4096;

/// Reads a mailbox, in ASCII and without brackets.
pub(crate) fn mailbox(text: &str) -> Result<String, Fault> {
    let sound = |octet: u8| octet.is_ascii_graphic() && !b"<>".contains(&octet);
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    if text.len() <= MAX_MAILBOX
        && !local.is_empty()
        && !domain.is_empty()
        && text.bytes().all(sound)
    {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a mailbox", quote(text)),
        "write it as `\"probe@example.org\"`, without brackets",
    ))
}

/// Reads a mailbox, or `""` for the null sender.
pub(crate) fn sender(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Ok(String::new());
    }
    mailbox(text).map_err(|fault| Fault::new(fault.message, format!("{}, or `\"\"`", fault.help)))
}

/// Reads the subject of a message.
pub(crate) fn subject(text: &str) -> Result<String, Fault> {
    if text.len() <= MAX_SUBJECT && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a subject", quote(text)),
        format!("write at most {MAX_SUBJECT} characters of printable ASCII"),
    ))
}

/// Reads the name of a variable of the environment.
pub(crate) fn variable(text: &str) -> Result<String, Fault> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    if (1..=MAX_VARIABLE).contains(&text.len()) && !digit && text.bytes().all(sound) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not the name of a variable", quote(text)),
        "write letters, digits and `_`, as `\"USER\"`",
    ))
}

/// Reads text, or a reference to a secret if it begins with `file:` or `env:`. No fault repeats it.
pub(crate) fn setting(text: &str, example: &str) -> Result<Setting, Fault> {
    if text.starts_with("file:") || text.starts_with("env:") {
        return secret::parse(text, example).map(Setting::Secret);
    }
    if text.len() <= MAX_SETTING && !text.contains(char::is_control) {
        return Ok(Setting::Text(text.to_owned()));
    }
    Err(Fault::new(
        "this cannot be given to a program or a server",
        format!(
            "write at most {MAX_SETTING} bytes without control characters, or `\"file:{example}\"`"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::Secret;

    #[test]
    fn mailboxes() {
        for text in ["a@b", "probe+x@mail.example.org", "p@[192.0.2.1]"] {
            assert_eq!(mailbox(text).as_deref(), Ok(text));
        }
        assert_eq!(sender("").as_deref(), Ok(""));
        let long = format!("{}@b", "a".repeat(254));
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "<a@b>",
            "a b@c",
            "a@b\r\nRCPT",
            "ü@b",
            &long,
        ] {
            assert!(mailbox(text).is_err(), "{text}");
        }
        assert!(sender("<>").is_err());
    }

    #[test]
    fn subjects_and_variables() {
        assert_eq!(subject("a subject").as_deref(), Ok("a subject"));
        assert!(subject("a\r\nBcc: x").is_err() && subject("ü").is_err());
        assert_eq!(variable("PASSWORD_2").as_deref(), Ok("PASSWORD_2"));
        for text in ["", "2A", "A=B", "A B", "ü"] {
            assert!(variable(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings() {
        let text = |text: &str| Ok(Setting::Text(text.to_owned()));
        assert_eq!(setting("probe", "/x"), text("probe"));
        assert_eq!(setting("", "/x"), text(""));
        let file = Setting::Secret(Secret::File("/etc/u".into()));
        assert_eq!(setting("file:/etc/u", "/x"), Ok(file));
        for wrong in ["file:u", "env:1", "a\0b", "a\nb"] {
            let fault = setting(wrong, "/x").unwrap_err();
            assert!(!fault.message.contains(wrong), "{fault:?}");
        }
    }
}
