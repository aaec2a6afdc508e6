//! How the firewalls of two plans differ, in words. Pure.

use std::collections::{HashMap, HashSet};

use super::firewall::{action, matches, mode};
use crate::admin::api::{Change, FirewallDiff, PolicyChange, RuleChange, SettingChange};
use crate::config::plan::{Plan, PolicyId, ReputationId, RulePlan};
use crate::firewall::{FAILSAFE, GLOBAL, HOST, VIRTUAL_SERVER, Word};

/// Sources of a rule that are told one by one when they come or go; more are counted.
const SOURCES_TOLD: usize = 10;

/// What takes `before`'s firewall to `after`'s.
pub(crate) fn diff(before: &Plan, after: &Plan) -> FirewallDiff {
    let mut diff = FirewallDiff {
        settings: settings(before, after),
        policies: policies(before, after),
    };
    if diff.is_empty() && before.firewall != after.firewall {
        // What has no words of its own here must not look like no change.
        diff.settings.push(SettingChange {
            setting: "firewall".into(),
            before: "as it runs".into(),
            after: "other settings".into(),
        });
    }
    diff
}

fn settings(before: &Plan, after: &Plan) -> Vec<SettingChange> {
    let (old, new) = (named(before), named(after));
    let mut changes = Vec::new();
    for (setting, after) in &new {
        let before = old.iter().find(|(name, _)| name == setting);
        let before = before.map_or("none", |(_, value)| value.as_str());
        if before != after {
            changes.push(SettingChange {
                setting: setting.clone(),
                before: before.to_owned(),
                after: after.clone(),
            });
        }
    }
    // Of what is there by name, as schedules are.
    for (setting, before) in &old {
        if !new.iter().any(|(name, _)| name == setting) {
            changes.push(SettingChange {
                setting: setting.clone(),
                before: before.clone(),
                after: "none".into(),
            });
        }
    }
    changes
}

/// Settings by name, as words. Virtual servers are the same in both plans.
fn named(plan: &Plan) -> Vec<(String, String)> {
    let firewall = &plan.firewall;
    let policy = |id: Option<PolicyId>| {
        let policy = id.and_then(|id| firewall.policies.get(id.0));
        policy.map_or("none".to_owned(), |policy| policy.name.clone())
    };
    let reputation = |id: Option<ReputationId>| {
        let policy = id.and_then(|id| plan.reputation.policies.get(id.0));
        policy.map_or("none".to_owned(), |policy| policy.name.clone())
    };
    let profile = firewall
        .log_profile
        .and_then(|id| plan.log.profiles.get(id.0));
    let mut named = vec![
        ("mode".to_owned(), mode(firewall.mode).to_owned()),
        ("global_policy".to_owned(), policy(firewall.global_policy)),
        ("host_policy".to_owned(), policy(firewall.host_policy)),
        (
            "staged_global_policy".to_owned(),
            policy(firewall.staged_global_policy),
        ),
        (
            "staged_host_policy".to_owned(),
            policy(firewall.staged_host_policy),
        ),
        ("reputation".to_owned(), reputation(firewall.reputation)),
        (
            "default".to_owned(),
            Word::from(firewall.default).as_str().to_owned(),
        ),
        ("reject_rate".to_owned(), firewall.reject_rate.to_string()),
        ("log_default".to_owned(), firewall.log_default.to_string()),
        ("event_rate".to_owned(), firewall.event_rate.to_string()),
        ("event_burst".to_owned(), firewall.event_burst.to_string()),
        (
            "log_profile".to_owned(),
            profile.map_or("none".to_owned(), |profile| profile.name.clone()),
        ),
    ];
    for schedule in &firewall.schedules {
        named.push((
            format!("schedule \"{}\"", schedule.name),
            schedule.to_string(),
        ));
    }
    for server in &plan.virtual_servers {
        named.push((
            format!("virtual_server \"{}\" firewall_policy", server.name),
            policy(server.firewall_policy),
        ));
        named.push((
            format!("virtual_server \"{}\" staged_policy", server.name),
            policy(server.staged_policy),
        ));
        named.push((
            format!("virtual_server \"{}\" reputation", server.name),
            reputation(server.reputation),
        ));
    }
    named
}

fn policies(before: &Plan, after: &Plan) -> Vec<PolicyChange> {
    let (old, new) = (lists(before), lists(after));
    let by_name: HashMap<_, _> = old.iter().copied().collect();
    let kept: HashSet<_> = new.iter().map(|(list, _)| *list).collect();
    let mut changes = Vec::new();
    for (list, rules) in &new {
        let (change, rules) = match by_name.get(list) {
            Some(former) => (Change::Changed, self::rules(former, rules)),
            None => (Change::Added, self::rules(&[], rules)),
        };
        if change == Change::Added || !rules.is_empty() {
            changes.push(policy(after, *list, change, rules));
        }
    }
    for (list, rules) in old.iter().filter(|(list, _)| !kept.contains(list)) {
        let rules = self::rules(rules, &[]);
        changes.push(policy(before, *list, Change::Removed, rules));
    }
    changes
}

fn policy(plan: &Plan, list: List<'_>, change: Change, rules: Vec<RuleChange>) -> PolicyChange {
    PolicyChange {
        policy: list.unwrap_or(FAILSAFE).to_owned(),
        change,
        contexts: contexts(plan, list),
        rules,
    }
}

/// A policy by its name; `None`: the failsafe list, whose name a policy may have, too.
type List<'a> = Option<&'a str>;

fn lists(plan: &Plan) -> Vec<(List<'_>, &[RulePlan])> {
    let firewall = &plan.firewall;
    let policies = firewall.policies.iter();
    std::iter::once((None, firewall.failsafe.as_slice()))
        .chain(policies.map(|policy| (Some(policy.name.as_str()), policy.rules.as_slice())))
        .collect()
}

fn contexts(plan: &Plan, list: List<'_>) -> Vec<String> {
    let firewall = &plan.firewall;
    let Some(policy) = list else {
        return vec![FAILSAFE.to_owned()];
    };
    let is = |id: Option<PolicyId>| {
        let named = id.and_then(|id| firewall.policies.get(id.0));
        named.is_some_and(|named| named.name == policy)
    };
    let servers = plan.virtual_servers.iter();
    let servers = servers.filter(|server| is(server.firewall_policy));
    let global = is(firewall.global_policy).then(|| GLOBAL.to_owned());
    let host = is(firewall.host_policy).then(|| HOST.to_owned());
    let servers = servers.map(|server| format!("{VIRTUAL_SERVER}{}", server.name));
    global.into_iter().chain(servers).chain(host).collect()
}

/// What takes the rules `old` to `new`. Names are unique within each.
fn rules(old: &[RulePlan], new: &[RulePlan]) -> Vec<RuleChange> {
    let places: HashMap<&str, usize> = old
        .iter()
        .enumerate()
        .map(|(place, rule)| (rule.name.as_str(), place))
        .collect();
    let common: Vec<usize> = new
        .iter()
        .filter_map(|rule| places.get(rule.name.as_str()).copied())
        .collect();
    let stay: HashSet<usize> = longest_increasing(&common).into_iter().collect();
    let mut changes = Vec::new();
    for (place, rule) in new.iter().enumerate() {
        let Some(&former) = places.get(rule.name.as_str()) else {
            changes.push(change(Change::Added, None, Some((place, rule))));
            continue;
        };
        let pair = (Some((former, &old[former])), Some((place, rule)));
        if old[former] != *rule {
            changes.push(change(Change::Changed, pair.0, pair.1));
        } else if !stay.contains(&former) {
            changes.push(change(Change::Moved, pair.0, pair.1));
        }
    }
    let kept: HashSet<&str> = new.iter().map(|rule| rule.name.as_str()).collect();
    for (place, rule) in old.iter().enumerate() {
        if !kept.contains(rule.name.as_str()) {
            changes.push(change(Change::Removed, Some((place, rule)), None));
        }
    }
    changes
}

fn change(
    change: Change,
    old: Option<(usize, &RulePlan)>,
    new: Option<(usize, &RulePlan)>,
) -> RuleChange {
    let name = new.or(old).map(|(_, rule)| rule.name.clone());
    RuleChange {
        rule: name.unwrap_or_default(),
        change,
        place_before: old.map(|(place, _)| place + 1),
        place_after: new.map(|(place, _)| place + 1),
        before: old.map(|(_, rule)| words(rule)),
        after: new.map(|(_, rule)| words(rule)),
        sources: match (old, new) {
            (Some((_, old)), Some((_, new))) => sources(old, new),
            _ => Vec::new(),
        },
    }
}

/// `drop tcp from 192.0.2.0/24 to port 25, log at 10/s`.
fn words(rule: &RulePlan) -> String {
    let mut text = format!("{} {}", action(rule.action), matches(rule));
    if rule.log {
        text.push_str(", log");
    }
    if let Some(rate) = rule.log_rate {
        text = format!("{text} at {rate}/s");
    }
    if let Some(schedule) = &rule.schedule {
        text = format!("{text}, by schedule {schedule}");
    }
    if !rule.enabled {
        text.push_str(", disabled");
    }
    text
}

fn sources(old: &RulePlan, new: &RulePlan) -> Vec<String> {
    let mut told = Vec::new();
    for (what, old, new) in [
        ("", &old.source, &new.source),
        ("to ", &old.destination, &new.destination),
    ] {
        let was: HashSet<_> = old.iter().collect();
        let is: HashSet<_> = new.iter().collect();
        let gone = old.iter().filter(|net| !is.contains(net));
        let come = new.iter().filter(|net| !was.contains(net));
        told.extend(gone.map(|net| format!("-{what}{net}")));
        told.extend(come.map(|net| format!("+{what}{net}")));
    }
    if told.len() > SOURCES_TOLD {
        let more = told.len() - SOURCES_TOLD;
        told.truncate(SOURCES_TOLD);
        told.push(format!("and {more} more"));
    }
    told
}

/// A longest increasing subsequence of numbers that differ: rules that can be said to have
/// stayed where they were.
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // Place of the least last number of a subsequence of each length.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|&end| numbers[end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(place);
        } else {
            ends[length] = place;
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(place) = at {
        found.push(numbers[place]);
        at = before[place];
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::{Change, RuleChange, diff, longest_increasing, rules};
    use crate::config::plan::{Action, Plan, RulePlan};
    use crate::config::{SystemResolver, parse};

    fn rule(name: u8, action: Action) -> RulePlan {
        static RULE: LazyLock<RulePlan> = LazyLock::new(|| {
            let text = "[firewall]\n[[firewall.policy]]\nname = \"p\"\n\
                rule = [{ name = \"r\", action = \"drop\" }]\n";
            plan(text).firewall.policies[0].rules[0].clone()
        });
        RulePlan {
            name: name.to_string(),
            action,
            ..RULE.clone()
        }
    }

    fn plan(firewall: &str) -> Plan {
        let text = format!(
            "{firewall}[[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:25\"]\n\
             pool = \"p\"\nfirewall_policy = \"p\"\n[[pool]]\nname = \"p\"\n\
             members = [\"127.0.0.1:26\"]\n"
        );
        parse("test", &text, &SystemResolver)
            .unwrap_or_else(|e| panic!("{e}"))
            .plan
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let before = plan(
            "[firewall]\n[[firewall.policy]]\nname = \"p\"\nrule = [\n\
             { name = \"a\", source = [\"10.0.0.0/8\"], action = \"drop\" },\n\
             { name = \"b\", action = \"drop\", protocol = \"udp\" },\n\
             { name = \"c\", action = \"accept\" },\n{ name = \"d\", action = \"drop\" }]\n\
             [[firewall.policy]]\nname = \"old\"\n",
        );
        let after = plan(
            "[firewall]\nmode = \"firewall\"\n[[firewall.failsafe]]\nname = \"ssh\"\n\
             source = [\"192.0.2.1\"]\nprotocol = \"tcp\"\nport = 22\n\
             [[firewall.policy]]\nname = \"p\"\nrule = [\n\
             { name = \"c\", action = \"accept\" },\n\
             { name = \"a\", source = [\"10.0.0.0/9\"], action = \"drop\", log = true },\n\
             { name = \"b\", action = \"drop\", protocol = \"udp\" },\n\
             { name = \"e\", action = \"accept\", enabled = false }]\n\
             [[firewall.policy]]\nname = \"new\"\n",
        );
        let diff = diff(&before, &after);
        let settings: Vec<_> = diff.settings.iter().map(|s| s.setting.as_str()).collect();
        assert_eq!(settings, ["mode", "default"]);
        let policies: Vec<_> = diff
            .policies
            .iter()
            .map(|p| (p.policy.as_str(), p.change, p.contexts.join(" ")))
            .collect();
        let of = |name, change, contexts: &str| (name, change, contexts.to_owned());
        assert_eq!(
            policies,
            [
                of("failsafe", Change::Changed, "failsafe"),
                of("p", Change::Changed, "virtual-server:mx"),
                of("new", Change::Added, ""),
                of("old", Change::Removed, ""),
            ]
        );
        let told = |rule: &RuleChange| {
            let words = |text: &Option<String>| text.clone().unwrap_or_default();
            format!(
                "{} {:?} {} -> {} {}",
                rule.rule,
                rule.change,
                words(&rule.before),
                words(&rule.after),
                rule.sources.join(" ")
            )
        };
        let rules: Vec<_> = diff.policies[1].rules.iter().map(told).collect();
        assert_eq!(
            rules,
            [
                "c Moved accept any -> accept any ",
                "a Changed drop any from 10.0.0.0/8 -> drop any from 10.0.0.0/9, log \
                 -10.0.0.0/8 +10.0.0.0/9",
                "e Added  -> accept any, disabled ",
                "d Removed drop any ->  ",
            ]
        );
    }

    #[test]
    fn more_sources_than_can_be_read_are_counted() {
        let list = |nets: std::ops::Range<u8>| {
            let nets: Vec<_> = nets.map(|n| format!("\"10.{n}.0.0/16\"")).collect();
            plan(&format!(
                "[firewall]\n[[firewall.policy]]\nname = \"p\"\nrule = [\n\
                 {{ name = \"a\", source = [{}], action = \"drop\" }}]\n",
                nets.join(", ")
            ))
        };
        // Each twice as far apart, so that none is merged with its neighbour.
        let diff = diff(&list(0..2), &list(100..200));
        let sources = &diff.policies[0].rules[0].sources;
        assert!(sources.len() <= 11, "{sources:?}");
    }

    proptest! {
        /// The new policy can be made of the old one and what is told.
        #[test]
        fn what_is_told_is_enough_and_no_more(
            old in prop::collection::hash_set(0u8..20, 0..12),
            new in prop::collection::hash_set(0u8..20, 0..12),
            order in any::<u64>(),
            turned in any::<u32>(),
        ) {
            let old: Vec<u8> = old.into_iter().collect();
            let mut new: Vec<u8> = new.into_iter().collect();
            let length = new.len().max(1);
            new.rotate_left(usize::try_from(order % length as u64).unwrap());
            let before: Vec<_> = old.iter().map(|n| rule(*n, Action::Drop)).collect();
            let action = |n: u8| if turned >> n & 1 == 1 { Action::Accept } else { Action::Drop };
            let after: Vec<_> = new.iter().map(|n| rule(*n, action(*n))).collect();
            let told = rules(&before, &after);
            let of = |name: &str| told.iter().find(|change| change.rule == name);
            for rule in &before {
                let gone = !after.iter().any(|other| other.name == rule.name);
                prop_assert_eq!(of(&rule.name).is_some_and(|c| c.change == Change::Removed), gone);
            }
            for (place, rule) in after.iter().enumerate() {
                let former = before.iter().find(|other| other.name == rule.name);
                match (former, of(&rule.name)) {
                    (None, told) => prop_assert_eq!(told.unwrap().change, Change::Added),
                    (Some(former), Some(told)) if former != rule => {
                        prop_assert_eq!(told.change, Change::Changed);
                        prop_assert_eq!(told.place_after, Some(place + 1));
                    }
                    (Some(_), Some(told)) => prop_assert_eq!(told.change, Change::Moved),
                    (Some(former), None) => prop_assert_eq!(former, rule),
                }
            }
            // Those that neither moved nor changed are in one order in both.
            let untold = |rules: &[RulePlan]| -> Vec<String> {
                rules.iter().map(|r| r.name.clone()).filter(|n| of(n).is_none()).collect()
            };
            prop_assert_eq!(untold(&before), untold(&after));
            prop_assert!(rules(&after, &after).is_empty());
        }

        #[test]
        fn longest_is_longest(numbers in prop::collection::hash_set(0usize..30, 0..9)) {
            let numbers: Vec<usize> = numbers.into_iter().collect();
            let found = longest_increasing(&numbers);
            prop_assert!(found.is_sorted());
            let mut rest = numbers.iter();
            prop_assert!(found.iter().all(|number| rest.any(|other| other == number)));
            let best = (0u32..1 << numbers.len())
                .filter_map(|mask| {
                    let chosen = numbers.iter().enumerate();
                    let chosen: Vec<_> = chosen.filter(|(n, _)| mask >> n & 1 == 1).collect();
                    chosen.is_sorted_by_key(|(_, number)| **number).then_some(chosen.len())
                })
                .max();
            prop_assert_eq!(Some(found.len()), best);
        }
    }
}
