//! The packet filter: rules as configured beside what they have hit.

use std::collections::HashMap;

use crate::admin::api::{AppliedStatus, ContextList, FirewallList, FirewallStatus, RuleList};
use crate::clock::boot_ns;
use crate::config::plan::{Action, CategoryAction, FirewallMode, Plan, PolicyId, RulePlan};
use crate::firewall::{
    Count, Counters, DEFAULT, EventCounts, FAILSAFE, FirewallReport, GLOBAL, HOST, InForce, Label,
    Now, Row, VIRTUAL_SERVER, Word,
};

/// Networks of a rule that are spelt out; more are counted.
const SOURCES_SHOWN: usize = 4;

/// The filter in `status`.
pub(crate) fn firewall(
    plan: &Plan,
    report: FirewallReport,
    events: Option<EventCounts>,
    applied: Option<AppliedStatus>,
) -> FirewallStatus {
    let mut warnings = report.warnings;
    if report.mode == InForce::Userspace && rejects(plan) {
        warnings.push(
            "rejection at accept: only connections can be rejected, by a reset once they are there"
                .to_owned(),
        );
    }
    if report.mode == InForce::Userspace && asks_for_link(plan) {
        warnings.push(
            "rules for an interface or a VLAN match nothing: at accept neither is known".to_owned(),
        );
    }
    FirewallStatus {
        mode: mode(plan.firewall.mode).into(),
        enforcement: report.enforcement,
        in_force: report.mode,
        interfaces: report.interfaces,
        warnings,
        events,
        syn_protection: Vec::new(),
        applied,
    }
}

/// Whether a rule asks for what only a frame says.
fn asks_for_link(plan: &Plan) -> bool {
    let rules = plan.firewall.policies.iter().flat_map(|it| &it.rules);
    rules
        .filter(|rule| rule.enabled)
        .any(|rule| rule.interface.is_some() || rule.vlan.is_some())
}

/// Whether anything is rejected.
fn rejects(plan: &Plan) -> bool {
    let policies = plan.firewall.policies.iter();
    let categories = plan
        .reputation
        .policies
        .iter()
        .flat_map(|it| &it.categories);
    plan.firewall.default == Action::Reject
        || policies
            .flat_map(|it| &it.rules)
            .any(|it| it.action == Action::Reject)
        || categories
            .into_iter()
            .any(|it| it.action == CategoryAction::Reject)
}

/// All rules in the order that packets meet them; without counters nothing is known of hits.
pub(crate) fn list(plan: &Plan, now: &Now, counters: Option<&Counters>) -> FirewallList {
    let firewall = &plan.firewall;
    let hits = counters.map(|counters| {
        let rows = counters.rows.iter().chain(&counters.beside);
        let boot = boot_ns();
        let last = |ns: u64| boot.saturating_add(ns) / 1_000_000_000;
        let hit = |row: &Row| Hit {
            count: row.count,
            last: row.last_hit_ns.map(last),
        };
        Hits(rows.map(|row| (&row.label, hit(row))).collect())
    });
    let servers = plan.virtual_servers.iter();
    let servers = servers
        .map(|server| {
            (
                format!("{VIRTUAL_SERVER}{}", server.name),
                server.firewall_policy,
            )
        })
        .chain([(HOST.to_owned(), firewall.host_policy)]);
    let failsafe = Context {
        name: FAILSAFE.into(),
        policy: "",
        rules: &firewall.failsafe,
        now,
    };
    let of = |name, id: Option<PolicyId>| {
        let policy = id.and_then(|id| firewall.policies.get(id.0));
        Context {
            name,
            policy: policy.map_or("", |policy| &policy.name),
            rules: policy.map_or(&[], |policy| &policy.rules),
            now,
        }
    };
    let global = firewall.global_policy;
    let global = global.map(|id| of(GLOBAL.to_owned(), Some(id)).list(hits.as_ref()));
    let contexts = servers.map(|(name, id)| {
        let context = of(name, id);
        let mut list = context.list(hits.as_ref());
        list.rules.push(context.default(plan, hits.as_ref()));
        list
    });
    let contexts = std::iter::once(failsafe.list(hits.as_ref()))
        .chain(global)
        .chain(contexts);
    FirewallList {
        mode: mode(firewall.mode).into(),
        applied: None,
        contexts: contexts.collect(),
        syn_protection: Vec::new(),
    }
}

pub(super) fn mode(mode: FirewallMode) -> &'static str {
    match mode {
        FirewallMode::Adc => "adc",
        FirewallMode::Firewall => "firewall",
    }
}

/// What each rule has hit.
struct Hits<'a>(HashMap<&'a Label, Hit>);

/// What one has hit, and when last, in seconds since the Unix epoch.
#[derive(Clone, Copy, Default)]
struct Hit {
    count: Count,
    last: Option<u64>,
}

/// A place where rules apply.
struct Context<'a> {
    name: String,
    policy: &'a str,
    rules: &'a [RulePlan],
    now: &'a Now,
}

impl Context<'_> {
    fn list(&self, hits: Option<&Hits<'_>>) -> ContextList {
        let rule = |rule: &RulePlan| {
            let verdict = Word::from(rule.action);
            let hit = self.hit(hits, &rule.name, verdict);
            RuleList {
                rule: rule.name.clone(),
                enabled: rule.enabled,
                schedule: rule.schedule.clone(),
                in_force: self.now.is_on(rule),
                action: action(rule.action).into(),
                log: rule.log,
                matches: matches(rule),
                packets: hit.map(|hit| hit.count.packets),
                bytes: hit.map(|hit| hit.count.bytes),
                last_hit: hit.and_then(|hit| hit.last),
            }
        };
        ContextList {
            context: self.name.clone(),
            policy: (!self.policy.is_empty()).then(|| self.policy.to_owned()),
            rules: self.rules.iter().map(rule).collect(),
        }
    }

    /// What happens to packets that no rule of the context decides.
    fn default(&self, plan: &Plan, hits: Option<&Hits<'_>>) -> RuleList {
        let verdict = Word::from(plan.firewall.default);
        let hit = self.hit(hits, DEFAULT, verdict);
        RuleList {
            rule: DEFAULT.into(),
            enabled: true,
            schedule: None,
            in_force: true,
            action: verdict.as_str().into(),
            log: plan.firewall.log_default,
            matches: "the rest".into(),
            packets: hit.map(|hit| hit.count.packets),
            bytes: hit.map(|hit| hit.count.bytes),
            last_hit: hit.and_then(|hit| hit.last),
        }
    }

    /// A rule that is not among the counters has hit nothing.
    fn hit(&self, hits: Option<&Hits<'_>>, rule: &str, verdict: Word) -> Option<Hit> {
        let label = Label {
            context: self.name.clone(),
            policy: self.policy.into(),
            rule: rule.into(),
            verdict,
        };
        let of =
            |label: &Label| hits.map(|Hits(hits)| hits.get(label).copied().unwrap_or_default());
        let hit = of(&label)?;
        // What a rule that rejects drops, or what a global one that accepts let go on.
        let Some(dropped) = label.second() else {
            return Some(hit);
        };
        let dropped = of(&dropped)?;
        Some(Hit {
            count: Count {
                packets: hit.count.packets.saturating_add(dropped.count.packets),
                bytes: hit.count.bytes.saturating_add(dropped.count.bytes),
            },
            last: hit.last.max(dropped.last),
        })
    }
}

/// As the configuration writes it.
pub(super) const fn action(action: Action) -> &'static str {
    match action {
        Action::Accept => "accept",
        Action::AcceptDecisively => "accept-decisively",
        Action::Drop => "drop",
        Action::Reject => "reject",
    }
}

/// `tcp from 192.0.2.0/24, 198.51.100.0/24 to port 25`.
pub(super) fn matches(rule: &RulePlan) -> String {
    let mut text = match rule.protocol {
        None => "any".to_owned(),
        Some(1) => "icmp".to_owned(),
        Some(6) => "tcp".to_owned(),
        Some(17) => "udp".to_owned(),
        Some(58) => "icmpv6".to_owned(),
        Some(number) => format!("protocol {number}"),
    };
    if rule.new {
        text = format!("new {text}");
    }
    if !rule.icmp.is_empty() {
        text = format!(
            "{text} type {}",
            several(&rule.icmp, |it| types(it.0, it.1))
        );
    }
    if !rule.source.is_empty() {
        text = format!("{text} from {}", several(&rule.source, ToString::to_string));
    }
    if let Some(named) = ports(&rule.source_ports) {
        text = format!("{text} from {named}");
    }
    if !rule.destination.is_empty() {
        let networks = several(&rule.destination, ToString::to_string);
        text = format!("{text} to {networks}");
    }
    if let Some(named) = ports(&rule.ports) {
        text = format!("{text} to {named}");
    }
    if let Some(interface) = &rule.interface {
        text = format!("{text} on {interface}");
    }
    match rule.vlan {
        None => {}
        Some((first, last)) if first == last => text = format!("{text} in VLAN {first}"),
        Some((first, last)) => text = format!("{text} in VLANs {first}-{last}"),
    }
    if let Some(rate) = rule.rate {
        let unit = match rate.seconds {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        text = format!("{text} up to {}/{unit}", rate.packets);
    }
    text
}

/// The first few.
fn several<T>(list: &[T], show: impl Fn(&T) -> String) -> String {
    let shown: Vec<_> = list.iter().take(SOURCES_SHOWN).map(show).collect();
    let text = shown.join(", ");
    if list.len() > SOURCES_SHOWN {
        return format!("{text} and {} more", list.len() - SOURCES_SHOWN);
    }
    text
}

fn ports(ranges: &[(u16, u16)]) -> Option<String> {
    let range = |(first, last): &(u16, u16)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    match ranges {
        [] => None,
        [(first, last)] if first == last => Some(format!("port {first}")),
        ranges => Some(format!("ports {}", several(ranges, range))),
    }
}

/// Types of ICMP, or a type and a code.
fn types(first: u16, last: u16) -> String {
    let ([low, code], [high, end]) = (first.to_be_bytes(), last.to_be_bytes());
    match (code, end) {
        (0, 255) if low == high => low.to_string(),
        (0, 255) => format!("{low}-{high}"),
        _ if first == last => format!("{low}/{code}"),
        _ => format!("{low}/{code}-{high}/{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Now, list};
    use crate::config::{SystemResolver, parse};
    use crate::firewall::{Count, Counters, Label, Row, Word};

    #[test]
    fn rules_stand_beside_their_own_hits() {
        let text = r#"
            [firewall]
            mode = "firewall"
            [[firewall.failsafe]]
            name = "ssh"
            source = ["192.0.2.0/24"]
            protocol = "tcp"
            port = 22
            [[firewall.policy]]
            name = "mail"
            [[firewall.policy.rule]]
            name = "bad"
            source = ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/7", "192.168.0.0/16", "fc00::/7"]
            action = "drop"
            enabled = false
            [[firewall.policy.rule]]
            name = "smtp"
            protocol = "tcp"
            port = "25-26"
            action = "accept"
            log = true
            [[virtual_server]]
            name = "mx"
            listen = ["127.0.0.1:25"]
            pool = "p"
            firewall_policy = "mail"
            [[pool]]
            name = "p"
            members = ["127.0.0.1:26"]
        "#;
        let plan = parse("test", text, &SystemResolver)
            .unwrap_or_else(|e| panic!("{e}"))
            .plan;
        let row = |context: &str, policy: &str, rule: &str, verdict, packets| Row {
            label: Label {
                context: context.into(),
                policy: policy.into(),
                rule: rule.into(),
                verdict,
            },
            count: Count {
                packets,
                bytes: packets * 100,
            },
            last_hit_ns: Some(packets * 1_000_000_000),
        };
        let counters = Counters {
            rows: vec![
                row("failsafe", "", "ssh", Word::Accept, 1),
                row("virtual-server:mx", "mail", "smtp", Word::Accept, 2),
                // Of the time before the rule changed its action.
                row("virtual-server:mx", "mail", "smtp", Word::Drop, 3),
                row("virtual-server:mx", "mail", "default", Word::Drop, 4),
                row("host", "", "default", Word::Drop, 5),
            ],
            ..Counters::default()
        };
        let seen = |counters| {
            let list = list(&plan, &Now::default(), counters);
            let rows = list.contexts.into_iter().flat_map(|context| {
                let name = context.context;
                context.rules.into_iter().map(move |rule| {
                    let words =
                        [&name, &rule.rule, &rule.action, &rule.matches].map(String::as_str);
                    format!(
                        "{} {} {}",
                        words.join("|"),
                        rule.enabled,
                        rule.packets.unwrap_or(99)
                    )
                })
            });
            rows.collect::<Vec<_>>()
        };
        assert_eq!(
            seen(Some(&counters)),
            [
                "failsafe|ssh|accept|tcp from 192.0.2.0/24 to port 22 true 1",
                "virtual-server:mx|bad|drop|any from 10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/7, \
                 192.168.0.0/16 and 1 more false 0",
                "virtual-server:mx|smtp|accept|tcp to ports 25-26 true 2",
                "virtual-server:mx|default|drop|the rest true 4",
                "host|default|drop|the rest true 5",
            ]
        );
        let last = list(&plan, &Now::default(), Some(&counters)).contexts[1].rules[1].last_hit;
        let boot = crate::clock::boot_ns() / 1_000_000_000;
        assert!(last.unwrap().abs_diff(boot + 2) <= 1);
        assert!(seen(None).iter().all(|row| row.ends_with(" 99")));
    }
}
