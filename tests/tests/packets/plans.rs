//! Plans as tests need them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use smtp_lb::config::plan::{
    Action, AdminPlan, Enforcement, FirewallMode, FirewallPlan, GeneralPlan, LimitsPlan, LogPlan,
    Mode, Plan, PolicyId, PolicyPlan, PoolId, ReputationPlan, RulePlan, VirtualServerPlan,
};

/// A plan with nothing but a firewall in `mode`.
pub(crate) fn empty(mode: FirewallMode) -> Plan {
    Plan {
        general: GeneralPlan {
            workers: 1,
            manage_routing: true,
            grace: Duration::from_secs(1),
            state_path: "/nonexistent".into(),
        },
        dns: smtp_lb::config::plan::DnsPlan::default(),
        store: smtp_lb::config::plan::StorePlan::default(),
        admin: AdminPlan {
            socket: PathBuf::from("/nonexistent"),
            mode: 0o600,
        },
        virtual_servers: Vec::new(),
        pools: Vec::new(),
        client_tls: Vec::new(),
        snat_pools: Vec::new(),
        smtp_profiles: Vec::new(),
        server_tls: Vec::new(),
        monitors: Vec::new(),
        firewall: FirewallPlan {
            mode,
            default: match mode {
                FirewallMode::Adc => Action::Accept,
                FirewallMode::Firewall => Action::Drop,
            },
            reject_rate: 1_000_000,
            enforcement: Enforcement::Auto,
            interfaces: Vec::new(),
            pin_path: PathBuf::from("/nonexistent"),
            schedules: Vec::new(),
            failsafe: Vec::new(),
            policies: Vec::new(),
            global_policy: None,
            staged_global_policy: None,
            staged_host_policy: None,
            host_policy: None,
            reputation: None,
            flood_profiles: Vec::new(),
            flood: None,
            log_default: false,
            event_rate: 1_000_000,
            event_burst: 1_000_000,
            log_profile: None,
        },
        reputation: ReputationPlan::default(),
        log: LogPlan {
            destinations: Vec::new(),
            publishers: Vec::new(),
            profiles: Vec::new(),
            system_profile: None,
            bus_capacity: 1,
        },
    }
}

/// Adds a policy.
pub(crate) fn policy(plan: &mut Plan, name: &str, rules: Vec<RulePlan>) -> PolicyId {
    plan.firewall.policies.push(PolicyPlan {
        name: name.to_owned(),
        rules,
    });
    PolicyId(plan.firewall.policies.len() - 1)
}

/// Adds a virtual server.
pub(crate) fn server(plan: &mut Plan, name: &str, listen: &[&str], policy: Option<PolicyId>) {
    plan.virtual_servers.push(VirtualServerPlan {
        name: name.to_owned(),
        listen: listen
            .iter()
            .map(|a| a.parse::<SocketAddr>().expect("an address"))
            .collect(),
        mode: Mode::Plain,
        pool: PoolId(0),
        client_tls: None,
        server_tls: None,
        snat: smtp_lb::config::plan::Snat::Automap,
        send_proxy: None,
        accept_proxy: None,
        gateway: None,
        firewall_policy: policy,
        staged_policy: None,
        reputation: None,
        flood: None,
        smtp_profile: None,
        syn_protection: None,
        log_profile: None,
        limits: LimitsPlan {
            connections: 1,
            connect_timeout: Duration::from_secs(1),
            connect_attempts: 1,
            handshake_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            session_timeout: None,
        },
    });
}

/// A rule on sources, accepting or dropping, logging.
pub(crate) fn rule(name: &str, action: Action, source: &[&str]) -> RulePlan {
    RulePlan {
        name: name.to_owned(),
        enabled: true,
        source: source
            .iter()
            .map(|n| n.parse().expect("a network"))
            .collect(),
        action,
        log: true,
        ..RulePlan::default()
    }
}
