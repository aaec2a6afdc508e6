//! What the machine says by itself, each with its enhanced code (RFC 3463), and the relay of what
//! a member said.

use crate::smtp::reply::Reply;

pub(super) const OK: &str = "250 2.0.0 OK\r\n";
pub(super) const READY_FOR_TLS: &str = "220 2.0.0 Ready to start TLS\r\n";
pub(super) const BYE: &str = "221 2.0.0 Bye\r\n";
pub(super) const NO_HTTP: &str = "221 2.7.0 This is SMTP\r\n";
pub(super) const HELP: &str = "214 2.0.0 See RFC 5321\r\n";
pub(super) const WILL_TRY: &str = "252 2.0.0 Cannot verify, send it and see\r\n";

pub(super) const STOPPING: &str = "421 4.3.2 Service is stopping, closing\r\n";
pub(crate) const NO_SERVICE: &str = "421 4.3.2 No mail server can be had, closing\r\n";
pub(super) const MEMBER_LEAVES: &str = "421 4.3.2 Mail server goes out of service, closing\r\n";
pub(super) const TOO_SLOW: &str = "421 4.4.2 Too slow, closing\r\n";
pub(super) const TOO_MANY_BAD: &str = "421 4.7.0 Too many errors, closing\r\n";

pub(super) const NO_MEMBER: &str = "451 4.3.2 No mail server can be had, try again later\r\n";
pub(super) const LOST: &str = "451 4.4.2 Connection to the mail server was lost, try again\r\n";
pub(super) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 Too many recipients\r\n";
pub(super) const NO_AUTH_NOW: &str = "454 4.7.0 No mail server can be had, try again later\r\n";

pub(super) const BAD_LINE: &str = "500 5.5.2 Bare CR, bare LF or NUL in a command\r\n";
pub(super) const LINE_TOO_LONG: &str = "500 5.5.2 Command line too long\r\n";
pub(super) const SYNTAX: &str = "500 5.5.2 Syntax error\r\n";
pub(super) const UNKNOWN: &str = "500 5.5.1 Command unknown\r\n";
pub(super) const AUTH_TOO_LONG: &str = "500 5.5.6 Authentication line too long\r\n";
pub(super) const BAD_ARGUMENT: &str = "501 5.5.4 Bad argument\r\n";
pub(super) const BAD_SENDER: &str = "501 5.1.7 Bad sender address\r\n";
pub(super) const BAD_RECIPIENT: &str = "501 5.1.3 Bad recipient address\r\n";
pub(super) const NOT_OFFERED: &str = "502 5.5.1 Command not offered\r\n";
pub(super) const HELLO_FIRST: &str = "503 5.5.1 Say EHLO first\r\n";
pub(super) const MAIL_FIRST: &str = "503 5.5.1 Say MAIL first\r\n";
pub(super) const RCPT_FIRST: &str = "503 5.5.1 Say RCPT first\r\n";
pub(super) const IN_TRANSACTION: &str = "503 5.5.1 Not within a transaction\r\n";
pub(super) const IN_CHUNKS: &str = "503 5.5.1 Only BDAT may follow BDAT\r\n";
pub(super) const CHUNK_REFUSED: &str = "503 5.5.1 A chunk was refused, say RSET first\r\n";
pub(super) const AUTH_DONE: &str = "503 5.5.1 Already authenticated\r\n";
pub(super) const MECHANISM: &str = "504 5.5.4 Mechanism not offered\r\n";
pub(super) const TLS_FIRST: &str = "530 5.7.0 Say STARTTLS first\r\n";
pub(super) const NO_CLEAR_AUTH: &str = "538 5.7.11 Encryption is needed for this\r\n";
pub(super) const NOT_FOR_YOU: &str = "550 5.7.0 Not allowed\r\n";
pub(super) const BAD_MESSAGE: &str = "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n";
pub(super) const TOO_BIG: &str = "552 5.3.4 Message too big\r\n";
pub(super) const NOT_ASCII: &str = "553 5.6.7 Address outside ASCII needs SMTPUTF8\r\n";
pub(super) const TLS_ALREADY: &str = "554 5.5.1 TLS is on already\r\n";
pub(super) const NO_RECIPIENT: &str = "554 5.5.1 No valid recipients\r\n";
pub(super) const TOO_EARLY: &str = "554 5.5.0 You spoke out of turn, closing\r\n";
pub(super) const BAD_PARAMETER: &str = "555 5.5.4 Parameter not offered\r\n";

/// Appends a member's reply as it was.
pub(super) fn relay(reply: &Reply, out: &mut Vec<u8>) {
    let digit = |by: u16| u8::try_from(reply.code / by % 10).map_or(b'0', |digit| b'0' + digit);
    let code = [digit(100), digit(10), digit(1)];
    for (at, text) in reply.lines.iter().enumerate() {
        let last = at + 1 == reply.lines.len();
        out.extend_from_slice(&code);
        out.push(if last { b' ' } else { b'-' });
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
}
