//! `[firewall]` and its policies.

use std::collections::HashMap;

use super::address_list::AddressLists;
use super::names::{Names, Sections};
use super::order::order;
use super::port_list::PortLists;
use super::region::Regions;
use super::rule::Rules;
use super::{Check, Checked, all, flood, schedule};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{
    Action, Enforcement, FirewallMode, FirewallPlan, FloodId, PolicyId, PolicyPlan, ProfileId,
    ReputationId, RulePlan,
};
use crate::config::{raw, value};

const PIN_PATH: &str = "/sys/fs/bpf/smtp-lb";
const REJECT_RATE: u32 = 1000;
const EVENT_RATE: u32 = 100;
const EVENT_BURST: u32 = 100;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Firewall,
) -> Checked<FirewallPlan> {
    let interfaces = interfaces(check, raw);
    let pin_path = check.value_or(raw.pin_path.as_ref(), PIN_PATH.into(), value::text::path);
    let global_policy = sections
        .policies
        .find_any(check, raw.global_policy.as_ref());
    let host_policy = sections.policies.find_any(check, raw.host_policy.as_ref());
    let staged_global = sections
        .policies
        .find_any(check, raw.staged_global_policy.as_ref());
    let staged_host = sections
        .policies
        .find_any(check, raw.staged_host_policy.as_ref());
    let reputation = sections.reputation.find_any(check, raw.reputation.as_ref());
    let flood_profiles = flood::profiles(check, &raw.flood_profile);
    let flood = sections.flood_profiles.find_any(check, raw.flood.as_ref());
    let log_profile = sections.profiles.find_any(check, raw.log_profile.as_ref());
    let default = default(check, raw);
    let schedules = all(raw.schedule.iter().map(|it| schedule::compile(check, it)));
    let rules = rules(check, sections, raw);
    warn(check, raw);

    let (failsafe, policies) = rules?;
    Ok(FirewallPlan {
        mode: match raw.mode.as_deref() {
            None | Some(raw::FirewallMode::Adc) => FirewallMode::Adc,
            Some(raw::FirewallMode::Firewall) => FirewallMode::Firewall,
        },
        default: default?,
        reject_rate: raw.reject_rate.as_deref().copied().unwrap_or(REJECT_RATE),
        enforcement: match raw.enforcement.as_deref() {
            None | Some(raw::Enforcement::Auto) => Enforcement::Auto,
            Some(raw::Enforcement::XdpNative) => Enforcement::XdpNative,
            Some(raw::Enforcement::XdpGeneric) => Enforcement::XdpGeneric,
            Some(raw::Enforcement::Userspace) => Enforcement::Userspace,
        },
        interfaces: interfaces?,
        pin_path: pin_path?,
        schedules: schedules?,
        failsafe,
        policies,
        global_policy: global_policy?.map(PolicyId),
        host_policy: host_policy?.map(PolicyId),
        staged_global_policy: staged_global?.map(PolicyId),
        staged_host_policy: staged_host?.map(PolicyId),
        reputation: reputation?.map(ReputationId),
        flood_profiles: flood_profiles?,
        flood: flood?.map(FloodId),
        log_default: raw.log_default.unwrap_or(true),
        event_rate: raw.event_rate.as_deref().copied().unwrap_or(EVENT_RATE),
        event_burst: raw.event_burst.as_deref().copied().unwrap_or(EVENT_BURST),
        log_profile: log_profile?.map(ProfileId),
    })
}

/// What no rule decides.
fn default(check: &mut Check<'_>, raw: &raw::Firewall) -> Checked<Action> {
    let firewall = raw.mode.as_deref() == Some(&raw::FirewallMode::Firewall);
    match &raw.default {
        Some(default) if !firewall => Err(check.error(
            default,
            "`default` is for `mode = \"firewall\"`; in `adc` mode what no rule decides is accepted",
            "leave it out, or set `mode = \"firewall\"`",
        )),
        Some(default) if **default == raw::DefaultAction::Reject => Ok(Action::Reject),
        _ if firewall => Ok(Action::Drop),
        _ => Ok(Action::Accept),
    }
}

fn rules(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Firewall,
) -> Checked<(Vec<RulePlan>, Vec<PolicyPlan>)> {
    let lists = AddressLists::compile(check, sections, &raw.address_list);
    let ports = PortLists::compile(check, sections, &raw.port_list);
    let regions = Regions::read(check, raw);
    let mut rules = Rules::new(
        sections,
        &raw.interfaces,
        lists.as_ref().map_err(|reported| *reported),
        ports.as_ref().map_err(|reported| *reported),
        regions.as_ref().map_err(|reported| *reported),
    );
    let failsafe = all(raw
        .failsafe
        .iter()
        .map(|entry| rules.failsafe(check, entry)));
    let policies = all(raw.policy.iter().map(|policy| {
        let names = Names::of(
            check,
            "firewall.policy.rule",
            policy.rule.iter().map(|rule| &rule.name),
        );
        let name = check.name(policy.name.as_ref());
        let order = order(check, &names, &policy.rule);
        let mut written = all(policy.rule.iter().map(|rule| rules.rule(check, rule)))?
            .into_iter()
            .map(Some)
            .collect::<Vec<_>>();
        let ordered = order?
            .into_iter()
            .filter_map(|at| written.get_mut(at)?.take());
        Ok(PolicyPlan {
            name: name?,
            rules: ordered.collect(),
        })
    }));
    lists?;
    ports?;
    regions?;
    Ok((failsafe?, policies?))
}

fn interfaces(check: &mut Check<'_>, raw: &raw::Firewall) -> Checked<Vec<String>> {
    let mut seen = HashMap::new();
    all(raw.interfaces.iter().map(|text| {
        let name = check.value(text, value::text::interface)?;
        if let Some(first) = seen.insert(name.clone(), text.span()) {
            let message = format!("the interface {} is named twice", quote(&name));
            let diagnostic = Diagnostic::new(text.span(), message, "name it once");
            return Err(check
                .report
                .error(diagnostic.also(first, "first named here")));
        }
        Ok(name)
    }))
}

/// What can be run and yet is hardly meant.
fn warn(check: &mut Check<'_>, raw: &raw::Firewall) {
    if let Some(mode) = &raw.mode
        && **mode == raw::FirewallMode::Firewall
        && raw.failsafe.is_empty()
    {
        check.warning(
            mode,
            "firewall mode without a failsafe entry: a wrong policy can shut you out",
            "add `[[firewall.failsafe]]` with the networks you administer from, `protocol = \"tcp\"` \
             and `port = 22`",
        );
    }
    if let Some(enforcement) = &raw.enforcement
        && matches!(
            **enforcement,
            raw::Enforcement::XdpNative | raw::Enforcement::XdpGeneric
        )
        && raw.interfaces.is_empty()
    {
        check.warning(
            enforcement,
            "no interface is named, so no packet is filtered",
            "add `interfaces = [\"eth0\"]` with the interfaces that clients come in by",
        );
    }
}
