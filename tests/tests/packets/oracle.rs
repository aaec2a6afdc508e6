//! What should become of a packet, worked out the slow way: rule by rule, first match wins.
//!
//! Written for the tests alone; it shares no code with the compiler or the look-up.

use std::net::{IpAddr, SocketAddr};

use smtp_lb::config::plan::{Action, Plan, PolicyId, RulePlan};

/// The interface by which a test run's frames come in.
pub(crate) const INTERFACE: &str = "lo";

/// A packet as an oracle sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    /// Source port, where it can be seen.
    pub(crate) source_port: Option<u16>,
    /// Destination port, where it can be seen.
    pub(crate) port: Option<u16>,
    /// Type and code of ICMP, where they can be seen.
    pub(crate) icmp: Option<(u8, u8)>,
    /// The outer tag.
    pub(crate) vlan: Option<u16>,
    /// It begins a TCP connection.
    pub(crate) new: bool,
    /// A later fragment.
    pub(crate) later: bool,
}

/// `verdict reason context/policy/rule`, and `log` behind it if an event is asked for. Behind that the
/// rule of the global policy that let it go on, if another context decided.
pub(crate) fn decide(plan: &Plan, question: &Question) -> String {
    let firewall = &plan.firewall;
    if let Some(rule) = first(&firewall.failsafe, question) {
        return by_rule(rule, "failsafe", "failsafe", "");
    }
    let (context, policy) = context(plan, question);
    let of = |policy: Option<PolicyId>| match policy {
        Some(PolicyId(at)) => {
            let policy = &firewall.policies[at];
            (policy.name.as_str(), policy.rules.as_slice())
        }
        None => ("", [].as_slice()),
    };
    let (global_name, global) = of(firewall.global_policy);
    let (policy_name, rules) = of(policy);
    let global = first(global, question);
    let ends = global.is_some_and(|rule| rule.action != Action::Accept);
    let own = if ends { None } else { first(rules, question) };
    match (global, own) {
        (None, Some(rule)) => by_rule(rule, "policy", &context, policy_name),
        (Some(passed), Some(rule)) => {
            let log = if passed.log { " log" } else { "" };
            let decided = by_rule(rule, "policy", &context, policy_name);
            format!("{decided} passed global/{global_name}/{}{log}", passed.name)
        }
        (Some(rule), None) => by_rule(rule, "policy", "global", global_name),
        (None, None) if question.later => {
            let verdict = verdict(firewall.default).replace("reject", "drop");
            format!("{verdict} later-fragment built-in//later-fragment")
        }
        (None, None) => {
            let verdict = verdict(firewall.default);
            let log = if firewall.log_default { " log" } else { "" };
            format!("{verdict} default {context}/{policy_name}/default{log}")
        }
    }
}

/// What staged policies would have decided, as [`super::stand::Bench::staged`] has it: each is put in the
/// place of the enforced one.
pub(crate) fn staged(plan: &Plan, question: &Question) -> Vec<String> {
    let firewall = &plan.firewall;
    if first(&firewall.failsafe, question).is_some() {
        return Vec::new();
    }
    let word = |plan: &Plan| {
        let said = decide(plan, question);
        said.split(' ').next().unwrap_or_default().to_owned()
    };
    let said = |context: &str, policy: PolicyId, instead: Plan| {
        let (real, verdict) = (word(plan), word(&instead));
        let policy = &firewall.policies[policy.0];
        let rule = first(&policy.rules, question).map_or("default", |rule| &rule.name);
        let otherwise = if verdict == real { "" } else { " otherwise" };
        format!("{context}/{}/{rule} {verdict}{otherwise}", policy.name)
    };
    let mut all = Vec::new();
    if let Some(policy) = firewall.staged_global_policy {
        let mut instead = plan.clone();
        instead.firewall.global_policy = Some(policy);
        all.push(said("global", policy, instead));
    }
    let (context, _) = context(plan, question);
    let server = context.strip_prefix("virtual-server:");
    let server = plan
        .virtual_servers
        .iter()
        .position(|it| Some(it.name.as_str()) == server);
    let policy = match server {
        Some(at) => plan.virtual_servers[at].staged_policy,
        None => firewall.staged_host_policy,
    };
    let global = firewall.global_policy.map(|id| &firewall.policies[id.0]);
    let global = global.and_then(|policy| first(&policy.rules, question));
    let comes = global.is_none_or(|rule| rule.action == Action::Accept);
    if let Some(policy) = policy.filter(|_| comes) {
        let mut instead = plan.clone();
        match server {
            Some(at) => instead.virtual_servers[at].firewall_policy = Some(policy),
            None => instead.firewall.host_policy = Some(policy),
        }
        all.push(said(&context, policy, instead));
    }
    all
}

fn by_rule(rule: &RulePlan, reason: &str, context: &str, policy: &str) -> String {
    let verdict = verdict(rule.action);
    let log = if rule.log { " log" } else { "" };
    format!("{verdict} {reason} {context}/{policy}/{}{log}", rule.name)
}

const fn verdict(action: Action) -> &'static str {
    match action {
        Action::Accept | Action::AcceptDecisively => "accept",
        Action::Drop => "drop",
        Action::Reject => "reject",
    }
}

fn context(plan: &Plan, question: &Question) -> (String, Option<PolicyId>) {
    let find = |wanted: SocketAddr| {
        plan.virtual_servers
            .iter()
            .find(|server| server.listen.contains(&wanted))
    };
    let any: IpAddr = match question.dst {
        IpAddr::V4(_) => "0.0.0.0".parse().expect("an address"),
        IpAddr::V6(_) => "::".parse().expect("an address"),
    };
    let server = (question.protocol == 6)
        .then_some(question.port)
        .flatten()
        .and_then(|port| {
            find(SocketAddr::new(question.dst, port)).or_else(|| find(SocketAddr::new(any, port)))
        });
    match server {
        Some(server) => (
            format!("virtual-server:{}", server.name),
            server.firewall_policy,
        ),
        None => ("host".to_owned(), plan.firewall.host_policy),
    }
}

fn first<'a>(rules: &'a [RulePlan], question: &Question) -> Option<&'a RulePlan> {
    rules.iter().find(|rule| matches(rule, question))
}

fn matches(rule: &RulePlan, question: &Question) -> bool {
    let is_in = |ranges: &[(u16, u16)], value: Option<u16>| {
        let within = |value| {
            let mut ranges = ranges.iter();
            ranges.any(|(low, high)| *low <= value && value <= *high)
        };
        ranges.is_empty() || value.is_some_and(within)
    };
    let holds = |networks: &[ipnet::IpNet], address: IpAddr| {
        networks.is_empty() || networks.iter().any(|net| net.contains(&address))
    };
    let icmp = question
        .icmp
        .map(|(kind, code)| u16::from_be_bytes([kind, code]));
    rule.enabled
        && holds(&rule.source, question.src)
        && holds(&rule.destination, question.dst)
        && rule.protocol.is_none_or(|p| p == question.protocol)
        && is_in(&rule.ports, question.port)
        && is_in(&rule.source_ports, question.source_port)
        && is_in(&rule.icmp, icmp)
        && rule.interface.as_deref().is_none_or(|it| it == INTERFACE)
        && rule
            .vlan
            .is_none_or(|(low, high)| question.vlan.is_some_and(|id| low <= id && id <= high))
        && (!rule.new || question.new)
}
