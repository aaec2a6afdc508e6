use super::*;
use crate::config::plan::{InbandMonitorPlan, MonitorKind, SmtpMonitorPlan};
use crate::event::Receiver;
use crate::event::model::{HealthEvent, Kind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the pool was told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<(bool, String)>>, AtomicU64);

impl Told {
    fn all(&self) -> Vec<(bool, String)> {
        self.0.lock().unwrap().clone()
    }
}

impl MemberState for Told {
    fn set(&self, up: bool, reason: &str) {
        self.0.lock().unwrap().push((up, reason.to_owned()));
    }

    fn failures(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }
}

/// A mail server that counts its sessions; dropped, it is gone.
struct Server {
    address: SocketAddr,
    sessions: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(address: &str, greeting: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let sessions = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&sessions);
        let task = tokio::spawn(async move {
            loop {
                let mut stream = BufReader::new(listener.accept().await.unwrap().0);
                counted.fetch_add(1, Ordering::Relaxed);
                let mut replies = [greeting, "250 mx\r\n", "221 bye\r\n"].into_iter();
                let mut line = String::new();
                while let Some(reply) = replies.next() {
                    if stream.write_all(reply.as_bytes()).await.is_err()
                        || replies.len() > 0 && stream.read_line(&mut line).await.is_err()
                    {
                        break;
                    }
                }
            }
        });
        Self {
            address,
            sessions,
            task,
        }
    }

    fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const GOOD: &str = "220 mx\r\n";

fn plan(name: &str, interval: u64, timeout: u64) -> MonitorPlan {
    MonitorPlan {
        name: name.to_owned(),
        kind: MonitorKind::Smtp(SmtpMonitorPlan {
            domain: "lb.example".to_owned(),
            source: None,
            tls: None,
            auth: None,
            message: None,
        }),
        send_proxy: None,
        interval: Duration::from_millis(interval),
        timeout: Duration::from_millis(timeout),
        jitter: Duration::from_millis(interval / 20),
        rise: 1,
        fall: None,
        manual_resume: false,
    }
}

fn target(address: SocketAddr, monitors: Vec<MonitorPlan>, told: &Arc<Told>) -> Target {
    Target {
        pool: "mail".into(),
        member: "mx1".into(),
        address,
        host: None,
        min_monitors: monitors.len(),
        monitors,
        tls: Arc::default(),
        state: Arc::clone(told) as Arc<dyn MemberState>,
    }
}

fn one(target: Target) -> (Health, Receiver) {
    let (bus, events) = Bus::channel(100);
    (Health::start(vec![target], bus), events)
}

async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

async fn until_told(told: &Told, times: usize) -> Vec<(bool, String)> {
    until(&format!("told {times} times"), || told.all().len() >= times).await;
    told.all()
}

fn events(events: &mut Receiver) -> Vec<HealthEvent> {
    let kinds = std::iter::from_fn(|| events.try_recv()).map(|event| event.kind);
    let health = kinds.map(|kind| match kind {
        Kind::Health(event) => event,
        other => panic!("{other:?}"),
    });
    health.collect()
}

/// An address that one test has to itself, to come and go.
fn lonely(test: u8) -> String {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{low}.{test}:2525", high | 128)
}

#[tokio::test]
async fn up_down_and_up_again() {
    let address = lonely(1);
    let told = Arc::<Told>::default();
    let server = Server::start(&address, GOOD).await;
    let (health, mut bus) = one(target(server.address, vec![plan("smtp", 50, 300)], &told));
    let up = (true, "monitor smtp succeeded".to_owned());
    assert_eq!(until_told(&told, 1).await[0], up);
    assert_eq!(health.status()[0].state, State::Up);

    drop(server);
    let down = (false, "connect: refused".to_owned());
    assert_eq!(until_told(&told, 2).await, [up.clone(), down.clone()]);
    let status = health.status().remove(0);
    assert_eq!(
        (status.state, status.reason.as_str()),
        (State::Down, "connect: refused")
    );
    assert_eq!(
        status.monitors[0].last_result.as_deref(),
        Some("connect: refused")
    );
    assert!(status.monitors[0].failures > 0 && status.monitors[0].last_probe.is_some());

    let _server = Server::start(&address, GOOD).await;
    assert_eq!(
        until_told(&told, 3).await,
        [up.clone(), down.clone(), up.clone()]
    );
    let told: Vec<_> = events(&mut bus)
        .into_iter()
        .map(|event| {
            assert_eq!((&*event.pool, &*event.member), ("mail", "mx1"));
            assert_eq!(&*event.monitor, "smtp");
            (event.former, (event.up, event.reason))
        })
        .collect();
    let expected = [("checking", up.clone()), ("up", down), ("down", up)];
    assert_eq!(told, expected);
}

/// A failure before the time-out is over changes nothing.
#[tokio::test]
async fn failures_count_only_by_the_time_out() {
    let address = lonely(2);
    let told = Arc::<Told>::default();
    let parsed = address.parse().unwrap();
    let (health, _events) = one(target(parsed, vec![plan("smtp", 20, 20_000)], &told));
    until("some have failed", || {
        health.status()[0].monitors[0].failures > 5
    })
    .await;
    assert_eq!(told.all(), []);
    assert_eq!(health.status()[0].state, State::Checking);
    let _server = Server::start(&address, GOOD).await;
    assert!(until_told(&told, 1).await[0].0);
}

#[tokio::test]
async fn a_bad_greeting_is_told_escaped() {
    let told = Arc::<Told>::default();
    let server = Server::start("127.0.0.1:0", "554 go\x07away\r\n").await;
    let (_health, _events) = one(target(server.address, vec![plan("smtp", 20, 200)], &told));
    let told = until_told(&told, 1).await;
    assert_eq!(told, [(false, "greeting: 554 go\\x07away".to_owned())]);
}

/// A server that accepts and is silent is down at the time-out, by the step it is stuck in, and
/// there is never more than one session of one monitor.
#[tokio::test]
async fn silence() {
    let told = Arc::<Told>::default();
    let server = Server::start("127.0.0.1:0", "").await;
    let (health, _events) = one(target(server.address, vec![plan("smtp", 10, 400)], &told));
    until("a probe waits", || {
        health.status()[0].monitors[0].step == Some(super::probe::Step::Greeting)
    })
    .await;
    let told = until_told(&told, 1).await;
    assert!(!told[0].0);
    assert!(told[0].1.starts_with("greeting: no answer"), "{told:?}");
    assert!(server.sessions() <= 2, "{}", server.sessions());
}

#[tokio::test]
async fn all_monitors_must_agree() {
    let address = lonely(3);
    let told = Arc::<Told>::default();
    let server = Server::start(&address, GOOD).await;
    let mut wrong = plan("wrong", 20, 300);
    if let MonitorKind::Smtp(smtp) = &mut wrong.kind {
        "no domain".clone_into(&mut smtp.domain);
    }
    let good = plan("good", 20, 60_000);
    let monitors = vec![good.clone(), wrong];
    let (health, _events) = one(target(server.address, monitors, &told));
    let down = (false, "prepare: domain for EHLO is not valid".to_owned());
    assert_eq!(until_told(&told, 1).await, [down]);
    let monitors = health.status().remove(0).monitors;
    assert_eq!(
        (monitors[0].state, monitors[1].state),
        (State::Up, State::Down)
    );

    // Without the one that has it down it is up at once.
    let new = Arc::<Told>::default();
    health.reload(vec![target(server.address, vec![good], &new)]);
    assert!(!new.all()[0].0, "first told as it was");
    assert!(new.all()[1].0);
}

#[tokio::test]
async fn without_monitors_it_is_up_and_nothing_happened() {
    let told = Arc::<Told>::default();
    let (health, mut bus) = one(target(lonely(4).parse().unwrap(), Vec::new(), &told));
    assert_eq!(told.all(), [(true, "not monitored".to_owned())]);
    assert_eq!(events(&mut bus), []);
    assert_eq!(health.status()[0].state, State::Up);
}

#[tokio::test]
async fn a_reload_keeps_what_is_the_same() {
    let server = Server::start("127.0.0.1:0", GOOD).await;
    let (first, second) = (Arc::<Told>::default(), Arc::<Told>::default());
    let same = || vec![plan("smtp", 30, 20_000)];
    let (health, mut bus) = one(target(server.address, same(), &first));
    until_told(&first, 1).await;
    let probes = || health.status()[0].monitors[0].probes;
    until("it was probed", || probes() > 3).await;
    let before = probes();
    let since = health.status()[0].since.clone();
    health.reload(vec![target(server.address, same(), &second)]);
    assert_eq!(
        second.all(),
        [(true, "monitor smtp succeeded".to_owned())],
        "at once"
    );
    assert!(probes() >= before, "the monitor went on");
    assert_eq!(health.status()[0].since, since);
    assert_eq!(events(&mut bus).len(), 1, "nothing new");

    // Another address is another member.
    let other = Server::start("127.0.0.1:0", GOOD).await;
    let third = Arc::<Told>::default();
    health.reload(vec![target(other.address, same(), &third)]);
    until("the other is probed", || other.sessions() > 2).await;
    assert_eq!(third.all().len(), 1);
    let gone = server.sessions();
    let now = other.sessions();
    until("the other is probed on", || other.sessions() > now + 3).await;
    assert!(server.sessions() <= gone + 1, "the first is left alone");
}

/// A change of the monitor begins its view anew, and leaves the member as it was till then.
#[tokio::test]
async fn a_changed_monitor_does_not_flap() {
    let server = Server::start("127.0.0.1:0", GOOD).await;
    let told = Arc::<Told>::default();
    let (health, mut bus) = one(target(
        server.address,
        vec![plan("smtp", 30, 20_000)],
        &told,
    ));
    until_told(&told, 1).await;
    health.reload(vec![target(
        server.address,
        vec![plan("smtp", 40, 20_000)],
        &told,
    )]);
    let status = health.status().remove(0);
    assert_eq!((status.state, status.monitors[0].probes), (State::Up, 0));
    until("it was probed", || {
        health.status()[0].monitors[0].probes > 2
    })
    .await;
    assert!(told.all().iter().all(|(up, _)| *up));
    assert_eq!(events(&mut bus).len(), 1);
}

#[tokio::test]
async fn shutdown_ends_all_probes() {
    let server = Server::start("127.0.0.1:0", GOOD).await;
    let told = Arc::<Told>::default();
    let (health, _events) = one(target(
        server.address,
        vec![plan("smtp", 10, 20_000)],
        &told,
    ));
    until_told(&told, 1).await;
    health.shutdown();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let sessions = server.sessions();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.sessions(), sessions);
    assert_eq!(health.status()[0].state, State::Up, "states stay");
}

/// With `fall` failures count at once, with `rise` one success is not enough.
#[tokio::test]
async fn rise_and_fall() {
    let address = lonely(5);
    let told = Arc::<Told>::default();
    let mut counted = plan("smtp", 20, 60_000);
    (counted.rise, counted.fall) = (3, Some(2));
    let (health, _events) = one(target(address.parse().unwrap(), vec![counted], &told));
    assert_eq!(
        until_told(&told, 1).await,
        [(false, "connect: refused".to_owned())]
    );
    let probes = || {
        let monitor = health.status().remove(0).monitors.remove(0);
        monitor.probes - monitor.failures
    };
    let server = Server::start(&address, GOOD).await;
    assert!(until_told(&told, 2).await[1].0);
    assert!(probes() >= 3);
    drop(server);
    assert!(!until_told(&told, 3).await[2].0);
}

#[tokio::test]
async fn at_least_one_of_two() {
    let address = lonely(6);
    let told = Arc::<Told>::default();
    let server = Server::start(&address, GOOD).await;
    let mut wrong = plan("wrong", 20, 100);
    wrong.kind = MonitorKind::Smtp(SmtpMonitorPlan {
        domain: "no domain".to_owned(),
        source: None,
        tls: None,
        auth: None,
        message: None,
    });
    let mut either = target(server.address, vec![wrong, plan("good", 20, 300)], &told);
    either.min_monitors = 1;
    let (health, mut bus) = one(either);
    assert!(until_told(&told, 1).await[0].0);
    until("one is down", || {
        health.status()[0].monitors[0].state == State::Down
    })
    .await;
    assert_eq!(health.status()[0].state, State::Up);
    drop(server);
    assert!(!until_told(&told, 2).await[1].0);
    let events = events(&mut bus);
    assert_eq!((&*events[1].monitor, events[1].former), ("good", "up"));
}

#[tokio::test]
async fn what_is_held_waits_for_an_operator() {
    let address = lonely(7);
    let told = Arc::<Told>::default();
    let mut held = plan("smtp", 20, 100);
    held.manual_resume = true;
    let (health, _events) = one(target(address.parse().unwrap(), vec![held], &told));
    assert!(!until_told(&told, 1).await[0].0);
    let _server = Server::start(&address, GOOD).await;
    let monitor = || health.status().remove(0).monitors.remove(0);
    until("it succeeds", || monitor().state == State::Up).await;
    assert!(monitor().held);
    assert_eq!(health.status()[0].state, State::Down);
    assert_eq!(told.all().len(), 1);
    assert_eq!(health.resume("mail", "mx2"), None);
    assert_eq!(health.resume("mail", "mx1"), Some(true));
    assert_eq!(told.all()[1], (true, "resumed by an operator".to_owned()));
    assert_eq!(health.resume("mail", "mx1"), Some(false));
}

#[tokio::test]
async fn failing_sessions_take_a_member_down_for_a_while() {
    let told = Arc::<Told>::default();
    let mut inband = plan("sessions", 1000, 1000);
    inband.kind = MonitorKind::Inband(InbandMonitorPlan {
        failures: 3,
        failure_interval: Duration::from_secs(30),
        retry: Duration::from_secs(1),
        retry_max: Duration::from_mins(5),
    });
    told.1.store(100, Ordering::Relaxed);
    let (_health, mut bus) = one(target(lonely(8).parse().unwrap(), vec![inband], &told));
    assert!(
        until_told(&told, 1).await[0].0,
        "what was before counts not"
    );
    told.1.fetch_add(3, Ordering::Relaxed);
    let down = (
        false,
        "3 sessions failed within 30 s, again tried in 1 s".to_owned(),
    );
    assert_eq!(until_told(&told, 2).await[1], down);
    let up = (true, "sessions are tried again".to_owned());
    assert_eq!(until_told(&told, 3).await[2], up);
    assert_eq!(&*events(&mut bus)[1].monitor, "sessions");
}
