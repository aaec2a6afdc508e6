//! Senders that the domain of the reverse-path does not name (SPF, RFC 7208).

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::finding::{Fault, Finding};
use crate::config::plan::WhenAway;
use crate::spf::{Dns, Limits, Outcome, Query, Verdict, check_host};

/// Time for one evaluation (section 4.6.4).
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Pass,
    /// It is refused for good.
    Refuse,
    /// It is refused for now.
    Defer,
}

/// What becomes of each verdict but a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The domain says that the client may not send.
    pub fail: Then,
    /// The domain says that it likely may not.
    pub soft_fail: Then,
    /// The domain says nothing of the client.
    pub neutral: Then,
    /// The domain has no record.
    pub none: Then,
    /// The record cannot be evaluated.
    pub permerror: Then,
    /// DNS did not answer, or not in time.
    pub temperror: WhenAway,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fail: Then::Refuse,
            soft_fail: Then::Pass,
            neutral: Then::Pass,
            none: Then::Pass,
            permerror: Then::Pass,
            temperror: WhenAway::Refuse,
        }
    }
}

/// Evaluates, until `late` comes: that is [`PATIENCE`] after the beginning.
pub async fn ask(dns: &impl Dns, query: &Query, late: impl Future<Output = ()>) -> Outcome {
    let limits = Limits::default();
    let evaluation = pin!(check_host(dns, query, &limits));
    match select(evaluation, pin!(late)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Outcome::too_late(query),
    }
}

/// Decides by the verdict.
#[must_use]
pub fn judge(settings: &Settings, outcome: &Outcome) -> Finding {
    let (then, for_good, for_now) = match outcome.verdict {
        Verdict::Pass => return Finding::Pass,
        // There is no saying, whatever is done with it: never for good.
        Verdict::TempError => {
            return Finding::unknown(
                "451 4.7.24",
                "SPF cannot be evaluated now",
                &reason(outcome),
            );
        }
        Verdict::Fail => (settings.fail, "550 5.7.23", "451 4.7.23"),
        Verdict::SoftFail => (settings.soft_fail, "550 5.7.23", "451 4.7.23"),
        Verdict::Neutral => (settings.neutral, "550 5.7.23", "451 4.7.23"),
        Verdict::None => (settings.none, "550 5.7.23", "451 4.7.23"),
        Verdict::PermError => (settings.permerror, "550 5.7.24", "451 4.7.24"),
    };
    let codes = match then {
        Then::Pass => return Finding::Pass,
        Then::Refuse => for_good,
        Then::Defer => for_now,
    };
    Finding::Fail(Fault {
        codes,
        text: "<{sender}>: SPF validation failed: {reason}",
        reason: reason(outcome),
        close: false,
    })
}

/// What the evaluation ended with, whose record decided, and what its domain says to that.
fn reason(outcome: &Outcome) -> String {
    let mut reason = format!("{} by the record of {}", outcome.verdict, outcome.domain);
    if let Some(problem) = &outcome.problem {
        reason = format!("{}: {problem}", outcome.verdict);
    }
    if let Some(explanation) = &outcome.explanation {
        reason.push_str("; the domain explains: ");
        reason.push_str(explanation);
    }
    reason
}

/// The domain for which SPF lets the client send: greylisting may know the client by it.
#[must_use]
pub fn passing_domain<'a>(query: &'a Query, outcome: &Outcome) -> Option<&'a str> {
    (outcome.verdict == Verdict::Pass).then(|| query.domain())
}

#[cfg(test)]
mod tests;
