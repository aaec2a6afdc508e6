//! Where a secret is had from. What is written may by mistake be the secret itself, so no fault
//! repeats it.

use super::{Fault, text};
use crate::config::plan::Secret;

/// Longest name of an environment variable.
const MAX_NAME: usize = 255;

/// Reads `"file:PATH"` or `"env:NAME"`. `example` is a path to show how it is done.
pub(crate) fn parse(written: &str, example: &str) -> Result<Secret, Fault> {
    if let Some(path) = written.strip_prefix("file:") {
        return text::path(path).map(Secret::File).map_err(|_| {
            Fault::new(
                "`file:` is not followed by an absolute path",
                format!("write `\"file:{example}\"`, with the whole path"),
            )
        });
    }
    if let Some(name) = written.strip_prefix("env:") {
        return if is_variable(name) {
            Ok(Secret::Env(name.to_owned()))
        } else {
            Err(Fault::new(
                "`env:` is not followed by the name of an environment variable",
                "write letters, digits and `_`, as `\"env:MX_SECRET\"`",
            ))
        };
    }
    if written.starts_with('/') && !written.contains('\n') {
        return Err(Fault::new(
            "a secret's file is named by `file:` and its path",
            "write `file:` in front of the path",
        ));
    }
    let message = if written.contains("-----BEGIN") {
        "a key may not stand in the configuration"
    } else {
        "a secret may not stand in the configuration"
    };
    Err(Fault::new(
        message,
        format!(
            "put it into a file that only its user can read, and write `\"file:{example}\"`; \
             or into the environment, and write `\"env:NAME\"`"
        ),
    ))
}

fn is_variable(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "/etc/x.key";

    #[test]
    fn references() {
        for (text, secret) in [
            ("file:/etc/k", Secret::File("/etc/k".into())),
            ("file:/a b:c", Secret::File("/a b:c".into())),
            ("env:MX_KEY2", Secret::Env("MX_KEY2".into())),
            ("env:_", Secret::Env("_".into())),
        ] {
            assert_eq!(parse(text, EXAMPLE), Ok(secret), "{text}");
        }
        for (text, message) in [
            ("file:", "`file:` is not followed by an absolute path"),
            ("file:k", "`file:` is not followed by an absolute path"),
            ("file:/\0", "`file:` is not followed by an absolute path"),
            (
                "env:",
                "`env:` is not followed by the name of an environment variable",
            ),
            (
                "env:1A",
                "`env:` is not followed by the name of an environment variable",
            ),
            (
                "env:A-B",
                "`env:` is not followed by the name of an environment variable",
            ),
            ("/etc/k", "a secret's file is named by `file:` and its path"),
            ("hunter2", "a secret may not stand in the configuration"),
            ("", "a secret may not stand in the configuration"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA",
                "a key may not stand in the configuration",
            ),
        ] {
            let fault = parse(text, EXAMPLE).unwrap_err();
            assert_eq!(fault.message, message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_fault_repeats_what_was_written(secret in "[!-~]{12,80}", before in "(file:|env:|/|)") {
            if let Err(fault) = parse(&format!("{before}{secret}"), EXAMPLE) {
                prop_assert!(!fault.message.contains(&secret));
                prop_assert!(!fault.help.contains(&secret));
            }
        }
    }
}
