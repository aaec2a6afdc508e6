//! Rules that do nothing.

use crate::config::check::Check;
use crate::config::diagnostic::quote;
use crate::config::plan::{Plan, RulePlan};
use crate::config::raw::{self, At};
use crate::config::shadow::{self, Finding};

/// Rules named as the cause; how many more there are is said.
const NAMED: usize = 3;

pub(super) fn warn(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    // A plan has all policies of the file, in its order.
    for (policy, raw) in plan.firewall.policies.iter().zip(&raw.firewall.policy) {
        let found = shadow::find(&policy.rules);
        for (number, finding) in found.findings {
            let name = &policy.rules[number].name;
            let mut written = raw.rule.iter().filter_map(|rule| rule.name.as_ref());
            if let Some(place) = written.find(|written| ***written == *name) {
                tell(check, place, &policy.rules, &finding);
            }
        }
        if let (true, Some(place)) = (found.is_partial, &raw.name) {
            check.warning(
                place,
                format!(
                    "the rules of {} overlap too often to look for all that do nothing",
                    quote(place)
                ),
                "put networks into one rule that are treated alike",
            );
        }
    }
}

fn tell(check: &mut Check<'_>, place: &At<String>, rules: &[RulePlan], finding: &Finding) {
    let rule = quote(place);
    let (message, help) = match finding {
        Finding::Impossible => (
            format!("no packet matches the rule {rule}"),
            "its addresses are of different families, or a list or region is empty".to_owned(),
        ),
        Finding::Unreachable(by) => (
            format!("the rule {rule} is unreachable"),
            format!("{} before it matches every packet", names(rules, &[*by])),
        ),
        Finding::Shadowed(by) => (
            format!("the rule {rule} is shadowed: it never decides"),
            format!(
                "{} before it match all that it matches; move it before them, or take it away",
                names(rules, by)
            ),
        ),
        Finding::RedundantToEarlier(by) => (
            format!("the rule {rule} is redundant: it never decides"),
            format!(
                "{} before it do the same with all that it matches",
                names(rules, by)
            ),
        ),
        Finding::RedundantToLater(by) => (
            format!("the rule {rule} is redundant"),
            format!(
                "{} behind it do the same with all that it decides",
                names(rules, by)
            ),
        ),
    };
    check.warning(place, message, help);
}

fn names(rules: &[RulePlan], numbers: &[usize]) -> String {
    let named: Vec<String> = numbers
        .iter()
        .take(NAMED)
        .map(|number| quote(&rules[*number].name))
        .collect();
    let mut text = named.join(", ");
    if let more @ 1.. = numbers.len().saturating_sub(NAMED) {
        text = format!("{text} and {more} more");
    }
    text
}
