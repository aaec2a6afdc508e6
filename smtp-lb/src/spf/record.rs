//! The text of a record (sections 4.5 to 6, appendix of collected ABNF: section 12).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::macros::MacroString;

/// A record whose syntax is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) explanation: Option<MacroString>,
}

/// A mechanism, and what it means if it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) qualifier: Qualifier,
    pub(super) mechanism: Mechanism,
    /// As it is published.
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Cidr),
    Mx(Option<MacroString>, Cidr),
    Ptr(Option<MacroString>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(MacroString),
}

/// Prefix lengths, 0 to 32 and 0 to 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cidr {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// Section 3.1.
    #[error("it is not all printable ASCII")]
    NotAscii,
    /// Section 4.6.1.
    #[error("unknown mechanism {0:?}")]
    UnknownMechanism(String),
    /// Section 5.
    #[error("{0:?} has what the mechanism does not take, or lacks what it must have")]
    Argument(String),
    /// Section 5.6.
    #[error("{0:?} has no such address or network")]
    Network(String),
    /// Sections 5.3 and 5.6.
    #[error("{0:?} has no such prefix length")]
    Prefix(String),
    /// Section 7.1.
    #[error("{0:?} is no macro-string for this place")]
    Macro(String),
    /// Section 7.1.
    #[error("{0:?} does not end in a domain")]
    DomainSpec(String),
    /// Section 6.
    #[error("{0}= stands in it more than once")]
    Twice(&'static str),
}

impl Record {
    /// Whether a TXT record is one of SPF (section 4.5).
    #[must_use]
    pub fn is_one(text: &[u8]) -> bool {
        let version = b"v=spf1";
        text.get(..version.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(version))
            && matches!(text.get(version.len()), None | Some(b' '))
    }

    /// Parses a record that [`is_one`](Self::is_one).
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let printable = text.iter().all(|octet| matches!(octet, b' '..=b'~'));
        let text = match str::from_utf8(text) {
            Ok(text) if printable => text,
            _ => return Err(SyntaxError::NotAscii),
        };
        let mut record = Self {
            directives: Vec::new(),
            redirect: None,
            explanation: None,
        };
        // The version is a term of no meaning here.
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            record.term(term)?;
        }
        Ok(record)
    }

    fn term(&mut self, term: &str) -> Result<(), SyntaxError> {
        let Some((name, value)) = modifier(term) else {
            self.directives.push(Directive::parse(term)?);
            return Ok(());
        };
        let (slot, name) = if name.eq_ignore_ascii_case("redirect") {
            (&mut self.redirect, "redirect")
        } else if name.eq_ignore_ascii_case("exp") {
            (&mut self.explanation, "exp")
        } else {
            // Unknown ones are ignored, once they are what the grammar lets them be.
            return MacroString::parse(value).map(drop);
        };
        match slot.replace(MacroString::domain_spec(value)?) {
            None => Ok(()),
            Some(_) => Err(SyntaxError::Twice(name)),
        }
    }
}

/// Name and value, if the term is a modifier: `=` right after a name.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
    good.then_some((name, value))
}

impl Directive {
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut chars = text.chars();
        let qualifier = match chars.next() {
            Some('+') => Some(Qualifier::Pass),
            Some('-') => Some(Qualifier::Fail),
            Some('~') => Some(Qualifier::SoftFail),
            Some('?') => Some(Qualifier::Neutral),
            _ => None,
        };
        let bare = if qualifier.is_some() {
            chars.as_str()
        } else {
            text
        };
        Ok(Self {
            qualifier: qualifier.unwrap_or(Qualifier::Pass),
            mechanism: Mechanism::parse(bare)?,
            text: text.to_owned(),
        })
    }
}

impl Mechanism {
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let at = text.find([':', '/']).unwrap_or(text.len());
        let (name, rest) = text.split_at(at);
        let argument = || SyntaxError::Argument(text.to_owned());
        let value = rest.strip_prefix(':');
        match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Ok(Self::All),
            "include" => MacroString::domain_spec(value.ok_or_else(argument)?).map(Self::Include),
            "exists" => MacroString::domain_spec(value.ok_or_else(argument)?).map(Self::Exists),
            "a" => dual(rest).map(|(domain, cidr)| Self::A(domain, cidr)),
            "mx" => dual(rest).map(|(domain, cidr)| Self::Mx(domain, cidr)),
            "ptr" if rest.is_empty() => Ok(Self::Ptr(None)),
            "ptr" => {
                let domain = MacroString::domain_spec(value.ok_or_else(argument)?)?;
                Ok(Self::Ptr(Some(domain)))
            }
            "ip4" => {
                let (address, prefix) = network(value.ok_or_else(argument)?, 32)?;
                let address = address
                    .parse()
                    .map_err(|_| SyntaxError::Network(text.to_owned()));
                Ok(Self::Ip4(address?, prefix))
            }
            "ip6" => {
                let (address, prefix) = network(value.ok_or_else(argument)?, 128)?;
                let address = address
                    .parse()
                    .map_err(|_| SyntaxError::Network(text.to_owned()));
                Ok(Self::Ip6(address?, prefix))
            }
            "all" => Err(argument()),
            _ => Err(SyntaxError::UnknownMechanism(name.to_owned())),
        }
    }
}

/// An address and its prefix length, `most` if there is none.
fn network(text: &str, most: u8) -> Result<(&str, u8), SyntaxError> {
    match text.split_once('/') {
        None => Ok((text, most)),
        Some((address, length)) => Ok((address, prefix(length, most)?)),
    }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`
fn dual(rest: &str) -> Result<(Option<MacroString>, Cidr), SyntaxError> {
    let mut cidr = Cidr { v4: 32, v6: 128 };
    // Lengths stand at the end; what is before them may have slashes of its own.
    let mut head = rest;
    if let Some((before, length)) = ending(head, "//") {
        cidr.v6 = prefix(length, 128)?;
        head = before;
    }
    if let Some((before, length)) = ending(head, "/")
        && !before.ends_with('/')
    {
        cidr.v4 = prefix(length, 32)?;
        head = before;
    }
    if head.is_empty() {
        return Ok((None, cidr));
    }
    let domain = head.strip_prefix(':');
    let domain = domain.ok_or_else(|| SyntaxError::Argument(rest.to_owned()))?;
    Ok((Some(MacroString::domain_spec(domain)?), cidr))
}

/// What is before and after `mark`, if only digits are after it.
fn ending<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (before, digits) = text.rsplit_once(mark)?;
    let good = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    good.then_some((before, digits))
}

/// A prefix length without zeros before it.
fn prefix(text: &str, most: u8) -> Result<u8, SyntaxError> {
    let plain = text == "0" || !text.starts_with(['0', '+']);
    match text.parse() {
        Ok(length) if plain && length <= most => Ok(length),
        _ => Err(SyntaxError::Prefix(text.to_owned())),
    }
}
