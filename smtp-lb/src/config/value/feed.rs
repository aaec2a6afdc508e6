//! Sources, categories and keys of reputation feeds.

use std::path::PathBuf;

use super::{Fault, endpoint, text};
use crate::config::diagnostic::quote;

/// Longest URL.
const MAX_URL: usize = 2048;
/// Octets of a minisign public key in base64.
const KEY: usize = 56;

/// A file or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Https(String),
}

/// Reads an absolute path or an `https://` URL.
pub(crate) fn source(text: &str) -> Result<Source, Fault> {
    if text.starts_with('/') {
        return text::path(text).map(Source::File);
    }
    let not_a_source = |help: &str| Fault::new(format!("{} is no source", quote(text)), help);
    if text.starts_with("http://") {
        return Err(not_a_source(
            "write an `https://` URL: what comes in the clear anybody may have written",
        ));
    }
    let Some(rest) = text.strip_prefix("https://") else {
        return Err(not_a_source("write an absolute path or an `https://` URL"));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let printable = text.bytes().all(|octet| octet.is_ascii_graphic());
    if text.len() > MAX_URL || !printable || host.is_empty() || host.contains('@') {
        return Err(not_a_source(
            "write it as `\"https://feeds.example.org/list.txt\"`",
        ));
    }
    let with_port = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'))
    {
        host.to_owned()
    } else {
        format!("{host}:443")
    };
    endpoint::parse(&with_port, 443)?;
    Ok(Source::Https(text.to_owned()))
}

/// Reads `host:port` of a proxy.
pub(crate) fn proxy(text: &str) -> Result<String, Fault> {
    endpoint::parse(text, 3128).map(|_| text.to_owned())
}

/// Reads a category: a name without blanks, as feeds write it.
pub(crate) fn category(text: &str) -> Result<String, Fault> {
    text::name(text)
}

/// Reads a public key of minisign.
pub(crate) fn public_key(text: &str) -> Result<String, Fault> {
    let base64 = |octet: u8| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet);
    if text.len() == KEY && text.starts_with("RW") && text.bytes().all(base64) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "that is no public key of minisign",
        "write the second line of the `.pub` file, 56 characters that begin with `RW`",
    ))
}

/// Reads the name of a column.
pub(crate) fn column(text: &str) -> Result<String, Fault> {
    if (1..=128).contains(&text.len()) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is no name of a column", quote(text)),
        "write it as the first line of the feed does",
    ))
}
