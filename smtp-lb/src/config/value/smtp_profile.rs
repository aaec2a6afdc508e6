//! Domains, addresses and replies of SMTP security profiles.

use super::endpoint::is_host_name;
use super::{Fault, template};
use crate::config::diagnostic::quote;

/// Octets of the text of a reply: what takes the place of its words must fit into the line, too (RFC
/// 5321 section 4.5.3.1.5).
const REPLY: usize = 200;

const PLACEHOLDERS: [&str; 3] = ["{client}", "{sender}", "{reason}"];

/// Octets of an address in a list.
const ADDRESS: usize = 254;

/// Reads a domain, or all below one by a dot before it. Whether it is that, and the domain in small letters.
pub(crate) fn domain(text: &str) -> Result<(bool, String), Fault> {
    let (below, name) = match text.strip_prefix('.') {
        Some(name) => (true, name),
        None => (false, text),
    };
    // Internationalised ones as their senders write them: with or without SMTPUTF8.
    let letters: String = name
        .chars()
        .map(|it| if it.is_alphanumeric() { 'x' } else { it })
        .collect();
    if is_host_name(&letters) && !name.ends_with('.') && name.len() <= 253 {
        return Ok((below, name.to_lowercase()));
    }
    Err(Fault::new(
        format!("{} is not a domain", quote(text)),
        "write a domain, as `\"example.org\"`, or `\".example.org\"` for all below it",
    ))
}

/// Reads an address, or a local part with `@` behind it. In small letters.
pub(crate) fn user(text: &str) -> Result<String, Fault> {
    let sound = text.len() <= ADDRESS
        && !text.contains(|it: char| it.is_whitespace() || it.is_control() || "<>".contains(it))
        && text.rsplit_once('@').is_some_and(|(local, of)| {
            !local.is_empty() && (of.is_empty() || domain(of).is_ok_and(|(below, _)| !below))
        });
    if sound {
        return Ok(text.to_lowercase());
    }
    Err(Fault::new(
        format!("{} is not an address", quote(text)),
        "write an address, as `\"a@example.org\"`, or `\"a@\"` for any domain",
    ))
}

/// Reads the text of a reply.
pub(crate) fn reply(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() || text.len() > REPLY {
        return Err(Fault::new(
            format!("{} is no text of a reply", quote(text)),
            format!("write 1 to {REPLY} octets, as `\"Access denied\"`"),
        ));
    }
    template::check(
        text,
        &PLACEHOLDERS,
        "write printable ASCII, as `\"Access denied\"`",
        "write `{client}`, `{sender}` or `{reason}`, and no other braces",
    )?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (text, below, name) in [
            ("Example.org", false, "example.org"),
            (".Example.org", true, "example.org"),
            ("münchen.example", false, "münchen.example"),
        ] {
            assert_eq!(domain(text), Ok((below, name.to_owned())));
        }
        for text in [
            "",
            ".",
            "a b",
            "example.org.",
            "a@b",
            "..x",
            "-a.example",
            "x\r\n",
        ] {
            assert!(domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn users() {
        for (text, read) in [("A@Example.org", "a@example.org"), ("noreply@", "noreply@")] {
            assert_eq!(user(text).as_deref(), Ok(read));
        }
        for text in ["", "@", "@a", "a", "a@.b", "<a@b>", "a b@c", "a@b\r\n"] {
            assert!(user(text).is_err(), "{text}");
        }
    }

    #[test]
    fn replies_are_one_line() {
        assert!(reply("Go away, {client}: {reason} ({sender})").is_ok());
        for text in [
            "",
            " ",
            "a\r\n250 ok",
            "é",
            "{helo}",
            "{",
            "a}",
            &"x".repeat(201),
        ] {
            assert!(reply(text).is_err(), "{text}");
        }
    }
}
