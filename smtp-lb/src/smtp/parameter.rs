//! Parameters of MAIL and RCPT (RFC 5321, 4.1.2): those of the extensions that we carry.

use super::command::CommandFault;
use super::ehlo::Extensions;

/// Checked parameters of one command. They go on byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'a>(&'a str);

/// Whose parameters they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Mail,
    Rcpt,
}

impl<'a> Parameters<'a> {
    /// Of what follows the path: nothing, or each after one space.
    pub(super) fn parse(text: &'a str, of: Of) -> Result<Self, CommandFault> {
        let Some(list) = text.strip_prefix(' ') else {
            return if text.is_empty() {
                Ok(Self(""))
            } else {
                Err(CommandFault::Argument)
            };
        };
        if list.is_empty() {
            return Err(CommandFault::Parameter);
        }
        for (at, (keyword, value)) in pairs(list).enumerate() {
            check(of, keyword, value)?;
            let mut earlier = pairs(list).take(at);
            if earlier.any(|(other, _)| other.eq_ignore_ascii_case(keyword)) {
                return Err(CommandFault::Parameter);
            }
        }
        Ok(Self(list))
    }

    /// Keyword as written, and what follows its `=`.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        pairs(self.0)
    }

    /// Is it there? In capitals or not is all the same.
    #[must_use]
    pub fn has(&self, keyword: &str) -> bool {
        self.iter().any(|(k, _)| k.eq_ignore_ascii_case(keyword))
    }

    /// The value of a keyword that is there and has one.
    #[must_use]
    pub fn value(&self, keyword: &str) -> Option<&'a str> {
        self.iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(keyword))?
            .1
    }

    /// Octets that the client says the message has (RFC 1870). What is past `u64` is its
    /// greatest: more than any server takes.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        Some(self.value("SIZE")?.parse().unwrap_or(u64::MAX))
    }

    /// What a member must offer to be sent these.
    #[must_use]
    pub fn needs(&self) -> Extensions {
        self.iter().fold(Extensions::NONE, |needs, (keyword, _)| {
            needs.with(extension(keyword))
        })
    }
}

fn pairs(list: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let words = list.split(' ').filter(|_| !list.is_empty());
    words.map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })
}

/// Which extension a keyword, known by [`check`], belongs to.
fn extension(keyword: &str) -> Extensions {
    match keyword.to_ascii_uppercase().as_str() {
        "SIZE" => Extensions::SIZE,
        "BODY" => Extensions::EIGHT_BIT_MIME,
        "SMTPUTF8" => Extensions::SMTPUTF8,
        "AUTH" => Extensions::AUTH,
        "REQUIRETLS" => Extensions::REQUIRETLS,
        "RET" | "ENVID" | "NOTIFY" | "ORCPT" => Extensions::DSN,
        _ => Extensions::NONE,
    }
}

/// A keyword that we do not carry is a bad parameter, a value that its RFC does not know a bad
/// argument.
fn check(of: Of, keyword: &str, value: Option<&str>) -> Result<(), CommandFault> {
    if value.is_some_and(|value| !is_value(value)) {
        return Err(CommandFault::Parameter);
    }
    let good = match (of, keyword.to_ascii_uppercase().as_str(), value) {
        (Of::Mail, "SMTPUTF8" | "REQUIRETLS", None) => true,
        (Of::Mail, "SIZE", Some(v)) => v.len() <= 20 && v.bytes().all(|c| c.is_ascii_digit()),
        // RFC 3030's BINARYMIME is never offered, so it is an unknown parameter.
        (Of::Mail, "BODY", Some(v)) if v.eq_ignore_ascii_case("BINARYMIME") => {
            return Err(CommandFault::Parameter);
        }
        (Of::Mail, "BODY", Some(v)) => is_one_of(v, &["7BIT", "8BITMIME"]),
        (Of::Mail, "RET", Some(v)) => is_one_of(v, &["FULL", "HDRS"]),
        (Of::Mail, "ENVID", Some(v)) => v.len() <= 100 && is_xtext(v),
        (Of::Mail, "AUTH", Some(v)) => v == "<>" || is_xtext(v),
        (Of::Rcpt, "NOTIFY", Some(v)) => {
            v.eq_ignore_ascii_case("NEVER")
                || v.split(',')
                    .all(|v| is_one_of(v, &["SUCCESS", "FAILURE", "DELAY"]))
        }
        (Of::Rcpt, "ORCPT", Some(v)) => match v.split_once(';') {
            Some((kind, address)) => v.len() <= 500 && !kind.is_empty() && is_xtext(address),
            None => false,
        },
        (Of::Mail, "SMTPUTF8" | "REQUIRETLS", Some(_))
        | (Of::Mail, "SIZE" | "BODY" | "RET" | "ENVID" | "AUTH", None)
        | (Of::Rcpt, "NOTIFY" | "ORCPT", None) => false,
        _ => return Err(CommandFault::Parameter),
    };
    good.then_some(()).ok_or(CommandFault::Argument)
}

/// esmtp-value of RFC 5321 and 6531: neither `=`, space nor control character.
fn is_value(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c == '=' || c == ' ' || c.is_control())
}

fn is_one_of(value: &str, words: &[&str]) -> bool {
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// RFC 3461, section 4: `+` begins two hexadecimal digits. [`is_value`] has seen to the rest.
fn is_xtext(value: &str) -> bool {
    let is_hex = |c: Option<&u8>| c.is_some_and(u8::is_ascii_hexdigit);
    let mut coded = value.split('+').skip(1).map(str::as_bytes);
    !value.is_empty() && coded.all(|after| is_hex(after.first()) && is_hex(after.get(1)))
}

#[cfg(test)]
mod tests;
