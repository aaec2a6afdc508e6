use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::plan::{
    AdminPlan, Enforcement, FirewallMode, FirewallPlan, GeneralPlan, LogPlan, MonitorId,
};

/// A plan of these pools and nothing else.
pub(crate) fn plan(pools: Vec<PoolPlan>) -> Plan {
    Plan {
        general: GeneralPlan {
            workers: 1,
            grace: Duration::from_secs(1),
        },
        admin: AdminPlan {
            socket: PathBuf::new(),
            mode: 0o600,
        },
        virtual_servers: vec![],
        client_tls: vec![],
        server_tls: vec![],
        pools,
        monitors: vec![],
        firewall: FirewallPlan {
            mode: FirewallMode::Adc,
            enforcement: Enforcement::Auto,
            interfaces: vec![],
            pin_path: PathBuf::new(),
            failsafe: vec![],
            policies: vec![],
            host_policy: None,
            log_default: false,
            event_rate: 1,
            event_burst: 1,
            log_profile: None,
        },
        log: LogPlan {
            destinations: vec![],
            publishers: vec![],
            profiles: vec![],
            system_profile: None,
            bus_capacity: 1,
        },
    }
}

/// A pool of members on loopback, by name and port.
pub(crate) fn pool(name: &str, members: &[(&str, u16)], monitored: bool) -> PoolPlan {
    PoolPlan {
        name: name.to_owned(),
        balance: Balance::LeastConnections,
        members: members
            .iter()
            .map(|(name, port)| MemberPlan {
                name: (*name).to_owned(),
                address: ([127, 0, 0, 1], *port).into(),
                host: None,
            })
            .collect(),
        min_monitors: usize::from(monitored),
        monitors: if monitored {
            vec![MonitorId(0)]
        } else {
            vec![]
        },
    }
}

fn pick(pool: &Pool) -> Option<(String, Lease)> {
    let lease = pool.pick(&Tried::default())?;
    Some((lease.member().name().to_owned(), lease))
}

#[test]
fn leases_count_and_steer() {
    let pools = Pools::from_plan(&plan(vec![pool("p", &[("a", 1), ("b", 2)], false)]), None);
    let pool = pools.get(PoolId(0));
    let (first, held) = pick(pool).expect("up");
    for _ in 0..3 {
        let (other, _lease) = pick(pool).expect("up");
        assert_ne!(other, first, "the busy member is passed over");
    }
    assert_eq!(held.member().active(), 1);
    drop(held);
    assert!(pool.members().iter().all(|member| member.active() == 0));
    assert!(pool.members().iter().all(|member| member.sessions() == 0));
}

#[test]
fn a_down_member_gets_nothing_and_an_unchecked_one_does() {
    let pools = Pools::from_plan(&plan(vec![pool("p", &[("a", 1), ("b", 2)], true)]), None);
    let pool = pools.get(PoolId(0));
    let now = SystemTime::now();
    assert_eq!(pool.members()[0].state(), State::Checking);
    assert!(pool.members()[0].set_state(State::Down, "refused", now));
    assert!(!pool.members()[0].set_state(State::Down, "timed out", SystemTime::UNIX_EPOCH));
    let standing = pool.members()[0].standing();
    assert_eq!(
        (standing.reason.as_str(), standing.since),
        ("timed out", now)
    );
    for _ in 0..3 {
        assert_eq!(pick(pool).expect("b is checking").0, "b");
    }
    pool.members()[1].set_state(State::Down, "refused", now);
    assert!(pick(pool).is_none());
    pool.members()[0].set_state(State::Up, "ok", now);
    assert_eq!(pick(pool).expect("a is up").0, "a");
}

#[test]
fn members_survive_a_reload_by_name_and_address() {
    let before = Pools::from_plan(
        &plan(vec![
            pool("p", &[("a", 1), ("b", 2), ("c", 3)], true),
            pool("q", &[("a", 1)], true),
        ]),
        None,
    );
    let old = |index: usize| &before.get(PoolId(0)).members()[index];
    old(0).set_state(State::Down, "refused", SystemTime::now());
    old(0).count_bytes(5, 7);
    let after = Pools::from_plan(
        &plan(vec![pool(
            "p",
            &[("b", 9), ("c", 3), ("a", 1), ("d", 4)],
            true,
        )]),
        Some(&before),
    );
    let new = |index: usize| &after.get(PoolId(0)).members()[index];
    assert!(Arc::ptr_eq(old(0), new(2)));
    assert!(Arc::ptr_eq(old(2), new(1)));
    assert!(
        !Arc::ptr_eq(old(1), new(0)),
        "another address is another member"
    );
    assert_eq!(new(2).state(), State::Down);
    assert_eq!((new(2).bytes_in(), new(2).bytes_out()), (5, 7));
    assert_eq!(new(3).state(), State::Checking);
}

#[test]
fn taking_the_monitors_away_makes_members_usable() {
    let before = Pools::from_plan(&plan(vec![pool("p", &[("a", 1)], true)]), None);
    before.get(PoolId(0)).members()[0].set_state(State::Down, "refused", SystemTime::now());
    let after = Pools::from_plan(&plan(vec![pool("p", &[("a", 1)], false)]), Some(&before));
    assert!(pick(before.get(PoolId(0))).is_none());
    assert!(pick(after.get(PoolId(0))).is_some());
    assert_eq!(after.status()[0].members[0].state, State::Up);
    assert_eq!(before.status()[0].members[0].state, State::Down);
}
