//! What should become of a packet, worked out the slow way: rule by rule, first match wins.
//!
//! Written for the tests alone; it shares no code with the compiler or the look-up.

use std::net::{IpAddr, SocketAddr};

use smtp_lb::config::plan::{Action, Plan, PolicyId, RulePlan};

/// A packet as an oracle sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    /// Destination port, where the protocol has one.
    pub(crate) port: Option<u16>,
}

/// `verdict reason context/policy/rule`, and `log` behind it if an event is asked for.
pub(crate) fn decide(plan: &Plan, question: &Question) -> String {
    let firewall = &plan.firewall;
    if let Some(rule) = first(&firewall.failsafe, question) {
        return by_rule(rule, "failsafe", "failsafe", "");
    }
    let (context, policy) = context(plan, question);
    let (policy_name, rules) = match policy {
        Some(PolicyId(at)) => {
            let policy = &firewall.policies[at];
            (policy.name.as_str(), policy.rules.as_slice())
        }
        None => ("", [].as_slice()),
    };
    if let Some(rule) = first(rules, question) {
        return by_rule(rule, "policy", &context, policy_name);
    }
    let verdict = verdict(firewall.default);
    let log = if firewall.log_default { " log" } else { "" };
    format!("{verdict} default {context}/{policy_name}/default{log}")
}

fn by_rule(rule: &RulePlan, reason: &str, context: &str, policy: &str) -> String {
    let verdict = verdict(rule.action);
    let log = if rule.log { " log" } else { "" };
    format!("{verdict} {reason} {context}/{policy}/{}{log}", rule.name)
}

const fn verdict(action: Action) -> &'static str {
    match action {
        Action::Accept => "accept",
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
    rules.iter().find(|rule| {
        rule.enabled
            && (rule.source.is_empty() || rule.source.iter().any(|net| net.contains(&question.src)))
            && rule.protocol.is_none_or(|p| p == question.protocol)
            && rule.port.is_none_or(|(low, high)| {
                question
                    .port
                    .is_some_and(|port| low <= port && port <= high)
            })
    })
}
