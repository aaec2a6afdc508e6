//! What came of each check in a session.

use std::fmt;

use crate::security::Check;

/// What came of a check, the worse the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Nothing was wrong.
    Pass,
    /// There is no saying: DNS or the store did not answer.
    Unknown,
    /// Something was, and it was let through.
    Alarm,
    /// It was refused.
    Block,
}

/// The worst of each check that was made.
#[derive(Debug, Default)]
pub(super) struct Results([Option<Outcome>; Check::ALL.len()]);

impl Results {
    pub(super) fn add(&mut self, check: Check, outcome: Outcome) {
        if let Some(known) = self.0.get_mut(check as usize) {
            *known = (*known).max(Some(outcome));
        }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = Check::ALL.into_iter().zip(self.0);
        let made = made.filter_map(|(check, outcome)| Some((check, outcome?)));
        for (at, (check, outcome)) in made.enumerate() {
            let space = if at == 0 { "" } else { " " };
            let word = match outcome {
                Outcome::Pass => "pass",
                Outcome::Unknown => "unknown",
                Outcome::Alarm => "alarm",
                Outcome::Block => "block",
            };
            write!(f, "{space}{check}={word}")?;
        }
        Ok(())
    }
}
