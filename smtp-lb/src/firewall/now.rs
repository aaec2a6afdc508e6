//! What holds at the moment of compiling and is not in the plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustix::net::{AddressFamily, SocketType, netdevice, socket};

use crate::config::plan::{Plan, RulePlan};

/// Compiled into the image, so that the packet path knows no time. Who keeps an image in force
/// compiles it anew when another `Now` holds: schedules begin and end, interfaces come and go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    /// The names of the schedules that are on.
    pub schedules: BTreeSet<String>,
    /// Indexes of the interfaces that rules name, as far as they are there.
    pub interfaces: BTreeMap<String, u32>,
}

impl Now {
    /// What holds at a moment, and where.
    #[must_use]
    pub fn at(plan: &Plan, time: Timestamp) -> Self {
        Self {
            schedules: plan.firewall.schedules_on(time),
            interfaces: interfaces(plan, index),
        }
    }

    /// Whether what holds can change while the plan does not.
    #[must_use]
    pub fn changes(plan: &Plan) -> bool {
        !plan.firewall.schedules.is_empty() || named(plan).next().is_some()
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

/// Interfaces that rules name.
fn named(plan: &Plan) -> impl Iterator<Item = &str> {
    let rules = plan.firewall.policies.iter().flat_map(|it| &it.rules);
    rules.filter_map(|rule| rule.interface.as_deref())
}

/// Those with an index.
pub(crate) fn interfaces(
    plan: &Plan,
    index: impl Fn(&str) -> Option<u32>,
) -> BTreeMap<String, u32> {
    named(plan)
        .filter_map(|name| Some((name.to_owned(), index(name)?)))
        .collect()
}

/// The index of an interface of this network namespace.
pub(crate) fn index(name: &str) -> Option<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    netdevice::name_to_index(&any, name).ok()
}
