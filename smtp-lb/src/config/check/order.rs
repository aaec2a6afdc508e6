//! In which order the rules of a policy are asked.

use std::collections::HashMap;

use super::names::Names;
use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::raw;

/// Where a rule stands.
#[derive(Clone, Copy)]
enum Place {
    First,
    Written,
    Last,
    Before(usize),
    After(usize),
}

/// The rules of a policy by their positions in the file, in the order in which they are asked.
///
/// Those that are `first` come before all that stand where they are written, those that are
/// `last` behind them, each in the order of the file. Then the others are put beside the rules
/// that they name; of several beside the same rule the one that is written first is nearest to
/// the head of the policy.
pub(super) fn order(
    check: &mut Check<'_>,
    names: &Names,
    rules: &[raw::Rule],
) -> Checked<Vec<usize>> {
    let places = super::all(rules.iter().map(|rule| place(check, names, rule)))?;
    let mut before: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut after: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut order = Vec::with_capacity(rules.len());
    let mut last = Vec::new();
    let mut written = Vec::new();
    for (rule, place) in places.iter().enumerate() {
        match place {
            Place::First => order.push(rule),
            Place::Written => written.push(rule),
            Place::Last => last.push(rule),
            Place::Before(other) => before.entry(*other).or_default().push(rule),
            Place::After(other) => after.entry(*other).or_default().push(rule),
        }
    }
    order.extend(written);
    order.extend(last);
    // Without recursion: rules may hang on each other in a chain as long as the file.
    let mut sorted = Vec::with_capacity(rules.len());
    let mut left: Vec<(usize, bool)> = order.into_iter().rev().map(|rule| (rule, false)).collect();
    while let Some((rule, is_open)) = left.pop() {
        if is_open {
            sorted.push(rule);
            continue;
        }
        let unopened = |rules: Option<&Vec<usize>>| -> Vec<(usize, bool)> {
            let rules = rules.map(Vec::as_slice).unwrap_or_default();
            rules.iter().rev().map(|rule| (*rule, false)).collect()
        };
        left.extend(unopened(after.get(&rule)));
        left.push((rule, true));
        left.extend(unopened(before.get(&rule)));
    }
    if sorted.len() == rules.len() {
        return Ok(sorted);
    }
    // Each rule hangs on one other, so those that were not reached hang on a circle.
    let mut reached = vec![false; rules.len()];
    for rule in sorted {
        if let Some(reached) = reached.get_mut(rule) {
            *reached = true;
        }
    }
    let mut sound = Ok(Vec::new());
    for (rule, _) in rules.iter().zip(reached).filter(|(_, reached)| !reached) {
        if let Some(text) = rule.before.as_ref().or(rule.after.as_ref()) {
            sound = Err(check.error(
                text,
                format!(
                    "its place depends on its own: {} stands beside it",
                    quote(text)
                ),
                "leave `before` or `after` out of one of the rules that name each other",
            ));
        }
    }
    sound
}

fn place(check: &mut Check<'_>, names: &Names, rule: &raw::Rule) -> Checked<Place> {
    let by_name = [
        (rule.before.as_ref(), Place::Before as fn(usize) -> Place),
        (rule.after.as_ref(), Place::After),
    ];
    let mut found = rule.order.as_ref().map(|order| match **order {
        raw::Order::First => Place::First,
        raw::Order::Last => Place::Last,
    });
    for (text, place) in by_name {
        let Some(text) = text else { continue };
        if found.is_some() {
            return Err(check.error(
                text,
                "a rule has one place",
                "write one of `order`, `before` and `after`",
            ));
        }
        found = Some(place(names.find(check, text)?));
    }
    Ok(found.unwrap_or(Place::Written))
}
