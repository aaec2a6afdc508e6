//! Commands (RFC 5321, 4.1.1, and the extensions that we carry): one line in, its meaning out.
//!
//! Strict, but for what servers have always borne and what cannot be read two ways: words in any
//! case, white space at the end of a line, spaces after `FROM:` and `TO:`.

use std::fmt;

use super::ehlo::Extensions;
use super::parameter::{Of, Parameters};
use super::path::{self, Path};

/// Octets of the name in EHLO and HELO.
const NAME: usize = 255;

/// Characters of the name of a SASL mechanism (RFC 4422, 3.1).
const MECHANISM: usize = 20;

/// A command. Those without fields have arguments that nobody needs, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 5321 and its extensions")]
pub enum Command<'a> {
    /// The name is printable ASCII without a space, at most 255 octets: clients give names that
    /// are no domains, and servers bear it.
    Ehlo(&'a str),
    /// As EHLO.
    Helo(&'a str),
    Mail(Mail<'a>),
    Rcpt(Rcpt<'a>),
    Data,
    Bdat(Chunk),
    Auth(Auth<'a>),
    StartTls,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    Etrn,
    Xclient,
    Xforward,
    /// A request or header of HTTP: somebody makes a browser talk to us. `221 2.7.0`, close.
    Http,
    /// A PROXY header where none is expected.
    Proxy,
    /// `500 5.5.2`, or `502`.
    Unknown,
}

/// `MAIL FROM:<path> parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mail<'a> {
    /// May be null.
    pub path: Path<'a>,
    /// Those of MAIL.
    pub parameters: Parameters<'a>,
    /// The whole command without white space at its end, and without CR LF.
    pub line: &'a [u8],
}

impl Mail<'_> {
    /// What a member must offer to be sent this.
    #[must_use]
    pub fn needs(&self) -> Extensions {
        self.parameters.needs()
    }
}

/// `RCPT TO:<path> parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rcpt<'a> {
    /// Never null. May be UTF-8, though only its MAIL says whether that is allowed: see
    /// [`needs`](Self::needs).
    pub path: Path<'a>,
    /// Those of RCPT.
    pub parameters: Parameters<'a>,
    /// As in [`Mail`].
    pub line: &'a [u8],
}

impl Rcpt<'_> {
    /// What a member must offer to be sent this. With SMTPUTF8, and a MAIL that did not ask for
    /// it, the command is refused: `553 5.6.7`.
    #[must_use]
    pub fn needs(&self) -> Extensions {
        let needs = self.parameters.needs();
        if self.line.is_ascii() {
            needs
        } else {
            needs.with(Extensions::SMTPUTF8)
        }
    }
}

/// `BDAT size [LAST]` (RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command.
    pub size: u64,
    /// The message ends with them.
    pub last: bool,
}

/// `AUTH mechanism [initial-response]` (RFC 4954).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// As written: in capitals or not.
    pub mechanism: &'a str,
    /// Is there an initial response?
    pub initial: bool,
    /// As in [`Mail`]. Holds a secret if `initial`.
    pub line: &'a [u8],
}

/// Without the line, which may hold a password.
impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("mechanism", &self.mechanism)
            .field("initial", &self.initial)
            .finish_non_exhaustive()
    }
}

/// Why a line is no command. Each names the reply that operators expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandFault {
    /// `500 5.5.2`: empty, or control characters, or not UTF-8.
    #[error("syntax error")]
    Syntax,
    /// `501 5.5.4`: an argument is missing, too many or malformed.
    #[error("bad argument")]
    Argument,
    /// `555 5.5.4`: a parameter is unknown, doubled or malformed.
    #[error("bad parameter")]
    Parameter,
    /// `553 5.6.7`: not ASCII, without SMTPUTF8; or neither ASCII nor UTF-8.
    #[error("address outside ASCII")]
    NonAscii,
    /// `501 5.1.7`.
    #[error("bad sender address")]
    Sender,
    /// `501 5.1.3`.
    #[error("bad recipient address")]
    Recipient,
    /// `501 5.5.4`, and close: where the chunk ends is not known.
    #[error("bad chunk size")]
    ChunkSize,
}

/// What a line, without its CR LF, says.
pub fn parse(line: &[u8]) -> Result<Command<'_>, CommandFault> {
    let line = trim_end(line);
    if line.is_empty() || line.iter().any(u8::is_ascii_control) {
        return Err(CommandFault::Syntax);
    }
    let (word, rest) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    };
    let Ok(argument) = rest.map(str::from_utf8).transpose() else {
        return Err(if is_any(word, &["MAIL", "RCPT"]) {
            CommandFault::NonAscii
        } else {
            CommandFault::Syntax
        });
    };
    let none = |command| match argument {
        None => Ok(command),
        Some(_) => Err(CommandFault::Argument),
    };
    // No word that we know is longer; the longer ones need no capitals.
    let mut capitals = [0; 8];
    let known = capitals.get_mut(..word.len()).unwrap_or_default();
    known.copy_from_slice(&word[..known.len()]);
    known.make_ascii_uppercase();
    match &*known {
        b"EHLO" => name(argument).map(Command::Ehlo),
        b"HELO" => name(argument).map(Command::Helo),
        b"MAIL" => mail(line, argument),
        b"RCPT" => rcpt(line, argument),
        b"DATA" => none(Command::Data),
        b"BDAT" => chunk(argument).ok_or(CommandFault::ChunkSize),
        b"AUTH" => auth(line, argument).ok_or(CommandFault::Argument),
        b"STARTTLS" => none(Command::StartTls),
        b"RSET" => none(Command::Rset),
        b"QUIT" => none(Command::Quit),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" => Ok(Command::Vrfy),
        b"EXPN" => Ok(Command::Expn),
        b"ETRN" => Ok(Command::Etrn),
        b"XCLIENT" => Ok(Command::Xclient),
        b"XFORWARD" => Ok(Command::Xforward),
        b"PROXY" => Ok(Command::Proxy),
        _ if is_http(word, line) => Ok(Command::Http),
        _ => Ok(Command::Unknown),
    }
}

/// RFC 5321, 4.1.1: servers should tolerate it.
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&c| c != b' ' && c != b'\t');
    &line[..end.map_or(0, |at| at + 1)]
}

fn is_any(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w.as_bytes()))
}

/// A method of HTTP, or a header: a name, white space perhaps, and a colon.
fn is_http(word: &[u8], line: &[u8]) -> bool {
    let methods = [
        "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI",
    ];
    let is_name = |&c: &u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let header = memchr::memchr(b':', line).is_some_and(|colon| {
        let name = trim_end(&line[..colon]);
        !name.is_empty() && name.iter().all(is_name)
    });
    header || is_any(word, &methods)
}

fn name(argument: Option<&str>) -> Result<&str, CommandFault> {
    argument
        .filter(|name| name.len() <= NAME && name.bytes().all(|c| c.is_ascii_graphic()))
        .filter(|name| !name.is_empty())
        .ok_or(CommandFault::Argument)
}

/// What follows `FROM:` or `TO:` and any spaces after that.
fn after_key<'a>(argument: Option<&'a str>, key: &str) -> Result<&'a str, CommandFault> {
    argument
        .and_then(|argument| argument.split_at_checked(key.len()))
        .filter(|(found, _)| found.eq_ignore_ascii_case(key))
        .map(|(_, rest)| rest.trim_start_matches(' '))
        .ok_or(CommandFault::Argument)
}

fn mail<'a>(line: &'a [u8], argument: Option<&'a str>) -> Result<Command<'a>, CommandFault> {
    let rest = after_key(argument, "FROM:")?;
    let (path, rest) = path::split(rest)
        .filter(|(path, _)| path.is_null() || path.domain().is_some())
        .ok_or(CommandFault::Sender)?;
    let parameters = Parameters::parse(rest, Of::Mail)?;
    if !line.is_ascii() && !parameters.has("SMTPUTF8") {
        return Err(CommandFault::NonAscii);
    }
    Ok(Command::Mail(Mail {
        path,
        parameters,
        line,
    }))
}

fn rcpt<'a>(line: &'a [u8], argument: Option<&'a str>) -> Result<Command<'a>, CommandFault> {
    let rest = after_key(argument, "TO:")?;
    let (path, rest) = path::split(rest)
        .filter(|(path, _)| !path.is_null())
        .ok_or(CommandFault::Recipient)?;
    Ok(Command::Rcpt(Rcpt {
        path,
        parameters: Parameters::parse(rest, Of::Rcpt)?,
        line,
    }))
}

fn chunk(argument: Option<&str>) -> Option<Command<'static>> {
    let (size, last) = match argument?.split_once(' ') {
        Some((size, last)) => (size, last.eq_ignore_ascii_case("LAST").then_some(true)?),
        None => (argument?, false),
    };
    // `parse` would take a sign.
    if !size.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let size = size.parse().ok()?;
    Some(Command::Bdat(Chunk { size, last }))
}

fn auth<'a>(line: &'a [u8], argument: Option<&'a str>) -> Option<Command<'a>> {
    let (mechanism, initial) = match argument?.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (argument?, None),
    };
    let good = is_mechanism(mechanism) && initial.is_none_or(is_base64);
    good.then_some(Command::Auth(Auth {
        mechanism,
        initial: initial.is_some(),
        line,
    }))
}

/// The name of a SASL mechanism, but in any case.
pub(super) fn is_mechanism(name: &str) -> bool {
    let is_part = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (1..=MECHANISM).contains(&name.len()) && name.bytes().all(is_part)
}

/// By its letters only; `=` alone is the empty response (RFC 4954, section 4).
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
    !text.is_empty() && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

#[cfg(test)]
mod tests;
