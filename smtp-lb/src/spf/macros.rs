//! Macro-strings (section 7).

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

use super::name;
use super::query::Query;
use super::record::SyntaxError;

/// A macro-string, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Itself. `%%` and its like are such pieces of their own, marked as expanded.
    Literal {
        text: String,
        expanded: bool,
    },
    Macro(Macro),
}

/// `%{…}`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    /// In lower case.
    letter: Letter,
    /// It was an upper-case letter.
    escape: bool,
    /// Parts kept of the right-hand side.
    keep: Option<usize>,
    reverse: bool,
    /// `.` if none is given.
    delimiters: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Sender,
    Local,
    SenderDomain,
    Domain,
    Ip,
    Validated,
    Version,
    Helo,
    Client,
    Receiver,
    Time,
}

impl Letter {
    fn of(letter: char) -> Option<Self> {
        Some(match letter.to_ascii_lowercase() {
            's' => Self::Sender,
            'l' => Self::Local,
            'o' => Self::SenderDomain,
            'd' => Self::Domain,
            'i' => Self::Ip,
            'p' => Self::Validated,
            'v' => Self::Version,
            'h' => Self::Helo,
            'c' => Self::Client,
            'r' => Self::Receiver,
            't' => Self::Time,
            _ => return None,
        })
    }

    /// In explanations only (section 7.2).
    fn explains(self) -> bool {
        matches!(self, Self::Client | Self::Receiver | Self::Time)
    }
}

/// What letters stand for, beside the query itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) query: &'a Query,
    /// `<domain>`
    pub(super) domain: &'a str,
    /// The validated name of the client, where it was looked for.
    pub(super) validated: Option<&'a str>,
}

impl MacroString {
    /// Parses visible ASCII without spaces.
    pub(super) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let bad = || SyntaxError::Macro(text.to_owned());
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let (literal, tail) = rest.split_at(at);
            push(&mut pieces, literal, false);
            let mut after = tail.chars();
            after.next();
            match after.next() {
                Some('%') => push(&mut pieces, "%", true),
                Some('_') => push(&mut pieces, " ", true),
                Some('-') => push(&mut pieces, "%20", true),
                Some('{') => {
                    let (inner, tail) = after.as_str().split_once('}').ok_or_else(bad)?;
                    pieces.push(Piece::Macro(expansion(inner).ok_or_else(bad)?));
                    rest = tail;
                    continue;
                }
                _ => return Err(bad()),
            }
            rest = after.as_str();
        }
        push(&mut pieces, rest, false);
        Ok(Self(pieces))
    }

    /// Parses a domain-spec: no letter of explanations, and at its end a macro or a top label.
    pub(super) fn domain_spec(text: &str) -> Result<Self, SyntaxError> {
        let parsed = Self::parse(text)?;
        let explains = |piece: &Piece| match piece {
            Piece::Macro(it) => it.letter.explains(),
            Piece::Literal { .. } => false,
        };
        if parsed.0.iter().any(explains) {
            return Err(SyntaxError::Macro(text.to_owned()));
        }
        let ends = match parsed.0.last() {
            None => false,
            Some(Piece::Macro(_) | Piece::Literal { expanded: true, .. }) => true,
            Some(Piece::Literal { text, .. }) => {
                let text = text.strip_suffix('.').unwrap_or(text);
                text.rsplit_once('.').is_some_and(|(_, top)| top_label(top))
            }
        };
        if ends {
            Ok(parsed)
        } else {
            Err(SyntaxError::DomainSpec(text.to_owned()))
        }
    }

    /// Parses an explain-string, which may have spaces (section 6.2).
    pub(super) fn explanation(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// Whether the client's validated name is in it.
    pub(super) fn needs_validated(&self) -> bool {
        let needs = |piece: &Piece| match piece {
            Piece::Macro(it) => it.letter == Letter::Validated,
            Piece::Literal { .. } => false,
        };
        self.0.iter().any(needs)
    }

    /// The domain that it is, shortened from the left if it is too long. `None`: its last label
    /// alone is. It need not be a name of DNS.
    pub(super) fn domain(&self, values: Values<'_>) -> Option<String> {
        let mut parts: Vec<Cow<'_, str>> = Vec::new();
        let mut length = 0;
        // From the right: of what is too long only the end matters, and a long record of many macros
        // is not worth the memory.
        for piece in self.0.iter().rev() {
            let part = piece.expand(values);
            length += part.len();
            parts.push(part);
            if length > name::LONGEST + 2 {
                break;
            }
        }
        parts.reverse();
        name::shortened(&parts.concat()).map(str::to_owned)
    }

    /// The text that it is, cut after `most` octets.
    pub(super) fn text(&self, values: Values<'_>, most: usize) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            text.push_str(&piece.expand(values));
            if text.len() > most {
                break;
            }
        }
        while text.len() > most {
            text.pop();
        }
        text
    }
}

impl Piece {
    fn expand<'a>(&'a self, values: Values<'a>) -> Cow<'a, str> {
        match self {
            Self::Literal { text, .. } => Cow::Borrowed(text),
            Self::Macro(it) => it.expand(values),
        }
    }
}

impl Macro {
    fn expand<'a>(&self, values: Values<'a>) -> Cow<'a, str> {
        let value = value(self.letter, values);
        let plain = self.keep.is_none() && !self.reverse && self.delimiters == ".";
        let value = if plain {
            value
        } else {
            self.transform(&value).into()
        };
        if self.escape {
            escape(&value).into()
        } else {
            value
        }
    }

    fn transform(&self, value: &str) -> String {
        let mut parts: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.reverse {
            parts.reverse();
        }
        let keep = self.keep.unwrap_or(parts.len()).min(parts.len());
        parts.split_off(parts.len() - keep).join(".")
    }
}

fn push(pieces: &mut Vec<Piece>, text: &str, expanded: bool) {
    if !text.is_empty() {
        let text = text.to_owned();
        pieces.push(Piece::Literal { text, expanded });
    }
}

/// What stands between the braces.
fn expansion(inner: &str) -> Option<Macro> {
    let mut chars = inner.chars();
    let letter = chars.next()?;
    let rest = chars.as_str();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, rest) = rest.split_at(digits);
    let keep = match digits {
        "" => None,
        // Too large a number keeps all there is, as every number past the parts does.
        digits => Some(digits.parse().unwrap_or(usize::MAX)),
    };
    let reversed = rest.strip_prefix(['r', 'R']);
    let delimiters = reversed.unwrap_or(rest);
    if keep == Some(0) || !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
        return None;
    }
    Some(Macro {
        letter: Letter::of(letter)?,
        escape: letter.is_ascii_uppercase(),
        keep,
        reverse: reversed.is_some(),
        delimiters: if delimiters.is_empty() {
            "."
        } else {
            delimiters
        }
        .to_owned(),
    })
}

fn value(letter: Letter, values: Values<'_>) -> Cow<'_, str> {
    let query = values.query;
    match letter {
        Letter::Sender => query.sender().into(),
        Letter::Local => query.local.as_str().into(),
        Letter::SenderDomain => query.domain.as_str().into(),
        Letter::Domain => values.domain.into(),
        Letter::Ip => dotted(query.ip).into(),
        Letter::Validated => values.validated.unwrap_or("unknown").into(),
        Letter::Version => match query.ip {
            IpAddr::V4(_) => "in-addr",
            IpAddr::V6(_) => "ip6",
        }
        .into(),
        Letter::Helo => query.helo.as_str().into(),
        Letter::Client => query.ip.to_string().into(),
        Letter::Receiver => query.receiver.as_str().into(),
        Letter::Time => query.now.to_string().into(),
    }
}

/// With dots between all its parts: octets of IPv4, nibbles of IPv6.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let mut text = String::with_capacity(64);
            for octet in ip.octets() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{:x}.{:x}.", octet >> 4, octet & 15);
            }
            text.pop();
            text
        }
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            text.push(octet.into());
        } else {
            let _ = write!(text, "%{octet:02X}");
        }
    }
    text
}

/// `( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )`
fn top_label(label: &str) -> bool {
    label
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .any(|it| it.is_ascii_alphabetic() || it == b'-')
}
