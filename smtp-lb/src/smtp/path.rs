//! Paths (RFC 5321, 4.1.2, with RFC 6531's UTF-8): who a message is from and for.
//!
//! More than the RFC's grammar passes where Postfix takes it and nobody can read it two ways:
//! dots anywhere in an unquoted local part, underscores in a domain.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Characters of a path with its brackets and source route (RFC 5321, 4.5.3.1.3).
const PATH: usize = 256;

/// Octets of a domain (RFC 5321, 4.5.3.1.2). A local part has no bound of its own: addresses
/// rewritten by forwarders pass the RFC's 64.
const DOMAIN: usize = 255;

/// What stood between `<` and `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<'a> {
    text: &'a str,
    local: &'a str,
    domain: Option<&'a str>,
}

impl<'a> Path<'a> {
    const NULL: Self = Self {
        text: "",
        local: "",
        domain: None,
    };

    /// All of it as it was written, with a source route if there was one.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Before the `@`, in its quotes if it has some. Empty in the null path.
    #[must_use]
    pub fn local(&self) -> &'a str {
        self.local
    }

    /// After the `@`; an address literal in its brackets. None for `<>` and `<postmaster>`.
    #[must_use]
    pub fn domain(&self) -> Option<&'a str> {
        self.domain
    }

    /// `<>`, the sender of bounces.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.text.is_empty()
    }

    /// Needs it no SMTPUTF8?
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

/// The path at the front of `text`, brackets and all, and what follows it.
pub(super) fn split(text: &str) -> Option<(Path<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    if let Some(after) = inner.strip_prefix('>') {
        return Some((Path::NULL, after));
    }
    let (local, domain, rest) = mailbox(source_route(inner)?)?;
    let after = rest.strip_prefix('>')?;
    let text = inner.get(..inner.len() - rest.len())?;
    let path = Path {
        text,
        local,
        domain,
    };
    (path.text.chars().count() + 2 <= PATH).then_some((path, after))
}

/// What follows `@a,@b:`, or all if there is no such thing.
fn source_route(mut text: &str) -> Option<&str> {
    if !text.starts_with('@') {
        return Some(text);
    }
    loop {
        let (_, rest) = domain(text.strip_prefix('@')?)?;
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return rest.strip_prefix(':'),
        }
    }
}

fn mailbox(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let end = if text.starts_with('"') {
        quoted_end(text)?
    } else {
        text.find(|c| !is_atom_or_dot(c))?
    };
    let (local, rest) = text.split_at(end);
    if local.is_empty() {
        return None;
    }
    match rest.strip_prefix('@') {
        Some(rest) => {
            let (domain, rest) = domain(rest)?;
            Some((local, Some(domain), rest))
        }
        // RFC 5321, 4.1.1.3: the one mailbox that every server has.
        None => local
            .eq_ignore_ascii_case("postmaster")
            .then_some((local, None, rest)),
    }
}

/// Octets of the quoted string that `text` begins with.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if c.is_control() => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_atom_or_dot(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || is_wide(c)
}

/// RFC 6531, 3.3: UTF8-non-ascii, without the control characters of Latin-1.
fn is_wide(c: char) -> bool {
    !c.is_ascii() && !c.is_control()
}

/// The domain or address literal at the front of `text`, and what follows it.
fn domain(text: &str) -> Option<(&str, &str)> {
    let (domain, rest) = if text.starts_with('[') {
        let (domain, rest) = text.split_at(text.find(']')? + 1);
        (is_literal(domain).then_some(domain)?, rest)
    } else {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || is_wide(c);
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        let (domain, rest) = text.split_at(end);
        (domain.split('.').all(is_label).then_some(domain)?, rest)
    };
    (domain.len() <= DOMAIN).then_some((domain, rest))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

/// RFC 5321, 4.1.3. `literal` has its brackets.
fn is_literal(literal: &str) -> bool {
    let inner = literal.trim_start_matches('[').trim_end_matches(']');
    if literal.len() != inner.len() + 2 {
        return false;
    }
    match inner.split_once(':') {
        None => inner.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        Some((tag, content)) => {
            let is_tag = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
            let is_content = |c: u8| c.is_ascii_graphic() && !b"[\\]".contains(&c);
            is_label(tag)
                && tag.bytes().all(is_tag)
                && !content.is_empty()
                && content.bytes().all(is_content)
        }
    }
}

#[cfg(test)]
mod tests;
