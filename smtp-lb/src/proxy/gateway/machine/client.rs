//! What the client sends, to one command, text or chunk at a time.

use crate::security::question::Method;
use crate::smtp::command::{self, Command, CommandFault};
use crate::smtp::line::{self, Line, LineFault};

use super::ask::Asked;
use super::phase::{Exchange, Held, Phase};
use super::{Act, Count, Machine, Output, World, replies};

/// What came of looking at the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many octets are done with. Perhaps none, and yet something happened.
    Used(usize),
    /// Nothing can be done until something else happens.
    Wait,
}

impl Machine {
    /// Reads the front of `input`.
    pub(super) fn step(&mut self, input: &[u8], world: &impl World, out: &mut Output) -> Step {
        if self.slow_until.is_some() || matches!(self.asked, Asked::Waits) {
            return Step::Wait;
        }
        match self.phase {
            Phase::Connect => self.before_banner(input, out),
            Phase::Text(_) | Phase::TextRefused(..) => self.text(input, out),
            Phase::Chunk(_) | Phase::ChunkRefused(..) => self.chunk_text(input, out),
            Phase::Command => self.command_line(input, world, out),
            Phase::Auth(Exchange::Challenged) => self.auth_line(input, out),
            // Nothing may follow these before they are answered.
            Phase::Ehlo | Phase::DataAsked if !input.is_empty() => {
                self.out_of_turn(out);
                Step::Used(input.len())
            }
            _ => Step::Wait,
        }
    }

    fn command_line(&mut self, input: &[u8], world: &impl World, out: &mut Output) -> Step {
        self.held = match self.held {
            Held::For(_) => Held::No,
            held => held,
        };
        if self.skipping {
            return self.skip_line(input);
        }
        if input.is_empty() {
            return Step::Wait;
        }
        let limit = self.offered.extensions.line_limit(input);
        let (line, used) = match line::next(input, limit) {
            Line::Whole { line, used } => (line, used),
            Line::Partial => return Step::Wait,
            Line::Faulty { .. } if !self.envelope.all_told() => return Step::Wait,
            Line::Faulty { fault, used } => {
                self.skipping = fault == LineFault::TooLong;
                let reply = match fault {
                    LineFault::TooLong => replies::LINE_TOO_LONG,
                    _ => replies::BAD_LINE,
                };
                self.bad(reply, out);
                return Step::Used(used);
            }
        };
        let command = command::parse(line);
        let pipelined = matches!(command, Ok(Command::Mail(_) | Command::Rcpt(_)));
        if !pipelined && !self.envelope.all_told() {
            return Step::Wait;
        }
        let rest = input.get(used..).unwrap_or_default();
        let done = match command {
            Ok(command) => self.command(command, rest, world, out),
            Err(fault) => {
                self.fault(fault, out);
                true
            }
        };
        if !done {
            return Step::Wait;
        }
        self.client_since = self.now;
        Step::Used(used)
    }

    /// Drops the rest of a line that was too long.
    fn skip_line(&mut self, input: &[u8]) -> Step {
        if let Some(used) = line::skip(input) {
            self.skipping = false;
            return Step::Used(used);
        }
        let kept = usize::from(input.ends_with(b"\r"));
        match input.len() - kept {
            0 => Step::Wait,
            used => Step::Used(used),
        }
    }

    /// Does what a command asks. False: it is not done, and to be looked at again.
    fn command(
        &mut self,
        command: Command<'_>,
        rest: &[u8],
        world: &impl World,
        out: &mut Output,
    ) -> bool {
        match command {
            Command::Ehlo(name) => return self.hello(name, true, rest, world, out),
            Command::Helo(name) => return self.hello(name, false, rest, world, out),
            Command::Mail(mail) => return self.mail(&mail, out),
            Command::Rcpt(rcpt) => return self.rcpt(&rcpt, out),
            Command::Data => self.data(rest, out),
            Command::Bdat(chunk) => return self.bdat(chunk, out),
            Command::Auth(auth) => return self.auth(&auth, out),
            Command::StartTls => self.starttls(rest, out),
            Command::Rset => {
                self.reset();
                self.junk(replies::OK, out);
            }
            Command::Quit => {
                self.tell(replies::BYE, out);
                self.finish(out);
            }
            Command::Http => {
                self.note_protocol(replies::NO_HTTP, out);
                self.close(replies::NO_HTTP, out);
            }
            Command::Xclient | Command::Xforward => self.bad(replies::NOT_FOR_YOU, out),
            Command::Proxy | Command::Unknown => self.bad(replies::UNKNOWN, out),
            Command::Vrfy | Command::Expn | Command::Etrn | Command::Help
                if self.needs_tls_first() =>
            {
                self.bad(replies::TLS_FIRST, out);
            }
            Command::Noop => return self.method(Method::Noop, out),
            Command::Vrfy => return self.method(Method::Vrfy, out),
            Command::Help => return self.method(Method::Help, out),
            Command::Expn => return self.method(Method::Expn, out),
            Command::Etrn => return self.method(Method::Etrn, out),
        }
        true
    }

    fn fault(&mut self, fault: CommandFault, out: &mut Output) {
        let reply = match fault {
            CommandFault::Syntax => replies::SYNTAX,
            CommandFault::Argument => replies::BAD_ARGUMENT,
            CommandFault::Parameter => replies::BAD_PARAMETER,
            CommandFault::NonAscii => replies::NOT_ASCII,
            CommandFault::Sender => replies::BAD_SENDER,
            CommandFault::Recipient => replies::BAD_RECIPIENT,
            CommandFault::ChunkSize => {
                out.acts.push_back(Act::Count(Count::BadCommand));
                self.note_protocol(replies::BAD_ARGUMENT, out);
                return self.close(replies::BAD_ARGUMENT, out);
            }
        };
        self.bad(reply, out);
    }

    /// Octets came where the client has to wait for a reply (RFC 2920, 3.1).
    pub(super) fn out_of_turn(&mut self, out: &mut Output) {
        out.acts.push_back(Act::Count(Count::Pipelining));
        self.note_protocol(replies::TOO_EARLY, out);
        self.close(replies::TOO_EARLY, out);
    }
}
