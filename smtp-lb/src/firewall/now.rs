//! What holds at the moment of compiling and is not in the plan.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::config::plan::{Plan, RulePlan};

/// Compiled into the image, so that the packet path knows no time. Who keeps an image in force
/// compiles it anew when another `Now` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    /// The names of the schedules that are on.
    pub schedules: BTreeSet<String>,
}

impl Now {
    /// What holds at a moment.
    #[must_use]
    pub fn at(plan: &Plan, time: Timestamp) -> Self {
        Self {
            schedules: plan.firewall.schedules_on(time),
        }
    }

    /// Is the rule in force?
    #[must_use]
    pub fn is_on(&self, rule: &RulePlan) -> bool {
        rule.enabled
            && rule
                .schedule
                .as_ref()
                .is_none_or(|name| self.schedules.contains(name))
    }
}
