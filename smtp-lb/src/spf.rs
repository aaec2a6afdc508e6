//! SPF: may this client send mail of this domain? (RFC 7208)
//!
//! A module that stands alone: it knows no runtime, no clock, no resolver and nothing else of this
//! crate. Whoever can answer five kinds of DNS question ([`Dns`]) can use it:
//!
//! ```ignore
//! let query = Query::mail_from(client, "mx.example.org", "strong-bad@example.com")
//!     .receiver("mx.example.net")
//!     .at(now);
//! let outcome = check_host(&dns, &query, &Limits::default()).await;
//! match outcome.verdict {
//!     Verdict::Fail => refuse(outcome.explanation),
//!     Verdict::TempError => try_again_later(outcome.problem),
//!     _ => accept(),
//! }
//! ```
//!
//! - `query.rs`: who asks about whom. The null reverse-path is asked about as `postmaster@HELO`
//!   (section 2.4).
//! - `record.rs`: the text of a record → directives and modifiers (sections 4.5, 4.6, 5, 6). All of
//!   a record is parsed before any of it is evaluated, so that a syntax error anywhere is a
//!   permerror.
//! - `macros.rs`: macro-strings, parsed and expanded (section 7).
//! - `evaluate.rs`: `check_host()` (sections 4 to 6) with its limits (section 4.6.4).
//! - `header.rs`: the `Received-SPF` field (section 9.1).
//!
//! **Bounds.** No record and no answer makes an evaluation ask more than [`MAX_QUESTIONS`] questions,
//! recurse deeper than its 10 terms, or keep more than the answer at hand. Time is the caller's: give
//! the whole of it at least 20 seconds, and take it for [`Verdict::TempError`] when they are over
//! (section 4.6.4).
//!
//! **Where RFC 7208 leaves a choice**: a void look-up is counted once for a term, as the text has it;
//! an answer with more than 10 MX names is a permerror whichever of them would match; a target that
//! is no domain name once its macros are expanded never matches (section 4.8 leaves it undefined); names
//! are ASCII, internationalised ones are to be given as A-labels (section 4.3), and a local part that is
//! not ASCII matches no term that uses it (RFC 8616, section 4).

mod dns;
mod evaluate;
mod header;
mod macros;
mod name;
mod outcome;
mod query;
mod record;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub use dns::{Answer, Dns, DnsFailure};
pub use evaluate::{Limits, MAX_QUESTIONS, check_host};
pub use header::received_spf;
pub use outcome::{Outcome, Problem, Verdict};
pub use query::Query;
pub use record::{Record, SyntaxError};
