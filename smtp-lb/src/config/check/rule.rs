//! Rules of policies and of the failsafe list.

mod matches;

use std::collections::HashSet;

use ipnet::IpNet;

use self::matches::Pattern;
use super::address_list::{AddressLists, networks};
use super::names::Sections;
use super::port_list::PortLists;
use super::region::Regions;
use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::plan::{Action, RulePlan};
use crate::config::raw::{self, At};

/// Networks in all rules together, lists merged in: bounds what a small file can ask for.
pub(super) const MAX_NETWORKS: usize = 4_000_000;

/// Counters and events name a context's default so; a rule of that name would share its count.
const RESERVED: &str = "default";

/// What rules are checked against.
pub(super) struct Rules<'a> {
    sections: &'a Sections,
    /// Those that are filtered.
    interfaces: &'a [At<String>],
    /// Or why there are none.
    lists: Checked<&'a AddressLists>,
    /// As well.
    ports: Checked<&'a PortLists>,
    /// As well.
    regions: Checked<&'a Regions>,
    /// Networks still allowed.
    left: usize,
}

/// Networks as written, of sources or destinations.
#[derive(Clone, Copy, Default)]
struct Networks<'a> {
    own: Option<&'a At<Vec<At<String>>>>,
    lists: Option<&'a At<Vec<At<String>>>>,
    regions: Option<&'a At<Vec<At<String>>>>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(
        sections: &'a Sections,
        interfaces: &'a [At<String>],
        lists: Checked<&'a AddressLists>,
        ports: Checked<&'a PortLists>,
        regions: Checked<&'a Regions>,
    ) -> Self {
        Self {
            sections,
            interfaces,
            lists,
            ports,
            regions,
            left: MAX_NETWORKS,
        }
    }

    pub(super) fn rule(&mut self, check: &mut Check<'_>, raw: &raw::Rule) -> Checked<RulePlan> {
        let state = self.state(check, raw);
        let pattern = Pattern::of(raw, state.as_ref().map_or(true, |(enabled, _)| *enabled));
        let action = check.must(raw.action.as_ref()).map(|action| match action {
            raw::Action::Accept => Action::Accept,
            raw::Action::AcceptDecisively => Action::AcceptDecisively,
            raw::Action::Drop => Action::Drop,
            raw::Action::Reject => Action::Reject,
        });
        if let Some(name) = raw.name.as_ref().filter(|name| ***name == RESERVED) {
            return Err(check.error(
                name,
                format!("{} is what counters call the default", quote(name)),
                "choose another name for this rule",
            ));
        }
        let accept = self.accept(check, &pattern);
        let (_, schedule) = state?;
        Ok(RulePlan {
            schedule,
            action: action?,
            log: raw.log.unwrap_or(false),
            log_rate: raw.log_rate.as_deref().copied(),
            ..accept?
        })
    }

    /// Whether the rule is enabled, and by which schedule.
    fn state(&self, check: &mut Check<'_>, raw: &raw::Rule) -> Checked<(bool, Option<String>)> {
        let schedules = &self.sections.schedules;
        schedules.find_any(check, raw.schedule.as_ref())?;
        let schedule = raw.schedule.as_ref().map(|name| name.to_string());
        if let (Some(enabled), Some(_)) = (&raw.enabled, &raw.state) {
            return Err(check.error(enabled, "`state` says it, too", "leave `enabled` out"));
        }
        let Some(state) = &raw.state else {
            return Ok((raw.enabled.as_deref().copied().unwrap_or(true), schedule));
        };
        match (**state, &raw.schedule) {
            (raw::RuleState::Disabled, _) => Ok((false, schedule)),
            (raw::RuleState::Enabled, None) | (raw::RuleState::Scheduled, Some(_)) => {
                Ok((true, schedule))
            }
            (raw::RuleState::Enabled, Some(text)) => Err(check.error(
                text,
                "a rule that is always enabled has no schedule",
                "write `state = \"scheduled\"`, or leave `schedule` out",
            )),
            (raw::RuleState::Scheduled, None) => Err(check.error(
                state,
                "scheduled, and by no schedule",
                "add `schedule` with the name of a [[firewall.schedule]]",
            )),
        }
    }

    pub(super) fn failsafe(
        &mut self,
        check: &mut Check<'_>,
        raw: &raw::Failsafe,
    ) -> Checked<RulePlan> {
        let pattern = Pattern::of_failsafe(raw);
        let rule = self.accept(check, &pattern);
        // Any source, failsafe, would be no firewall: that must be written out.
        if raw.source.is_none() && raw.source_lists.is_none() {
            let name = check.whole(raw.name.as_ref())?;
            return Err(check.error(
                name,
                format!("the failsafe entry {} names no source", quote(name)),
                "add `source = [\"192.0.2.0/24\"]` with the networks you administer from",
            ));
        }
        rule
    }

    /// Networks and lists merged, each network once, in the order written.
    fn networks(
        &mut self,
        check: &mut Check<'_>,
        pattern: &Pattern<'_>,
        written: Networks<'_>,
    ) -> Checked<Vec<IpNet>> {
        let own = written
            .own
            .map_or(Ok(vec![]), |texts| networks(check, texts));
        let named = written.lists.map_or(Ok(vec![]), |lists| {
            self.sections.address_lists.find_each(check, lists)
        });
        let regions = match written.regions {
            None => Ok(vec![]),
            Some(texts) => self
                .regions
                .and_then(|regions| regions.networks(check, texts)),
        };
        let (own, named, regions) = (own?, named?, regions?);
        let listed = match named.as_slice() {
            [] => None,
            named => Some(self.lists?.networks(named)),
        };

        let mut seen = HashSet::new();
        let mut merged = Vec::new();
        let listed = listed.into_iter().flatten();
        for network in own.into_iter().chain(listed).chain(regions) {
            if !seen.insert(network) {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else {
                let name = check.must(pattern.name)?;
                return Err(check.error(
                    name,
                    format!("all rules together have more than {MAX_NETWORKS} networks"),
                    "use large lists in fewer rules, or merge networks",
                ));
            };
            self.left = left;
            merged.push(network);
        }
        // An empty source means any: a rule for nobody must not become one for all.
        if let Some(lists) = written.lists.or(written.regions)
            && merged.is_empty()
            && pattern.enabled
        {
            let these = match written.lists {
                Some(_) => "lists",
                None => "regions",
            };
            return Err(check.error(
                lists,
                format!("these {these} hold no network, so the rule could never match"),
                "put a network in a list, or write `enabled = false` in the rule",
            ));
        }
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SystemResolver;
    use crate::config::diagnostic::Report;
    use crate::config::shape::Pruned;

    #[test]
    fn a_small_file_cannot_ask_for_endless_networks() {
        let text = r#"
            [firewall]
            address_list = [{ name = "l", networks = ["10.0.0.1", "10.0.0.2"] }]
            [[firewall.policy]]
            name = "p"
            rule = [
                { name = "two", action = "drop", source_lists = ["l"] },
                { name = "four", action = "drop", source_lists = ["l"], source = ["10.0.0.2", "10.0.0.3"] },
                { name = "none", action = "drop", source_lists = ["l"] },
            ]
        "#;
        let raw: raw::Config = toml::from_str(text).unwrap();
        let (mut report, pruned) = (Report::default(), Pruned::default());
        let check = &mut Check {
            report: &mut report,
            resolver: &SystemResolver,
            pruned: &pruned,
        };
        let sections = Sections::gather(check, &raw);
        let lists = AddressLists::compile(check, &sections, &raw.firewall.address_list).unwrap();
        let ports = PortLists::compile(check, &sections, &raw.firewall.port_list).unwrap();
        let regions = Regions::read(check, &raw.firewall).unwrap();
        let mut rules = Rules {
            left: 5,
            ..Rules::new(&sections, &[], Ok(&lists), Ok(&ports), Ok(&regions))
        };
        let compiled = raw.firewall.policy[0].rule.iter();
        let compiled: Vec<_> = compiled.map(|rule| rules.rule(check, rule)).collect();
        let counts = compiled
            .iter()
            .map(|rule| rule.as_ref().map(|rule| rule.source.len()));
        assert_eq!(
            counts.map(Result::ok).collect::<Vec<_>>(),
            [Some(2), Some(3), None]
        );
        let found = report.finish("test.toml", text).unwrap_err();
        let said: Vec<_> = found.iter().map(|it| (it.text, it.message)).collect();
        let message = "all rules together have more than 4000000 networks";
        assert_eq!(said, [("\"none\"", message)]);
    }
}
