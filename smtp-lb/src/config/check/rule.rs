//! Rules of policies and of the failsafe list.

use std::collections::HashSet;

use ipnet::IpNet;

use super::address_list::{AddressLists, networks};
use super::names::Sections;
use super::region::Regions;
use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::plan::{Action, RulePlan};
use crate::config::raw::{self, At, NumberOrText};
use crate::config::value::packet;

/// Networks in all rules together, lists merged in: bounds what a small file can ask for.
pub(super) const MAX_NETWORKS: usize = 4_000_000;

/// Counters and events name a context's default so; a rule of that name would share its count.
const RESERVED: &str = "default";

/// What rules are checked against.
pub(super) struct Rules<'a> {
    sections: &'a Sections,
    /// Or why there are none.
    lists: Checked<&'a AddressLists>,
    /// As well.
    regions: Checked<&'a Regions>,
    /// Networks still allowed.
    left: usize,
}

/// What a rule matches, as written.
struct Pattern<'a> {
    name: Option<&'a At<String>>,
    enabled: bool,
    protocol: Option<&'a At<NumberOrText>>,
    source: Option<&'a At<Vec<At<String>>>>,
    source_lists: Option<&'a At<Vec<At<String>>>>,
    source_regions: Option<&'a At<Vec<At<String>>>>,
    port: Option<&'a At<NumberOrText>>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(
        sections: &'a Sections,
        lists: Checked<&'a AddressLists>,
        regions: Checked<&'a Regions>,
    ) -> Self {
        Self {
            sections,
            lists,
            regions,
            left: MAX_NETWORKS,
        }
    }

    pub(super) fn rule(&mut self, check: &mut Check<'_>, raw: &raw::Rule) -> Checked<RulePlan> {
        let state = self.state(check, raw);
        let pattern = Pattern {
            name: raw.name.as_ref(),
            enabled: state.as_ref().map_or(true, |(enabled, _)| *enabled),
            protocol: raw.protocol.as_ref(),
            source: raw.source.as_ref(),
            source_lists: raw.source_lists.as_ref(),
            source_regions: raw.source_regions.as_ref(),
            port: raw.port.as_ref(),
        };
        let action = check.must(raw.action.as_ref()).map(|action| match action {
            raw::Action::Accept => Action::Accept,
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
        let pattern = Pattern {
            name: raw.name.as_ref(),
            enabled: true,
            protocol: raw.protocol.as_ref(),
            source: raw.source.as_ref(),
            source_lists: raw.source_lists.as_ref(),
            source_regions: None,
            port: raw.port.as_ref(),
        };
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

    /// The rule that accepts what fits the pattern and tells nothing.
    fn accept(&mut self, check: &mut Check<'_>, pattern: &Pattern<'_>) -> Checked<RulePlan> {
        let name = check.name(pattern.name);
        let protocol = pattern
            .protocol
            .map(|text| check.value(text, packet::protocol))
            .transpose();
        let port = port(check, pattern, protocol);
        let source = self.source(check, pattern);
        let (protocol, source) = (protocol?, source?);
        families(check, pattern, protocol, &source)?;
        Ok(RulePlan {
            name: name?,
            enabled: pattern.enabled,
            schedule: None,
            protocol,
            source,
            port: port?,
            action: Action::Accept,
            log: false,
            log_rate: None,
        })
    }

    /// Networks and lists merged, each network once, in the order written.
    fn source(&mut self, check: &mut Check<'_>, pattern: &Pattern<'_>) -> Checked<Vec<IpNet>> {
        let own = pattern
            .source
            .map_or(Ok(vec![]), |texts| networks(check, texts));
        let named = pattern.source_lists.map_or(Ok(vec![]), |lists| {
            self.sections.address_lists.find_each(check, lists)
        });
        let regions = match pattern.source_regions {
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
        if let Some(lists) = pattern.source_lists.or(pattern.source_regions)
            && merged.is_empty()
            && pattern.enabled
        {
            let these = match pattern.source_lists {
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

fn port(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    protocol: Checked<Option<u8>>,
) -> Checked<Option<(u16, u16)>> {
    let Some(text) = pattern.port else {
        return Ok(None);
    };
    let ports = check.value(text, packet::ports);
    match protocol? {
        Some(packet::TCP | packet::UDP) => ports.map(Some),
        Some(number) => Err(check.error(
            text,
            format!("protocol {number} has no ports"),
            "leave `port` out, or write `protocol = \"tcp\"`",
        )),
        None => {
            check.whole(pattern.name)?;
            Err(check.error(
                text,
                "a port without a protocol",
                "add `protocol = \"tcp\"` or `protocol = \"udp\"`",
            ))
        }
    }
}

/// ICMP is for one family each; with sources of the other alone the rule could never match.
fn families(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    protocol: Option<u8>,
    source: &[IpNet],
) -> Checked<()> {
    let wants_v4 = match protocol {
        Some(packet::ICMP) => true,
        Some(packet::ICMPV6) => false,
        _ => return Ok(()),
    };
    let is_v4 = |network: &IpNet| matches!(network, IpNet::V4(_));
    let Some(text) = pattern.protocol.filter(|_| pattern.enabled) else {
        return Ok(());
    };
    if source.is_empty() || source.iter().any(|network| is_v4(network) == wants_v4) {
        return Ok(());
    }
    let (here, other, instead) = if wants_v4 {
        ("IPv4", "IPv6", "icmpv6")
    } else {
        ("IPv6", "IPv4", "icmp")
    };
    Err(check.error(
        text,
        format!(
            "{} is for {here}, but every source is {other}: it could never match",
            quote(text)
        ),
        format!("write `protocol = \"{instead}\"`"),
    ))
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
        let regions = Regions::read(check, &raw.firewall).unwrap();
        let mut rules = Rules {
            left: 5,
            ..Rules::new(&sections, Ok(&lists), Ok(&regions))
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
