//! What an evaluation ends with.

use std::fmt;

use super::dns::DnsFailure;
use super::query::Query;
use super::record::SyntaxError;

/// Results of `check_host()` (section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is no record, or no domain to look for one at.
    None,
    /// The domain says nothing of the client. To be treated exactly like [`Verdict::None`].
    Neutral,
    /// The client may send.
    Pass,
    /// It may not.
    Fail,
    /// It likely may not.
    SoftFail,
    /// There is no saying now.
    TempError,
    /// The record cannot be evaluated as it is published.
    PermError,
}

impl Verdict {
    /// The word that `Received-SPF` uses (section 9.1).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A verdict, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// The directive that matched, as it is published: printable ASCII.
    pub directive: Option<String>,
    /// The domain whose record decided: another than that of the sender after `redirect=`.
    pub domain: String,
    /// What the domain says to those whom it fails (`exp=`): printable ASCII, at most
    /// [`Limits::explanation`](super::Limits::explanation) octets. A stranger's word.
    pub explanation: Option<String>,
    /// Why it is a temperror or a permerror.
    pub problem: Option<Problem>,
    /// Terms that asked DNS, of 10.
    pub terms: u32,
    /// Those of them that were told of nothing, of 2.
    pub voids: u32,
    /// Questions asked.
    pub questions: u32,
}

impl Outcome {
    /// Of an evaluation that took too long (section 4.6.4), which is the caller's to see to.
    #[must_use]
    pub fn too_late(query: &Query) -> Self {
        Self {
            verdict: Verdict::TempError,
            directive: None,
            domain: query.domain().to_owned(),
            explanation: None,
            problem: Some(Problem::TooLong),
            terms: 0,
            voids: 0,
            questions: 0,
        }
    }
}

/// Why there is neither a result nor none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Section 4.4 and 5: a temperror.
    #[error("{name}: {failure}")]
    Dns {
        /// What was asked for.
        name: String,
        /// How it failed.
        failure: DnsFailure,
    },
    /// Section 4.6.4, by the caller: a temperror.
    #[error("the evaluation took too long")]
    TooLong,
    /// Section 4.5.
    #[error("{domain} has several SPF records")]
    SeveralRecords {
        /// Whose they are.
        domain: String,
    },
    /// Section 4.6.
    #[error("the record of {domain}: {error}")]
    Syntax {
        /// Whose it is.
        domain: String,
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// Section 4.6.4.
    #[error("more than {0} terms that ask DNS")]
    TooManyTerms(u32),
    /// Section 4.6.4.
    #[error("more than {0} terms for which DNS has nothing")]
    TooManyVoids(u32),
    /// Section 4.6.4.
    #[error("{domain} has more than {most} MX records")]
    TooManyExchanges {
        /// Whose they are.
        domain: String,
        /// The limit.
        most: usize,
    },
    /// Sections 5.2 and 6.1.
    #[error("{term} leads to a domain without an SPF record: {domain}")]
    Nowhere {
        /// `include` or `redirect`.
        term: &'static str,
        /// Where it leads.
        domain: String,
    },
}

impl Problem {
    /// The result that it is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Dns { .. } | Self::TooLong => Verdict::TempError,
            Self::SeveralRecords { .. }
            | Self::Syntax { .. }
            | Self::TooManyTerms(_)
            | Self::TooManyVoids(_)
            | Self::TooManyExchanges { .. }
            | Self::Nowhere { .. } => Verdict::PermError,
        }
    }
}
