//! Bad files and what is said of them: line, text underlined, message, help.

mod firewall;
mod flood;
mod log;
mod meaning;
mod monitor;
mod reputation;
mod scenario;
mod secret;
mod shape;
mod shown;
mod smtp_profile;
mod syntax;
mod tls;

use super::{SOUND, read};

/// Line, text at fault, message, help.
pub(super) type Said<'a> = (usize, &'a str, &'a str, &'a str);

#[track_caller]
pub(super) fn says(text: &str, expected: &[Said<'_>]) {
    let found = read(text).expect_err("it is wrong");
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.line, it.text, it.message, it.help))
        .collect();
    assert_eq!(found, expected, "\n{text}");
}
