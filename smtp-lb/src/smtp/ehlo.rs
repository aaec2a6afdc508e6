//! EHLO (RFC 5321, 4.1.1.1): what a member offers, and what we offer.

use super::command::is_mechanism;
use super::line;
use super::reply::Reply;

/// SASL mechanisms that are kept of one member's offer.
const MECHANISMS: usize = 32;

/// A set of the extensions that mean something to us; all others are stripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions(u16);

#[allow(missing_docs, reason = "the words of their RFCs")]
impl Extensions {
    pub const NONE: Self = Self(0);
    pub const PIPELINING: Self = Self(1);
    pub const SIZE: Self = Self(1 << 1);
    pub const STARTTLS: Self = Self(1 << 2);
    pub const AUTH: Self = Self(1 << 3);
    pub const ENHANCED_STATUS_CODES: Self = Self(1 << 4);
    pub const EIGHT_BIT_MIME: Self = Self(1 << 5);
    pub const DSN: Self = Self(1 << 6);
    pub const SMTPUTF8: Self = Self(1 << 7);
    pub const CHUNKING: Self = Self(1 << 8);
    pub const REQUIRETLS: Self = Self(1 << 9);
    pub const XCLIENT: Self = Self(1 << 10);

    /// Keywords in the order in which they are offered.
    const KEYWORDS: [(Self, &'static str); 11] = [
        (Self::PIPELINING, "PIPELINING"),
        (Self::SIZE, "SIZE"),
        (Self::STARTTLS, "STARTTLS"),
        (Self::AUTH, "AUTH"),
        (Self::ENHANCED_STATUS_CODES, "ENHANCEDSTATUSCODES"),
        (Self::EIGHT_BIT_MIME, "8BITMIME"),
        (Self::DSN, "DSN"),
        (Self::SMTPUTF8, "SMTPUTF8"),
        (Self::CHUNKING, "CHUNKING"),
        (Self::REQUIRETLS, "REQUIRETLS"),
        (Self::XCLIENT, "XCLIENT"),
    ];

    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All of `other`?
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Octets, CR LF included, of the command line that `front` begins, where these are offered:
    /// RFC 5321's 512, and what the parameters of each extension add to MAIL and RCPT; 12,288 for AUTH (RFC 4954,
    /// section 4).
    #[must_use]
    pub fn line_limit(self, front: &[u8]) -> usize {
        let verb = front.get(..4).unwrap_or_default();
        let sum = |added: &[(Self, usize)]| {
            let offered = added.iter().filter(|(e, _)| self.contains(*e));
            line::LIMIT + offered.map(|(_, octets)| octets).sum::<usize>()
        };
        if verb.eq_ignore_ascii_case(b"AUTH") {
            12_288
        } else if verb.eq_ignore_ascii_case(b"MAIL") {
            sum(&[
                (Self::SIZE, 26),
                (Self::EIGHT_BIT_MIME, 17),
                (Self::DSN, 116),
                (Self::AUTH, 500),
                (Self::SMTPUTF8, 10),
                (Self::REQUIRETLS, 11),
            ])
        } else if verb.eq_ignore_ascii_case(b"RCPT") {
            sum(&[(Self::DSN, 536)])
        } else {
            line::LIMIT
        }
    }
}

/// Names of SASL mechanisms in capitals, in the order of the first who offered them. At most 32.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mechanisms(Vec<Box<str>>);

impl Mechanisms {
    fn parse(words: &str) -> Self {
        let mut list = Self::default();
        for name in words.split_ascii_whitespace().filter(|w| is_mechanism(w)) {
            if list.0.len() < MECHANISMS && !list.contains(name) {
                list.0.push(name.to_ascii_uppercase().into_boxed_str());
            }
        }
        list
    }

    /// Their names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In capitals or not.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// What an EHLO reply offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// AUTH is among them only with `mechanisms`.
    pub extensions: Extensions,
    /// Octets of a message at most. None with SIZE: no limit is stated.
    pub size: Option<u64>,
    /// With AUTH.
    pub mechanisms: Mechanisms,
}

impl Offer {
    /// What the lines after the first of an EHLO reply say. Nothing of a HELO reply.
    #[must_use]
    pub fn parse(reply: &Reply) -> Self {
        let mut offer = Self::default();
        let texts = reply.lines.iter().skip(1);
        for text in texts.filter_map(|text| str::from_utf8(text).ok()) {
            offer.take(text);
        }
        offer
    }

    fn take(&mut self, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let known = Extensions::KEYWORDS
            .iter()
            .find(|(_, keyword)| keyword.eq_ignore_ascii_case(word));
        let Some(&(extension, _)) = known else {
            return;
        };
        match extension {
            Extensions::SIZE => match rest.trim() {
                "" => {}
                octets => match octets.parse() {
                    // RFC 1870, section 4: no limit.
                    Ok(0) => {}
                    Ok(octets) => self.size = smaller(self.size, Some(octets)),
                    Err(_) => return,
                },
            },
            Extensions::AUTH => {
                self.mechanisms = Mechanisms::parse(rest);
                if self.mechanisms.is_empty() {
                    self.extensions = self.extensions.without(extension);
                    return;
                }
            }
            _ => {}
        }
        self.extensions = self.extensions.with(extension);
    }

    /// What both offer; the smaller size; mechanisms in the order of `self`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let names = self.mechanisms.iter();
        let names = names.filter(|name| other.mechanisms.contains(name));
        let both = Self {
            extensions: self.extensions.intersection(other.extensions),
            size: smaller(self.size, other.size),
            mechanisms: Mechanisms(names.map(Into::into).collect()),
        };
        both.consistent()
    }

    /// Only these extensions of it.
    #[must_use]
    pub fn only(mut self, extensions: Extensions) -> Self {
        self.extensions = self.extensions.intersection(extensions);
        self.consistent()
    }

    /// No size without SIZE, no AUTH without a mechanism, nor the other way round.
    fn consistent(mut self) -> Self {
        if !self.extensions.contains(Extensions::SIZE) {
            self.size = None;
        }
        if self.mechanisms.is_empty() || !self.extensions.contains(Extensions::AUTH) {
            self.extensions = self.extensions.without(Extensions::AUTH);
            self.mechanisms = Mechanisms::default();
        }
        self
    }

    /// Appends the whole `250` reply to EHLO. Never XCLIENT.
    pub fn render(&self, hostname: &str, out: &mut Vec<u8>) {
        let mut text = hostname.to_owned();
        let mut line = |separator: char, text: &str| {
            out.extend_from_slice(format!("250{separator}{text}\r\n").as_bytes());
        };
        let ours = self.extensions.without(Extensions::XCLIENT);
        for (extension, keyword) in Extensions::KEYWORDS {
            if !ours.contains(extension) {
                continue;
            }
            line('-', &text);
            keyword.clone_into(&mut text);
            if extension == Extensions::SIZE
                && let Some(size) = self.size
            {
                text = format!("SIZE {size}");
            }
            if extension == Extensions::AUTH {
                for name in self.mechanisms.iter() {
                    text.push(' ');
                    text.push_str(name);
                }
            }
        }
        line(' ', &text);
    }

    /// What may go through from members to clients. STARTTLS is not among it, since each leg has
    /// its own, nor XCLIENT, which is for us. REQUIRETLS needs TLS on both legs, AUTH on the
    /// client's.
    #[must_use]
    pub const fn carried() -> Extensions {
        Extensions::PIPELINING
            .with(Extensions::SIZE)
            .with(Extensions::AUTH)
            .with(Extensions::ENHANCED_STATUS_CODES)
            .with(Extensions::EIGHT_BIT_MIME)
            .with(Extensions::DSN)
            .with(Extensions::SMTPUTF8)
            .with(Extensions::CHUNKING)
            .with(Extensions::REQUIRETLS)
    }
}

/// None is no limit.
fn smaller(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
