//! The `Received-SPF` field (section 9.1).

use std::fmt::Write;

use super::outcome::{Outcome, Verdict};
use super::query::{Identity, Query};

/// Octets of one value. What is longer says nothing that a reader needs.
const LONGEST_VALUE: usize = 320;

/// The field with its name and CR LF at the end of each line. It belongs above all other fields of
/// its name. No line is longer than 998 octets; nothing that a client said can end one.
#[must_use]
pub fn received_spf(query: &Query, outcome: &Outcome) -> String {
    let domain = printable(&query.domain, |c| {
        c.is_ascii_alphanumeric() || "-._".contains(c)
    });
    let client = query.client();
    let receiver = quoted(&query.receiver);
    let said = match outcome.verdict {
        Verdict::Pass => format!("domain of {domain} designates {client} as permitted sender"),
        Verdict::Fail => {
            format!("domain of {domain} does not designate {client} as permitted sender")
        }
        Verdict::SoftFail => {
            format!(
                "transitioning domain of {domain} does not designate {client} as permitted sender"
            )
        }
        Verdict::Neutral => {
            format!("{client} is neither permitted nor denied by domain of {domain}")
        }
        Verdict::None => format!("domain of {domain} does not designate permitted sender hosts"),
        Verdict::TempError => format!("temporary error in processing during lookup of {domain}"),
        Verdict::PermError => format!("permanent error in processing during lookup of {domain}"),
    };
    let receiver_word = printable(&query.receiver, |c| {
        c.is_ascii_alphanumeric() || "-._".contains(c)
    });
    let mut field = format!(
        "Received-SPF: {} ({receiver_word}: {said})\r\n",
        outcome.verdict
    );
    let identity = match query.identity {
        Identity::MailFrom => "mailfrom",
        Identity::Helo => "helo",
    };
    let mut pairs = vec![
        ("receiver", receiver),
        ("identity", identity.to_owned()),
        ("client-ip", quoted(&client.to_string())),
        ("envelope-from", quoted(&query.sender())),
        ("helo", quoted(&query.helo)),
    ];
    let mechanism = match (outcome.directive.as_deref(), outcome.verdict) {
        (None, Verdict::Neutral) => Some("default"),
        (directive, _) => directive,
    };
    pairs.extend(mechanism.map(|it| ("mechanism", quoted(it))));
    let problem = outcome.problem.as_ref().map(ToString::to_string);
    pairs.extend(problem.map(|it| ("problem", quoted(&it))));
    let last = pairs.len() - 1;
    for (at, (key, value)) in pairs.iter().enumerate() {
        let end = if at == last { "" } else { ";" };
        // Writing to a String cannot fail.
        let _ = write!(field, "\t{key}={value}{end}\r\n");
    }
    field
}

/// `value` as a dot-atom if it is one, else as a quoted-string.
fn quoted(value: &str) -> String {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if value.len() <= LONGEST_VALUE
        && !value.is_empty()
        && value
            .split('.')
            .all(|it| !it.is_empty() && it.chars().all(atom))
    {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for c in value.chars().take(LONGEST_VALUE) {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    text.push('"');
    text
}

fn printable(value: &str, good: impl Fn(char) -> bool) -> String {
    let shown = value.chars().take(LONGEST_VALUE);
    shown.map(|c| if good(c) { c } else { '?' }).collect()
}
