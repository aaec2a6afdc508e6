//! Our name and banner.

use super::endpoint::is_host_name;
use super::{Fault, template};
use crate::config::diagnostic::quote;

/// Longest banner, our host name in place: with the code and a member's words it must fit into a
/// reply line of 512 octets (RFC 5321 section 4.5.3.1.5).
pub(crate) const MAX_BANNER: usize = 400;

const PLACEHOLDERS: [&str; 2] = ["{hostname}", "{member}"];

/// Reads the name of a host: what a greeting and EHLO may give.
pub(crate) fn host_name(text: &str) -> Result<String, Fault> {
    if is_host_name(text) && !text.ends_with('.') && !text.contains('_') {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a host name", quote(text)),
        "write a host name, as `\"mx.example.org\"`",
    ))
}

/// The machine's host name, if it can be said in EHLO.
pub(crate) fn machine() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().unwrap_or_default();
    host_name(name).unwrap_or_else(|_| "smtp-lb".to_owned())
}

/// Reads a template of the banner.
pub(crate) fn banner(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(
            "the banner is empty",
            "write a text, as `\"{hostname} ESMTP\"`",
        ));
    }
    template::check(
        text,
        &PLACEHOLDERS,
        "write printable ASCII, as `\"{hostname} ESMTP\"`",
        "write `{hostname}` or `{member}`, and no other braces",
    )?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn banners() {
        for text in [
            "{hostname} ESMTP",
            "ready",
            "{hostname}{member}",
            "{member} via {hostname}",
        ] {
            assert_eq!(banner(text).as_deref(), Ok(text));
        }
        for (text, message) in [
            ("", "the banner is empty"),
            ("  ", "the banner is empty"),
            ("a\r\n220 b", "`a\r\n220 b` is not one line of ASCII"),
            ("é", "`é` is not one line of ASCII"),
            ("{host}", "`{host}` is no placeholder"),
            ("{hostname", "`{` is no placeholder"),
            ("a } b", "`}` is no placeholder"),
            ("{{hostname}}", "`{{hostname}` is no placeholder"),
            ("{hostname}}", "`}` is no placeholder"),
            ("{HOSTNAME}", "`{HOSTNAME}` is no placeholder"),
        ] {
            assert_eq!(banner(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn names() {
        for text in ["mx.example.org", "mx"] {
            assert_eq!(host_name(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "mx.",
            "a b",
            "a_b",
            "[192.0.2.1]",
            "x\r\nQUIT",
            &"x.".repeat(130),
        ] {
            assert!(host_name(text).is_err(), "{text}");
        }
        assert!(host_name(&machine()).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-z{}é\n ]{0,20}") {
            let _ = banner(&text);
        }
    }
}
