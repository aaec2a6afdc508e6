//! The domain of a path, as DNS has it.

use std::borrow::Cow;

/// What stands behind the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain<'a> {
    /// Nothing: the null path, or a local part alone.
    None,
    /// An address literal (RFC 5321 section 4.1.3), with its brackets.
    Literal(&'a str),
    /// A name, in small letters and A-labels.
    Name(Cow<'a, str>),
    /// No name of DNS.
    Bad,
}

/// The domain of a path without brackets.
#[must_use]
pub fn of(path: &str) -> Domain<'_> {
    let Some((_, domain)) = path.rsplit_once('@') else {
        return Domain::None;
    };
    if domain.starts_with('[') {
        return Domain::Literal(domain);
    }
    name(domain)
}

/// A domain, as DNS has it.
#[must_use]
pub fn name(domain: &str) -> Domain<'_> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = if !domain.is_ascii() {
        match idna::domain_to_ascii(domain) {
            Ok(ascii) => Cow::Owned(ascii),
            Err(_) => return Domain::Bad,
        }
    } else if domain.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(domain.to_ascii_lowercase())
    } else {
        Cow::Borrowed(domain)
    };
    let fits = |label: &str| (1..=63).contains(&label.len());
    if ascii.len() <= 253 && ascii.split('.').all(fits) {
        Domain::Name(ascii)
    } else {
        Domain::Bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_of_paths() {
        let name = |text: &'static str| Domain::Name(text.into());
        let long = format!("a@{}", "x".repeat(64));
        for (path, domain) in [
            ("", Domain::None),
            ("postmaster", Domain::None),
            ("a@Example.ORG", name("example.org")),
            ("a@example.org.", name("example.org")),
            ("\"a@b\"@c.example", name("c.example")),
            ("a@bücher.example", name("xn--bcher-kva.example")),
            ("a@[192.0.2.1]", Domain::Literal("[192.0.2.1]")),
            ("a@", Domain::Bad),
            ("a@b..c", Domain::Bad),
            (&long, Domain::Bad),
        ] {
            assert_eq!(of(path), domain, "{path}");
        }
    }
}
