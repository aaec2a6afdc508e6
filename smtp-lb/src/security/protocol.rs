//! What RFC 5321 forbids and servers bear: refused by those who want it strict.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Octets of a local part (RFC 5321 section 4.5.3.1.1).
const LOCAL: usize = 64;

/// What is wrong, and the codes of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) codes: &'static str,
    pub(super) reason: &'static str,
}

/// Of the name in EHLO or HELO: a domain or an address literal (sections 2.3.5, 4.1.1.1 and 4.1.3).
pub(super) fn hello(name: &str) -> Option<Fault> {
    let literal = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let sound = match literal {
        Some(inner) => match inner.split_once(':') {
            Some((tag, rest)) if tag.eq_ignore_ascii_case("IPv6") => {
                rest.parse::<Ipv6Addr>().is_ok()
            }
            // A tag that is not known is none that is wrong.
            Some((tag, rest)) => !tag.is_empty() && !rest.is_empty() && !tag.contains('.'),
            None => inner.parse::<Ipv4Addr>().is_ok(),
        },
        None => is_domain(name),
    };
    (!sound).then_some(Fault {
        codes: "501 5.5.4",
        reason: "Neither a domain nor an address literal",
    })
}

fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address without its brackets is no domain: no top-level domain is a number.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.split('.').all(label) && !last.bytes().all(|it| it.is_ascii_digit())
}

/// Of a path, `codes` for a bad one. `loose`: there is white space before it.
pub(super) fn path(path: &str, loose: bool, codes: &'static str) -> Option<Fault> {
    if loose {
        return Some(Fault {
            codes: "501 5.5.2",
            reason: "White space before the path",
        });
    }
    let local = path.rsplit_once('@').map_or(path, |(local, _)| local);
    // Behind a source route, which is to be borne (appendix C).
    let local = match local.strip_prefix('@') {
        Some(route) => route.split_once(':').map_or(route, |(_, local)| local),
        None => local,
    };
    (local.len() > LOCAL).then_some(Fault {
        codes,
        reason: "Local part is too long",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_domains_or_literals() {
        for (name, sound) in [
            ("mx.example.org", true),
            ("localhost", true),
            ("WIN_7", true),
            ("[192.0.2.1]", true),
            ("[IPv6:2001:db8::1]", true),
            ("[ipv6:::1]", true),
            ("[x-tag:content]", true),
            ("192.0.2.1", false),
            ("[192.0.2.256]", false),
            ("[2001:db8::1]", true),
            ("[]", false),
            ("-mx.example", false),
            ("mx..example", false),
            ("mx.example.", false),
            ("m!x", false),
            ("[192.0.2.1", false),
        ] {
            assert_eq!(hello(name).is_none(), sound, "{name}");
        }
    }

    #[test]
    fn paths() {
        let long = format!("{}@b", "x".repeat(65));
        let fits = format!("@a,@b:{}@b", "x".repeat(64));
        for (text, loose, codes) in [
            ("a@b", false, None),
            ("", false, None),
            ("postmaster", false, None),
            (fits.as_str(), false, None),
            (long.as_str(), false, Some("501 5.1.7")),
            ("a@b", true, Some("501 5.5.2")),
        ] {
            let found = path(text, loose, "501 5.1.7").map(|it| it.codes);
            assert_eq!(found, codes, "{text}");
        }
    }
}
