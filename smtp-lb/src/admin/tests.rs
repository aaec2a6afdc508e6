//! The API over a real socket, with a made-up daemon behind it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};

use super::api::*;
use super::api::{EventQuery, LogReport, LogTest, TestReport};
use super::client::{Client, ClientError};
use super::socket::{Claim, SocketError};
use super::{Bounds, Control, Part, Refusal, Server};
use crate::event::{BusStatus, FollowerStatus, PublisherStatus};
use crate::firewall::InForce;

/// A daemon with one of everything, which stops at `gate` in a reload.
#[derive(Default)]
struct Fake {
    entered: Arc<Notify>,
    gate: Arc<Notify>,
    reloaded: Arc<Notify>,
    /// What was done to what.
    told: Mutex<Vec<(&'static str, String, bool)>>,
}

impl Control for Fake {
    fn status(&self) -> Status {
        Status {
            version: "1".into(),
            pid: 7,
            phase: Phase::Running,
            uptime_seconds: 5,
            config: "/etc/x".into(),
            workers: 1,
            firewall: FirewallStatus {
                mode: "adc".into(),
                enforcement: "auto".into(),
                in_force: InForce::Off,
                interfaces: vec![],
                warnings: vec!["loud".into()],
                events: None,
                syn_protection: vec![],
                applied: None,
            },
            virtual_servers: vec![],
            pools: vec![],
            tls: vec![],
            log: LogStatus {
                emitted: 0,
                lost: 0,
                unasked: 0,
                destinations: vec![],
            },
        }
    }

    async fn reload(&self) -> Result<Reloaded, Refusal> {
        self.entered.notify_one();
        self.gate.notified().await;
        self.reloaded.notify_one();
        Err(Refusal::Invalid {
            rendered: "line 1".into(),
            diagnostics: serde_json::json!([1]),
        })
    }

    fn firewall(&self) -> Result<FirewallList, Refusal> {
        Ok(FirewallList {
            mode: "adc".into(),
            applied: None,
            contexts: vec![],
            syn_protection: vec![],
        })
    }

    fn staged(&self) -> Result<StagedList, Refusal> {
        Ok(StagedList { contexts: vec![] })
    }

    async fn promotion(&self, request: Promotion) -> Result<FirewallCompared, Refusal> {
        Err(Refusal::File(format!(
            "no policy is staged for {}",
            request.context
        )))
    }

    async fn promote(&self, request: Promote) -> Result<FirewallApplied, Refusal> {
        Err(Refusal::Unconfirmed {
            file: request.context,
        })
    }

    fn counters(&self) -> Result<Counters, Refusal> {
        Err(Refusal::Unavailable {
            part: Part::Firewall,
            cause: "off".into(),
        })
    }

    async fn compare(&self, file: FirewallFile) -> Result<FirewallCompared, Refusal> {
        Ok(FirewallCompared {
            revision: file.text.len() as u64,
            diff: FirewallDiff::default(),
            warnings: vec![file.name],
        })
    }

    async fn apply(&self, request: FirewallApply) -> Result<FirewallApplied, Refusal> {
        Err(Refusal::Unconfirmed {
            file: request.file.name,
        })
    }

    async fn confirm(&self) -> Result<FirewallSettled, Refusal> {
        Err(Refusal::NothingApplied)
    }

    async fn roll_back(&self) -> Result<FirewallSettled, Refusal> {
        Ok(FirewallSettled {
            file: "new.toml".into(),
            applied: None,
        })
    }

    async fn test_monitor(&self, request: &MonitorTest) -> Result<MonitorTested, Refusal> {
        Err(Refusal::BadRequest(request.member.clone()))
    }

    fn resume_monitor(&self, request: &MonitorResume) -> Result<MonitorResumed, Refusal> {
        Ok(MonitorResumed {
            resumed: vec![request.member.clone()],
        })
    }

    fn pools(&self) -> PoolList {
        PoolList {
            pools: vec![],
            names: vec![],
        }
    }

    fn pool_events(&self, request: &PoolEventsRequest) -> Result<PoolEvents, Refusal> {
        Err(Refusal::BadRequest(format!("{:?}", request.pool)))
    }

    fn set_member(&self, request: &MemberOrder, peer: Peer) -> Result<MemberSet, Refusal> {
        Ok(MemberSet {
            changed: vec![MemberChange {
                pool: peer.to_string(),
                member: request.member.clone(),
                address: "192.0.2.1:25".into(),
                before: "enabled".into(),
                now: request.state.clone(),
                drain_until: request.within_seconds,
                active: 0,
            }],
            kept: true,
            not_kept: None,
        })
    }

    fn explain(&self, request: &ExplainRequest) -> Result<Explanation, Refusal> {
        assert_ne!(request.dport, 666, "a fault in the daemon");
        Ok(Explanation {
            staged: Vec::new(),
            verdict: "accept".into(),
            reason: "default".into(),
            label: None,
            log: false,
            path: vec![request.dport.to_string()],
            listed: vec![],
        })
    }

    fn capture(&self, request: &CaptureRequest) -> Result<mpsc::Receiver<Bytes>, Refusal> {
        Err(Refusal::BadRequest(request.packets.to_string()))
    }

    fn security(&self) -> Option<crate::security::Services> {
        None
    }

    fn reputation(&self) -> Option<crate::reputation::Service> {
        None
    }

    fn log(&self) -> LogReport {
        LogReport {
            ring: None,
            bus: BusStatus {
                capacity: 1,
                queued: 0,
                accepted: 2,
                lost: 3,
            },
            publisher: PublisherStatus {
                published: 2,
                filtered: 0,
                suppressed: 0,
                unrouted: 0,
            },
            followers: FollowerStatus { count: 0, lost: 0 },
            destinations: vec![],
        }
    }

    fn administered(&self, _: Peer, operation: &'static str, object: String, done: bool) {
        let mut told = self.told.lock().unwrap();
        told.push((operation, object, done));
    }

    async fn test_log(&self, _: &LogTest) -> Result<TestReport, Refusal> {
        Err(Refusal::NotFound)
    }

    fn follow(&self, _: &EventQuery) -> Result<mpsc::Receiver<Bytes>, Refusal> {
        let (sender, receiver) = mpsc::channel(4);
        // Split over frames as the network might.
        for part in ["{\"n\":1}\n{\"n\"", ":2}\n"] {
            sender
                .try_send(Bytes::from_static(part.as_bytes()))
                .unwrap();
        }
        Ok(receiver)
    }
}

struct Daemon {
    fake: Arc<Fake>,
    path: PathBuf,
    client: Client,
    _server: Server,
    _dir: tempfile::TempDir,
}

fn daemon(bounds: Bounds) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/admin.sock");
    let fake = Arc::new(Fake::default());
    let claim = Claim::new(&path, 0o600).unwrap();
    let server = Server::start(claim, Arc::clone(&fake), bounds).unwrap();
    Daemon {
        fake,
        client: Client::new(&path),
        path,
        _server: server,
        _dir: dir,
    }
}

fn packet(dst: &str, dport: u16) -> ExplainRequest {
    ExplainRequest {
        src: "192.0.2.1".parse().unwrap(),
        dst: dst.parse().unwrap(),
        protocol: 6,
        sport: 1,
        dport,
        tcp_flags: 2,
        interface: None,
        vlan: None,
        icmp: None,
    }
}

fn code(error: ClientError) -> (Code, String) {
    match error {
        ClientError::Refused(problem) => (problem.code, problem.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_come_through() {
    let daemon = daemon(Bounds::default());
    assert_eq!(daemon.client.status().await.unwrap(), daemon.fake.status());
    assert_eq!(daemon.client.firewall().await.unwrap().mode, "adc");
    let explanation = daemon
        .client
        .explain(&packet("192.0.2.2", 25))
        .await
        .unwrap();
    assert_eq!(explanation.path, ["25"]);
}

#[tokio::test]
async fn refusals_come_through() {
    let daemon = daemon(Bounds::default());
    let (why, message) = code(daemon.client.counters().await.unwrap_err());
    assert_eq!(
        (why, message.as_str()),
        (Code::Unavailable, "firewall: off")
    );
    let (why, _) = code(
        daemon
            .client
            .explain(&packet("2001:db8::1", 25))
            .await
            .unwrap_err(),
    );
    assert_eq!(why, Code::BadRequest);
    daemon.fake.gate.notify_one();
    let ClientError::Refused(problem) = daemon.client.reload().await.unwrap_err() else {
        panic!("not refused");
    };
    assert_eq!(problem.code, Code::InvalidConfiguration);
    assert!(problem.message.contains("nothing was changed\nline 1"));
    assert_eq!(problem.diagnostics, Some(serde_json::json!([1])));
}

#[tokio::test]
async fn what_was_changed_is_told() {
    let daemon = daemon(Bounds::default());
    let (client, fake) = (&daemon.client, &daemon.fake);
    let order = MemberOrder {
        member: "mail/mx1".into(),
        state: "disabled".into(),
        within_seconds: None,
    };
    client.set_member(&order).await.unwrap();
    let resume = MonitorResume {
        member: "mx2".into(),
    };
    client.resume_monitor(&resume).await.unwrap();
    client.roll_back().await.unwrap();
    client.confirm().await.unwrap_err();
    let test = LogTest {
        destination: "siem".into(),
        count: 1,
        within_ms: 1,
    };
    client.test_log(&test).await.unwrap_err();
    client.status().await.unwrap();
    let told = fake.told.lock().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|(operation, object, done)| (*operation, object.as_str(), *done))
        .collect();
    assert_eq!(
        told,
        [
            ("member set", "mail/mx1: disabled", true),
            ("monitor resume", "mx2", true),
            ("firewall rollback", "new.toml", true),
            ("firewall confirm", "", false),
            ("log test", "siem", false),
        ]
    );
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    let daemon = daemon(Bounds::default());
    let (why, _) = code(
        daemon
            .client
            .explain(&packet("192.0.2.2", 666))
            .await
            .unwrap_err(),
    );
    assert_eq!(why, Code::Internal);
    daemon.client.status().await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_a_reload() {
    let daemon = daemon(Bounds::default());
    let client = daemon.client.clone();
    let request = tokio::spawn(async move { client.reload().await });
    daemon.fake.entered.notified().await;
    request.abort();
    daemon.client.status().await.unwrap();
    daemon.fake.gate.notify_one();
    daemon.fake.reloaded.notified().await;
}

#[tokio::test]
async fn slow_answers_are_cut_off() {
    let daemon = daemon(Bounds {
        request: Duration::from_millis(20),
        ..Bounds::default()
    });
    assert_eq!(
        code(daemon.client.reload().await.unwrap_err()).0,
        Code::Timeout
    );
}

#[tokio::test]
async fn events_stream_line_by_line() {
    let daemon = daemon(Bounds::default());
    let mut stream = daemon.client.events().await.unwrap();
    assert_eq!(stream.line().await.unwrap().unwrap(), "{\"n\":1}");
    assert_eq!(stream.line().await.unwrap().unwrap(), "{\"n\":2}");
    assert_eq!(stream.line().await.unwrap(), None);
}

#[tokio::test]
async fn a_whole_configuration_file_fits_where_one_is_asked_for() {
    let daemon = daemon(Bounds::default());
    let file = FirewallFile {
        name: "new.toml".into(),
        // As JSON writes them, twice as many.
        text: "\"\n".repeat(2 * 1024 * 1024),
    };
    let compared = daemon.client.compare(&file).await.unwrap();
    assert_eq!(compared.revision, 4 * 1024 * 1024);
    let request = FirewallApply {
        file,
        confirm_within: Some(60),
        revision: None,
    };
    let (why, message) = code(daemon.client.apply(&request).await.unwrap_err());
    assert_eq!(why, Code::Refused);
    assert!(message.contains("new.toml waits"), "{message}");
    let (why, _) = code(daemon.client.confirm().await.unwrap_err());
    assert_eq!(why, Code::Refused);
    let settled = daemon.client.roll_back().await.unwrap();
    assert_eq!(settled.file, "new.toml");
}

async fn raw(path: &PathBuf, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn bad_requests_are_answered() {
    let daemon = daemon(Bounds {
        body: 64,
        ..Bounds::default()
    });
    let big = format!(
        "POST /v1/firewall/explain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{}",
        " ".repeat(1000)
    );
    for (request, status, code) in [
        (big.as_str(), "400", "bad_request"),
        (
            "GET /v1/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "404",
            "not_found",
        ),
        (
            "GET /v1/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "404",
            "not_found",
        ),
    ] {
        let answer = raw(&daemon.path, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
}

#[tokio::test]
async fn silent_clients_lose_their_place() {
    let bounds = Bounds {
        connections: 1,
        head: Duration::from_millis(50),
        ..Bounds::default()
    };
    let daemon = daemon(bounds);
    // Takes the only place and says nothing; the next waits for it to be thrown out.
    let mut silent = UnixStream::connect(&daemon.path).await.unwrap();
    daemon.client.status().await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[test]
fn socket_has_its_mode_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/admin.sock");
    for mode in [0o600, 0o660] {
        let claim = Claim::new(&path, mode).unwrap();
        let meta = fs::symlink_metadata(&path).unwrap();
        assert!(meta.file_type().is_socket());
        assert_eq!(meta.permissions().mode() & 0o7777, mode);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        drop(claim);
        assert!(!path.exists());
    }
}

#[test]
fn a_live_daemon_keeps_its_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let _first = Claim::new(&path, 0o600).unwrap();
    assert!(matches!(Claim::new(&path, 0o600), Err(SocketError::AlreadyRunning(at)) if at == path));
    assert!(path.exists());
}

#[test]
fn a_dead_daemons_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    // Dropping a listener leaves its file, as a kill does.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let claim = Claim::new(&path, 0o600).unwrap();
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    drop(claim);
}

#[test]
fn another_daemons_socket_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let claim = Claim::new(&path, 0o600).unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(claim);
    assert!(path.exists());
}

#[test]
fn paths_that_cannot_be_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    assert!(matches!(
        Claim::new(&file, 0o600),
        Err(SocketError::NotASocket(_))
    ));
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let long = dir.path().join("x".repeat(120));
    assert!(matches!(
        Claim::new(&long, 0o600),
        Err(SocketError::BadPath(_))
    ));
    let below = file.join("admin.sock");
    assert!(matches!(
        Claim::new(&below, 0o600),
        Err(SocketError::Io { .. })
    ));
}

#[tokio::test]
async fn the_client_tells_why_there_is_no_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let client = Client::new(&path);
    assert!(matches!(
        client.status().await,
        Err(ClientError::NotRunning(_))
    ));
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(client.status().await, Err(ClientError::Stale(_))));
}
