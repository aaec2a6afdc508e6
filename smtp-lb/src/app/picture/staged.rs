//! Staged policies: their rules beside what each would have decided.

use std::collections::HashMap;

use super::firewall::{action, matches};
use crate::admin::api::{StagedContext, StagedList, StagedRule};
use crate::clock::boot_ns;
use crate::config::plan::{Action, Plan, PolicyId};
use crate::firewall::{Counters, DEFAULT, GLOBAL, HOST, Label, Row, VIRTUAL_SERVER, Word};

/// Without counters nothing is known of what they would have decided.
pub(crate) fn staged(plan: &Plan, counters: Option<&Counters>) -> StagedList {
    let firewall = &plan.firewall;
    let rows: Option<HashMap<&Label, &Row>> = counters.map(|counters| {
        let rows = counters.beside.iter();
        rows.map(|row| (&row.label, row)).collect()
    });
    let servers = plan.virtual_servers.iter().map(|server| {
        let name = format!("{VIRTUAL_SERVER}{}", server.name);
        (name, server.firewall_policy, server.staged_policy)
    });
    let own = [
        (
            GLOBAL.to_owned(),
            firewall.global_policy,
            firewall.staged_global_policy,
        ),
        (
            HOST.to_owned(),
            firewall.host_policy,
            firewall.staged_host_policy,
        ),
    ];
    let policy = |id: Option<PolicyId>| id.and_then(|id| firewall.policies.get(id.0));
    let contexts = own.into_iter().chain(servers);
    let contexts = contexts.filter_map(|(context, enforced, staged)| {
        let staged = policy(staged)?;
        let rule = |name: &str, deed: Action, takes: String| {
            let label = Label {
                context: context.clone(),
                policy: staged.name.clone(),
                rule: name.to_owned(),
                verdict: Word::from(deed),
            };
            let [same, otherwise] = label.compared();
            let count = |label: &Label| {
                let rows = rows.as_ref()?;
                Some(rows.get(label).map_or(0, |row| row.count.packets))
            };
            let last = rows
                .as_ref()
                .and_then(|rows| rows.get(&otherwise)?.last_hit_ns);
            StagedRule {
                rule: name.to_owned(),
                action: action(deed).to_owned(),
                matches: takes,
                same: count(&same),
                otherwise: count(&otherwise),
                last_otherwise: last.map(|ns| boot_ns().saturating_add(ns) / 1_000_000_000),
            }
        };
        let mut rules: Vec<StagedRule> = staged
            .rules
            .iter()
            .map(|it| rule(&it.name, it.action, matches(it)))
            .collect();
        let mut rest = rule(DEFAULT, firewall.default, "the rest".to_owned());
        if context == GLOBAL {
            // It goes on to the next context.
            "none".clone_into(&mut rest.action);
        }
        rules.push(rest);
        Some(StagedContext {
            enforced: policy(enforced).map(|policy| policy.name.clone()),
            staged: staged.name.clone(),
            rules,
            context,
        })
    });
    StagedList {
        contexts: contexts.collect(),
    }
}
