use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::plan::{
    AdminPlan, ConnectionLimits, Enforcement, FirewallMode, FirewallPlan, GeneralPlan, LogPlan,
    MonitorId, QueuePlan, WhenDown,
};

/// A plan of these pools and nothing else.
pub(crate) fn plan(pools: Vec<PoolPlan>) -> Plan {
    Plan {
        general: GeneralPlan {
            workers: 1,
            manage_routing: true,
            grace: Duration::from_secs(1),
            state_path: "/nonexistent".into(),
        },
        admin: AdminPlan {
            socket: PathBuf::new(),
            mode: 0o600,
        },
        dns: crate::config::plan::DnsPlan::default(),
        store: crate::config::plan::StorePlan::default(),
        virtual_servers: vec![],
        client_tls: vec![],
        snat_pools: vec![],
        smtp_profiles: vec![],
        server_tls: vec![],
        pools,
        monitors: vec![],
        reputation: crate::config::plan::ReputationPlan::default(),
        firewall: FirewallPlan {
            mode: FirewallMode::Adc,
            enforcement: Enforcement::Auto,
            interfaces: vec![],
            pin_path: PathBuf::new(),
            schedules: Vec::new(),
            failsafe: vec![],
            policies: vec![],
            global_policy: None,
            staged_global_policy: None,
            staged_host_policy: None,
            host_policy: None,
            reputation: None,
            default: crate::config::plan::Action::Accept,
            reject_rate: 1,
            flood_profiles: vec![],
            flood: None,
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
            .map(|(name, port)| member(name, ([127, 0, 0, 1], *port).into()))
            .collect(),
        min_monitors: usize::from(monitored),
        hosts: Vec::new(),
        monitors: if monitored {
            vec![MonitorId(0)]
        } else {
            vec![]
        },
        min_active: 1,
        slow_ramp: None,
        limits: ConnectionLimits::default(),
        queue: None,
        when_down: WhenDown::Reset,
    }
}

/// A member without limits.
pub(crate) fn member(name: &str, address: SocketAddr) -> MemberPlan {
    MemberPlan {
        name: name.to_owned(),
        address,
        host: None,
        written: None,
        ratio: 1,
        priority: 0,
        limits: ConnectionLimits::default(),
    }
}

fn ask(pool: &Pool, kept: &[usize], now: Duration) -> Result<Lease, Refusal> {
    let request = Request {
        client: 0,
        tried: &Tried::default(),
        kept,
    };
    pool.pick(&request, now, 0)
}

fn pick(pool: &Pool) -> Option<(String, Lease)> {
    let lease = ask(pool, &[], clock::coarse()).ok()?;
    Some((lease.member().name().to_owned(), lease))
}

/// The one pool of a plan.
fn one(plan: PoolPlan) -> Arc<Pool> {
    Arc::clone(Pools::from_plan(&super::tests::plan(vec![plan]), None).get(PoolId(0)))
}

fn waits(pool: &Arc<Pool>, tried: &[usize]) -> tokio::task::JoinHandle<Option<String>> {
    let pool = Arc::clone(pool);
    let mut set = Tried::default();
    for index in tried {
        set.insert(*index);
    }
    tokio::spawn(async move {
        let request = Request {
            client: 0,
            tried: &set,
            kept: &[],
        };
        let timer = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let lease = pool.wait(&request, timer).await?;
        // For as long as the test runs: only the test ends leases.
        let name = lease.member().name().to_owned();
        std::mem::forget(lease);
        Some(name)
    })
}

async fn until(pool: &Pool, waiting: usize) {
    let reached = async {
        while pool.status().waiting != waiting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(20), reached).await;
    assert!(outcome.is_ok(), "{:?}", pool.status());
}

/// A pool of which each member takes one connection, with a line.
fn narrow(members: &[(&str, u16)], length: usize) -> PoolPlan {
    let mut plan = pool("p", members, true);
    for member in &mut plan.members {
        member.limits.connections = Some(1);
    }
    plan.queue = Some(QueuePlan {
        length,
        wait: Duration::from_mins(10),
    });
    plan
}

#[test]
fn limits_are_kept_and_give_way() {
    let mut plan = narrow(&[("a", 1), ("b", 2)], 1);
    plan.members[1].limits.connections = Some(5);
    plan.limits.connections = Some(3);
    let pool = one(plan);
    let leases: Vec<_> = (0..3).map(|_| pick(&pool).expect("room")).collect();
    let names: Vec<_> = leases.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "b"]);
    let full = Refusal::Full { again: None };
    assert_eq!(ask(&pool, &[], clock::coarse()).expect_err("full"), full);
    drop(leases);
    assert!(pick(&pool).is_some());
}

#[test]
fn limits_hold_over_all_workers() {
    let mut plan = pool("p", &[("a", 1), ("b", 2)], true);
    plan.members[0].limits.connections = Some(3);
    plan.limits.connections = Some(5);
    let pool = one(plan);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut held = std::collections::VecDeque::new();
                for _ in 0..2000 {
                    held.extend(pick(&pool));
                    let all: Vec<_> = pool.members().iter().map(|m| m.connections()).collect();
                    assert!(all[0] <= 3 && all[1] <= 5, "{all:?}");
                    if held.len() > 2 {
                        held.pop_front();
                    }
                }
            });
        }
    });
    assert!(
        pool.members()
            .iter()
            .all(|member| member.connections() == 0)
    );
}

#[test]
fn a_connection_that_is_kept_counts_and_serves_its_owner() {
    let pool = one(narrow(&[("a", 1)], 1));
    let (_, lease) = pick(&pool).expect("room");
    let kept = lease.keep();
    drop(lease);
    let member = &pool.members()[0];
    assert_eq!((member.active(), member.connections()), (0, 1));
    assert!(pick(&pool).is_none());
    let again = ask(&pool, &[0], clock::coarse()).expect("its own");
    drop(kept);
    assert_eq!((member.active(), member.connections()), (1, 1));
    drop(again);
    assert_eq!((member.active(), member.connections()), (0, 0));
}

#[test]
fn rates_say_when() {
    let mut plan = pool("p", &[("a", 1), ("b", 2)], true);
    plan.members[0].limits.rate = Some(1);
    plan.limits.rate = Some(3);
    let pool = one(plan);
    let now = clock::coarse();
    let names: Vec<_> = (0..3)
        .map(|_| {
            ask(&pool, &[], now)
                .expect("room")
                .member()
                .name()
                .to_owned()
        })
        .collect();
    assert_eq!(names, ["a", "b", "b"]);
    let Err(Refusal::Full { again: Some(after) }) = ask(&pool, &[], now) else {
        panic!("the pool's rate is used up");
    };
    assert_eq!(after.as_millis(), 333);
    assert!(ask(&pool, &[], now + after).is_ok());
}

#[test]
fn who_comes_up_ramps_and_who_was_there_does_not() {
    let mut plan = pool("p", &[("a", 1), ("b", 2)], true);
    plan.slow_ramp = Some(Duration::from_mins(10));
    let pool = one(plan.clone());
    let ramps = |pool: &Pool| {
        pool.status()
            .members
            .iter()
            .map(|m| m.ramp)
            .collect::<Vec<_>>()
    };
    assert_eq!(ramps(&pool), [100, 100]);
    let member = &pool.members()[1];
    member.set_state(State::Up, "ok", SystemTime::now());
    assert_eq!(ramps(&pool), [100, 100]);
    member.set_state(State::Down, "refused", SystemTime::now());
    member.set_state(State::Up, "ok", SystemTime::now());
    assert_eq!(ramps(&pool), [100, 0]);
    let now = clock::coarse();
    for _ in 0..20 {
        assert_eq!(ask(&pool, &[], now).expect("up").index(), 0);
    }
    let half = now + Duration::from_mins(5);
    let leases: Vec<_> = (0..30)
        .map(|_| ask(&pool, &[], half).expect("up"))
        .collect();
    let ramping = leases.iter().filter(|lease| lease.index() == 1).count();
    assert!((9..=11).contains(&ramping), "{ramping} of 30");
    // Also who is added to others by a reload.
    plan.members.push(member_plan("c", 3));
    let before = Pools {
        pools: vec![Arc::clone(&pool)],
    };
    let after = Pools::from_plan(&super::tests::plan(vec![plan]), Some(&before));
    assert_eq!(ramps(after.get(PoolId(0))), [100, 0, 0]);
}

fn member_plan(name: &str, port: u16) -> MemberPlan {
    member(name, ([127, 0, 0, 1], port).into())
}

#[test]
fn greetings_are_smoothed() {
    let pool = one(pool("p", &[("a", 1)], false));
    let member = &pool.members()[0];
    assert_eq!(member.greeting(), None);
    member.note_greeting(Duration::from_millis(80));
    assert_eq!(member.greeting(), Some(Duration::from_millis(80)));
    member.note_greeting(Duration::from_millis(160));
    assert_eq!(member.greeting(), Some(Duration::from_millis(90)));
    member.note_greeting(Duration::ZERO);
    assert!(member.greeting().is_some());
    let now = clock::coarse();
    let mut lease = ask(&pool, &[], now).expect("up");
    let before = member.greeting();
    lease.heard(now);
    assert_eq!(member.greeting(), before, "it was not connected");
    lease.connected(now);
    lease.heard(now + Duration::from_secs(10));
    let after = member.greeting();
    assert!(after > before);
    lease.heard(now + Duration::from_secs(20));
    assert_eq!(member.greeting(), after, "there is one greeting");
}

#[tokio::test]
async fn who_waits_is_served_in_order() {
    let pool = one(narrow(&[("a", 1)], 2));
    let (_, lease) = pick(&pool).expect("room");
    let mut first = waits(&pool, &[]);
    until(&pool, 1).await;
    let second = waits(&pool, &[]);
    until(&pool, 2).await;
    assert_eq!(
        waits(&pool, &[]).await.expect("joined"),
        None,
        "the line is full"
    );
    drop(lease);
    assert_eq!((&mut first).await.expect("joined").as_deref(), Some("a"));
    assert_eq!(pool.status().waiting, 1);
    assert!(pick(&pool).is_none(), "nobody comes before who waits");
    // As a lease's end does.
    pool.members()[0].leave();
    pool.members()[0].close();
    assert_eq!(second.await.expect("joined").as_deref(), Some("a"));
    let status = pool.status();
    assert_eq!((status.waiting, status.queued, status.refused), (0, 2, 1));
}

#[tokio::test]
async fn who_tried_a_member_does_not_hold_up_the_others() {
    let pool = one(narrow(&[("a", 1), ("b", 2)], 9));
    let leases = [pick(&pool).expect("room").1, pick(&pool).expect("room").1];
    let picky = waits(&pool, &[0]);
    until(&pool, 1).await;
    let other = waits(&pool, &[]);
    until(&pool, 2).await;
    let [a, b] = leases;
    drop(a);
    assert_eq!(other.await.expect("joined").as_deref(), Some("a"));
    drop(b);
    assert_eq!(picky.await.expect("joined").as_deref(), Some("b"));
}

#[tokio::test]
async fn the_wait_is_bounded_and_ends_with_the_last_member() {
    let mut plan = narrow(&[("a", 1)], 9);
    plan.queue = plan.queue.map(|queue| QueuePlan {
        wait: Duration::from_millis(30),
        ..queue
    });
    let pool = one(plan);
    let _lease = pick(&pool).expect("room");
    assert_eq!(waits(&pool, &[]).await.expect("joined"), None);
    let pool = one(narrow(&[("a", 1)], 9));
    let _lease = pick(&pool).expect("room");
    let all = [waits(&pool, &[]), waits(&pool, &[]), waits(&pool, &[])];
    until(&pool, 3).await;
    pool.members()[0].set_state(State::Down, "refused", SystemTime::now());
    for waiter in all {
        assert_eq!(waiter.await.expect("joined"), None);
    }
    assert_eq!(pool.status().waiting, 0);
}

#[tokio::test]
async fn a_rate_and_a_member_that_comes_up_wake_who_waits() {
    let mut plan = pool("p", &[("a", 1)], true);
    plan.members[0].limits.rate = Some(20);
    plan.queue = narrow(&[], 9).queue;
    let pool = one(plan);
    while pick(&pool).is_some() {}
    let waiters = [waits(&pool, &[]), waits(&pool, &[])];
    for waiter in waiters {
        assert_eq!(waiter.await.expect("joined").as_deref(), Some("a"));
    }
    let pool = one(narrow(&[("a", 1), ("b", 2)], 9));
    pool.members()[1].set_state(State::Down, "refused", SystemTime::now());
    let _lease = pick(&pool).expect("a is up");
    let waiter = waits(&pool, &[]);
    until(&pool, 1).await;
    pool.members()[1].set_state(State::Up, "ok", SystemTime::now());
    assert_eq!(waiter.await.expect("joined").as_deref(), Some("b"));
}

#[tokio::test]
async fn who_waits_is_woken_over_a_reload() {
    let plan = plan(vec![narrow(&[("a", 1)], 9)]);
    let before = Pools::from_plan(&plan, None);
    let (_, lease) = pick(before.get(PoolId(0))).expect("room");
    let waiter = waits(before.get(PoolId(0)), &[]);
    until(before.get(PoolId(0)), 1).await;
    let after = Pools::from_plan(&plan, Some(&before));
    assert!(pick(after.get(PoolId(0))).is_none());
    assert_eq!(after.status()[0].waiting, 1);
    drop(lease);
    assert_eq!(waiter.await.expect("joined").as_deref(), Some("a"));
}

#[tokio::test]
async fn who_gives_up_makes_room() {
    let pool = one(narrow(&[("a", 1)], 9));
    let (_, lease) = pick(&pool).expect("room");
    let first = waits(&pool, &[]);
    until(&pool, 1).await;
    let second = waits(&pool, &[]);
    until(&pool, 2).await;
    first.abort();
    until(&pool, 1).await;
    drop(lease);
    assert_eq!(second.await.expect("joined").as_deref(), Some("a"));
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

fn says(member: &Member, state: Administration) -> Administration {
    let now = SystemTime::now();
    let until = None;
    member
        .set_administration(Order {
            state,
            since: now,
            until,
        })
        .state
}

#[test]
fn what_an_operator_says_stands_beside_what_health_says() {
    let mut plan = pool("p", &[("a", 1), ("b", 2)], true);
    plan.slow_ramp = Some(Duration::from_mins(10));
    let pool = one(plan);
    let (a, b) = (&pool.members()[0], &pool.members()[1]);
    assert_eq!(
        says(a, Administration::Disabled),
        Administration::Enabled,
        "what was said before"
    );
    for _ in 0..5 {
        assert_eq!(pick(&pool).map(|(name, _)| name).as_deref(), Some("b"));
    }
    // Health goes on judging, and is shown apart.
    a.set_state(State::Up, "ok", SystemTime::now());
    let status = &pool.status().members[0];
    assert_eq!(
        (status.state, status.administration),
        (State::Up, Administration::Disabled)
    );
    // All disabled is as all down.
    for state in [
        Administration::Disabled,
        Administration::Draining,
        Administration::Drained,
        Administration::Offline,
    ] {
        says(b, state);
        assert_eq!(b.administration(), state);
        let refused = ask(&pool, &[], clock::coarse()).map(drop);
        assert_eq!(refused, Err(Refusal::Down), "{state:?}");
    }
    // Down and enabled is down.
    b.set_state(State::Down, "refused", SystemTime::now());
    says(b, Administration::Enabled);
    assert!(pick(&pool).is_none());
    // Who is enabled again ramps.
    says(a, Administration::Enabled);
    assert_eq!(pool.status().members[0].ramp, 0);
    assert_eq!(pick(&pool).map(|(name, _)| name).as_deref(), Some("a"));
}

#[tokio::test]
async fn who_waits_is_woken_by_a_member_that_is_enabled_and_by_the_last_that_is_disabled() {
    let pool = one(narrow(&[("a", 1), ("b", 2)], 5));
    says(&pool.members()[1], Administration::Disabled);
    let (_, lease) = pick(&pool).expect("room");
    let first = waits(&pool, &[]);
    until(&pool, 1).await;
    says(&pool.members()[1], Administration::Enabled);
    assert_eq!(first.await.expect("joined").as_deref(), Some("b"));
    let second = waits(&pool, &[]);
    until(&pool, 1).await;
    says(&pool.members()[1], Administration::Disabled);
    says(&pool.members()[0], Administration::Offline);
    assert_eq!(second.await.expect("joined"), None);
    drop(lease);
}

#[test]
fn a_member_that_is_removed_gets_nothing_new_and_shows_until_it_is_empty() {
    let both = plan(vec![pool("p", &[("a", 1), ("b", 2)], false)]);
    let one = plan(vec![pool("p", &[("b", 2)], false)]);
    let before = Pools::from_plan(&both, None);
    let old = Arc::clone(before.get(PoolId(0)));
    let leases = [pick(&old).expect("up"), pick(&old).expect("up")];
    let after = Pools::from_plan(&one, Some(&before));
    // Nothing has changed until it is in force.
    assert!(!old.members()[0].is_gone());
    after.take_over(&before);
    // Sessions that keep the old pool go to what is left of it.
    for _ in 0..3 {
        assert_eq!(pick(&old).map(|(name, _)| name).as_deref(), Some("b"));
    }
    let shown = |pools: &Pools| {
        let members = pools.status().remove(0).members;
        let shown = members.into_iter().map(|it| (it.name, it.gone));
        shown.collect::<Vec<_>>()
    };
    let (a, b) = (("a".to_owned(), true), ("b".to_owned(), false));
    assert_eq!(shown(&after), [b.clone(), a]);
    // It comes back as what it was.
    let again = Pools::from_plan(&both, Some(&after));
    again.take_over(&after);
    assert!(Arc::ptr_eq(
        &again.get(PoolId(0)).members()[0],
        &old.members()[0]
    ));
    assert!(!old.members()[0].is_gone());
    let last = Pools::from_plan(&one, Some(&again));
    last.take_over(&again);
    drop(leases);
    assert_eq!(shown(&last), [b]);
    // Where all have gone, sessions stay where they are.
    let none = Pools::from_plan(&plan(vec![pool("p", &[("c", 3)], false)]), Some(&last));
    none.take_over(&last);
    assert_eq!(
        pick(last.get(PoolId(0))).map(|(name, _)| name).as_deref(),
        Some("b")
    );
}
