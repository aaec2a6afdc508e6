//! The daemon as its control socket and its signals meet it. Loopback and userspace only; the
//! tests of the workspace's own package do the rest in namespaces.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// No test waits longer for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon of one virtual server, on a port that the kernel chose, with a folder of its own.
struct Daemon {
    child: Child,
    dir: TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that no other test uses: each test runs in a process of its own or is counted.
fn listen() -> SocketAddr {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    thread_local!(static OWN: u32 = TESTS.fetch_add(1, Ordering::Relaxed));
    let [_, a, b, c] = OWN
        .with(|own| std::process::id() * 16 + own % 16)
        .to_be_bytes();
    SocketAddr::from(([127, a, b, c.max(1)], 2525))
}

/// A configuration in `dir`; `members` are of the only pool.
fn config(dir: &Path, workers: usize, members: &[SocketAddr]) -> String {
    config_of(dir, workers, members, false)
}

fn config_of(dir: &Path, workers: usize, members: &[SocketAddr], monitored: bool) -> String {
    let listen = listen();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let members: Vec<_> = members.iter().map(ToString::to_string).collect();
    format!(
        r#"
        [general]
        workers = {workers}
        grace = "1h"
        state_path = "{state}"
        [admin]
        socket = "{socket}"
        [firewall]
        enforcement = "userspace"
        pin_path = "{pins}"
        [[virtual_server]]
        name = "mx"
        listen = ["{listen}"]
        pool = "mail"
        [[pool]]
        name = "mail"
        members = {members:?}
        {monitors}
        [[monitor]]
        name = "quick"
        type = "smtp"
        interval = "50ms"
        timeout = "200ms"
        [log]
        system_profile = "all"
        [[log.destination]]
        name = "file"
        type = "file"
        path = "{events}"
        [[log.publisher]]
        name = "all"
        destinations = ["file"]
        [[log.profile]]
        name = "all"
        publisher = "all"
        "#,
        state = path("state"),
        socket = path("admin.sock"),
        pins = path("pins"),
        events = path("events.jsonl"),
        monitors = if monitored {
            "monitors = [\"quick\"]"
        } else {
            ""
        },
    )
}

impl Daemon {
    fn start(members: &[SocketAddr]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("smtp-lb.toml");
        fs::write(&file, config(dir.path(), 1, members)).unwrap();
        let (child, began) = Self::spawn(&file);
        let daemon = Self { child, dir };
        assert!(daemon.socket().exists(), "{began}");
        daemon
    }

    /// Kills it, and starts it again. What it said until it ran.
    fn restart(&mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, began) = Self::spawn(&self.file());
        self.child = child;
        began
    }

    fn spawn(file: &Path) -> (Child, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp-lb"))
            .args(["run", "-c"])
            .arg(file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let began: Vec<_> = log
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.contains("running"))
            .collect();
        thread::spawn(move || log.for_each(drop));
        (child, began.join("\n"))
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("smtp-lb.toml")
    }

    fn cli(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-lb"));
        command.args(args).arg("--socket").arg(self.socket());
        command
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.cli(&["status", "--json"]).stdout).unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.status()["virtual_servers"][0]["listen"][0]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(&mut self) -> i32 {
        let mut code = None;
        until("the daemon ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code().unwrap()
    }

    /// What the log file tells of the daemon itself.
    fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("events.jsonl")).unwrap_or_default();
        let records = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records
            .filter_map(|record| Some(record["what"].as_str()?.to_owned()))
            .collect()
    }
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A backend that answers each octet with itself.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

/// A session that goes through.
fn session(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    ping(&mut stream);
    stream
}

fn ping(stream: &mut TcpStream) {
    stream.write_all(b"x").unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"x");
}

#[test]
fn status_shows_what_runs() {
    let member = echo();
    let daemon = Daemon::start(&[member]);
    let _session = session(daemon.address());
    let status = daemon.status();
    assert_eq!(status["phase"], "running");
    assert_eq!(status["pid"], daemon.child.id());
    assert_eq!(status["firewall"]["enforcement"], "userspace");
    assert_eq!(status["virtual_servers"][0]["active"], 1);
    assert_eq!(status["pools"][0]["members"][0]["active"], 1);
    assert_eq!(
        status["pools"][0]["members"][0]["address"],
        member.to_string()
    );
    assert_eq!(status["log"]["destinations"][0]["name"], "file");
    let text = String::from_utf8(daemon.cli(&["status"]).stdout).unwrap();
    for word in [
        "smtp-lb ",
        "mx",
        "mail",
        &member.to_string(),
        "userspace",
        "file",
    ] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn a_second_daemon_is_told() {
    let daemon = Daemon::start(&[echo()]);
    let second = Command::new(env!("CARGO_BIN_EXE_smtp-lb"))
        .args(["run", "-c"])
        .arg(daemon.file())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(10));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already running"));
    assert_eq!(daemon.status()["pid"], daemon.child.id());
}

#[test]
fn a_reload_takes_all_or_nothing() {
    let (first, second) = (echo(), echo());
    let daemon = Daemon::start(&[first]);
    let mut old = session(daemon.address());

    let before = daemon.status()["pools"].clone();
    fs::write(
        daemon.file(),
        config(daemon.dir.path(), 1, &[second]) + "\nwrong = 1\n",
    )
    .unwrap();
    let refused = daemon.cli(&["reload"]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{why}");
    assert!(
        why.contains("nothing was changed") && why.contains("wrong"),
        "{why}"
    );
    assert_eq!(daemon.status()["pools"], before);

    fs::write(daemon.file(), config(daemon.dir.path(), 2, &[second])).unwrap();
    let refused = daemon.cli(&["reload"]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(9), "{why}");
    assert!(why.contains("general.workers"), "{why}");
    assert_eq!(daemon.status()["pools"], before);

    fs::write(daemon.file(), config(daemon.dir.path(), 1, &[second])).unwrap();
    let done = daemon.cli(&["reload"]);
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let _new = session(daemon.address());
    let status = daemon.status();
    assert_eq!(
        status["pools"][0]["members"][0]["address"],
        second.to_string()
    );
    assert_eq!(status["pools"][0]["members"][0]["active"], 1);
    assert_eq!(status["virtual_servers"][0]["active"], 2);
    ping(&mut old);
    until("the events are in the file", || {
        daemon.told() == ["started", "reload_failed", "reload_failed", "reloaded"]
    });
}

#[test]
fn monitors_judge_the_members_of_the_plan_in_force() {
    let daemon = Daemon::start(&[echo()]);
    let member = || daemon.status()["pools"][0]["members"][0].clone();
    assert_eq!(
        (member()["state"].clone(), member()["reason"].clone()),
        ("up".into(), "no monitor".into())
    );

    // The backend speaks no SMTP.
    let silent = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    fs::write(
        daemon.file(),
        config_of(daemon.dir.path(), 1, &[silent], true),
    )
    .unwrap();
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    until("the member is down", || member()["state"] == "down");
    let text = fs::read_to_string(daemon.dir.path().join("events.jsonl")).unwrap();
    assert!(text.contains("\"event\":\"health\""), "{text}");

    fs::write(daemon.file(), config(daemon.dir.path(), 1, &[silent])).unwrap();
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    assert_eq!(member()["state"], "up");
}

#[test]
fn a_hangup_reloads() {
    let (first, second) = (echo(), echo());
    let daemon = Daemon::start(&[first]);
    fs::write(daemon.file(), config(daemon.dir.path(), 1, &[second])).unwrap();
    daemon.signal(Signal::HUP);
    until("the new member is there", || {
        daemon.status()["pools"][0]["members"][0]["address"] == second.to_string()
    });
    fs::write(daemon.file(), "broken").unwrap();
    daemon.signal(Signal::HUP);
    until("the failure is told", || {
        daemon.told().contains(&"reload_failed".to_owned())
    });
    assert_eq!(
        daemon.status()["pools"][0]["members"][0]["address"],
        second.to_string()
    );
}

#[test]
fn a_stop_lets_sessions_end() {
    let mut daemon = Daemon::start(&[echo()]);
    let address = daemon.address();
    let mut open = session(address);
    daemon.signal(Signal::TERM);
    until("nobody is taken in", || {
        TcpStream::connect(address).is_err()
    });
    assert_eq!(daemon.status()["phase"], "draining");
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(9));
    ping(&mut open);
    drop(open);
    assert_eq!(daemon.wait(), 0);
    assert!(!daemon.socket().exists());
    assert_eq!(daemon.told().last().unwrap(), "stopped");
}

#[test]
fn a_second_signal_ends_sessions_at_once() {
    let mut daemon = Daemon::start(&[echo()]);
    let address = daemon.address();
    let mut open = session(address);
    daemon.signal(Signal::INT);
    until("nobody is taken in", || {
        TcpStream::connect(address).is_err()
    });
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait(), 0);
    assert!(!matches!(open.read(&mut [0]), Ok(1..)));
}

#[test]
fn events_are_followed_until_interrupted() {
    let daemon = Daemon::start(&[echo()]);
    let mut follow = daemon
        .command(&["events", "follow", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    // Reloads until the follower has come in and seen one; it may see the start, too.
    until("a reload is told", || {
        daemon.cli(&["reload"]);
        receiver.try_iter().any(|line| {
            let event: Value = serde_json::from_str(&line).unwrap();
            event["event"] == "system" && event["what"] == "reloaded"
        })
    });
    kill_process(Pid::from_child(&follow), Signal::INT).unwrap();
    assert_eq!(follow.wait().unwrap().code(), Some(0));
}

#[test]
fn the_firewall_answers() {
    let daemon = Daemon::start(&[echo()]);
    let list: Value =
        serde_json::from_slice(&daemon.cli(&["firewall", "list", "--json"]).stdout).unwrap();
    assert!(
        list["contexts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["context"] == "host"),
        "{list}"
    );
    let counters = daemon.cli(&["firewall", "counters", "--json"]);
    let counters: Value = serde_json::from_slice(&counters.stdout).unwrap();
    assert!(counters["received"]["packets"].is_u64(), "{counters}");
    let explain = [
        "firewall",
        "explain",
        "--src",
        "192.0.2.1",
        "--dst",
        "127.0.0.1",
        "--dport",
        "25",
    ];
    let text = String::from_utf8(daemon.cli(&explain).stdout).unwrap();
    assert!(text.starts_with("accept (default)"), "{text}");
}

/// A mail server that lets nobody log in.
fn mail_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            thread::spawn(move || {
                let mut answer = "220 mx\r\n".to_owned();
                let mut line = String::new();
                while stream.get_mut().write_all(answer.as_bytes()).is_ok() {
                    line.clear();
                    if stream.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    answer = match line.split([' ', '\r']).next() {
                        Some("EHLO") => "250-mx\r\n250 AUTH PLAIN\r\n".to_owned(),
                        Some("AUTH") => format!("535 no \x1b[31m {}", &line[11..]),
                        Some("QUIT") => "221 bye\r\n".to_owned(),
                        _ => "500 what\r\n".to_owned(),
                    };
                }
            });
        }
    });
    address
}

#[test]
fn a_member_is_probed_now() {
    let member = mail_server();
    let daemon = Daemon::start(&[member]);
    let password = daemon.dir.path().join("password");
    fs::write(&password, "correct horse\n").unwrap();
    let login = format!(
        "[[monitor]]\nname = \"login\"\ntype = \"smtp\"\ndomain = \"lb.example\"\n\
         auth = {{ user = \"probe\", password = \"file:{}\" }}\n",
        password.display()
    );
    let text = config_of(daemon.dir.path(), 1, &[member], true);
    fs::write(daemon.file(), text + &login).unwrap();
    assert!(daemon.cli(&["reload"]).status.success());

    let name = member.to_string();
    let good = daemon.cli(&["monitor", "test", &name]);
    let shown = String::from_utf8(good.stdout).unwrap();
    assert_eq!(good.status.code(), Some(0), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], format!("monitor quick of mail/{name} at {name}"));
    assert_eq!(lines[1], "< 220 mx");
    assert_eq!(
        lines[3..7],
        ["< 250-mx", "< 250 AUTH PLAIN", "> QUIT", "< 221 bye"]
    );
    assert!(lines[7].starts_with("ok in "), "{shown}");

    let bad = daemon.cli(&[
        "monitor",
        "test",
        &format!("mail/{name}"),
        "--monitor",
        "login",
    ]);
    let (shown, why) = (
        String::from_utf8(bad.stdout).unwrap(),
        String::from_utf8(bad.stderr).unwrap(),
    );
    assert_eq!(bad.status.code(), Some(13), "{shown}{why}");
    assert!(why.contains("1 of 1 probes failed"), "{why}");
    assert!(
        shown.contains("> AUTH PLAIN ********\n< 535 no \\x1b[31m ********\n"),
        "{shown}"
    );
    assert!(shown.contains("\nfailed at AUTH after "), "{shown}");
    let bad = daemon.cli(&["--json", "monitor", "test", &name, "--monitor", "login"]);
    let probe = &serde_json::from_slice::<Value>(&bad.stdout).unwrap()["probes"][0];
    assert_eq!(
        (&probe["success"], &probe["step"]),
        (&Value::Bool(false), &"AUTH".into())
    );

    for (arguments, says) in [
        (
            &["monitor", "test", "nobody"][..],
            "there is no member \"nobody\"",
        ),
        (
            &["monitor", "test", &name, "--monitor", "none"],
            "there is no monitor \"none\"",
        ),
        (&["monitor", "resume", "nobody"], "there is no member"),
    ] {
        let refused = daemon.cli(arguments);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(9), "{why}");
        assert!(why.contains(says), "{why}");
    }
    let resumed = daemon.cli(&["monitor", "resume", &name]);
    assert_eq!(
        String::from_utf8_lossy(&resumed.stdout),
        "nothing was held down\n"
    );
}

#[test]
fn what_operators_say_of_members_outlives_a_reload_and_a_kill() {
    let (first, second) = (echo(), echo());
    let mut daemon = Daemon::start(&[first, second]);
    let (one, other) = (first.to_string(), second.to_string());
    let said = |daemon: &Daemon| -> Vec<String> {
        let status = daemon.status();
        let members = status["pools"][0]["members"].as_array().unwrap();
        let said = members
            .iter()
            .map(|it| it["administration"].as_str().unwrap().to_owned());
        said.collect()
    };
    let mut running = session(daemon.address());
    let done = daemon.cli(&["member", "disable", &one, "--json"]);
    let done: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done["kept"], true);
    assert_eq!(done["changed"][0]["before"], "enabled");
    let drained = daemon.cli(&[
        "member",
        "drain",
        &format!("mail/{other}"),
        "--within",
        "1h",
    ]);
    assert_eq!(drained.status.code(), Some(0));
    assert_eq!(said(&daemon), ["disabled", "draining"]);
    // Running ones go on, and no other gets through.
    ping(&mut running);
    let mut refused = String::new();
    let mut client = TcpStream::connect(daemon.address()).unwrap();
    client.read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("421 "), "{refused}");

    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    assert_eq!(said(&daemon), ["disabled", "draining"]);
    ping(&mut running);
    daemon.restart();
    assert_eq!(said(&daemon), ["disabled", "draining"]);
    let until = daemon.status()["pools"][0]["members"][1]["drain_until"].clone();
    assert!(until.is_u64(), "{until}");

    // A member that is taken out of the file and put back is what it was.
    fs::write(daemon.file(), config(daemon.dir.path(), 1, &[second])).unwrap();
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    assert_eq!(said(&daemon), ["draining"]);
    fs::write(
        daemon.file(),
        config(daemon.dir.path(), 1, &[first, second]),
    )
    .unwrap();
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    assert_eq!(said(&daemon), ["disabled", "draining"]);

    for member in [&one, &other] {
        assert_eq!(
            daemon.cli(&["member", "enable", member]).status.code(),
            Some(0)
        );
    }
    session(daemon.address());
    let events = daemon.cli(&["pool", "events", "mail", "--json"]);
    let events: Value = serde_json::from_slice(&events.stdout).unwrap();
    let changes: Vec<_> = events["events"].as_array().unwrap().iter().collect();
    assert_eq!(changes.len(), 2, "{events}");
    assert_eq!(
        (&changes[0]["change"], &changes[0]["member"]),
        (&"enabled".into(), &one.clone().into())
    );
    let by = changes[0]["by"].as_str().unwrap();
    let user = rustix::process::getuid().as_raw();
    assert!(by.starts_with(&format!("uid {user}, pid ")), "{by}");

    // A file that makes no sense: a warning, and all are enabled.
    daemon.cli(&["member", "offline", &one]);
    let kept = daemon.dir.path().join("state/members.json");
    fs::write(&kept, "{").unwrap();
    let began = daemon.restart();
    assert!(began.contains("members.json.corrupt"), "{began}");
    assert_eq!(said(&daemon), ["enabled", "enabled"]);
    assert!(!kept.exists());
}

#[test]
fn members_that_cannot_be_meant_are_named() {
    let daemon = Daemon::start(&[echo()]);
    for (args, code, why) in [
        (
            &["member", "disable", "nobody"][..],
            9,
            "there is no member",
        ),
        (
            &["member", "drain", "nobody", "--within", "5"],
            2,
            "has no unit",
        ),
        (&["pool", "show", "nobody"], 9, "there is no pool"),
        (&["pool", "events", "nobody"], 9, "there is no pool"),
    ] {
        let output = daemon.cli(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(why), "{args:?}: {said}");
    }
    let shown = String::from_utf8(daemon.cli(&["pool", "show"]).stdout).unwrap();
    for word in [
        "pool mail: balance least-connections",
        "limits:",
        "queue: none",
        "enabled",
    ] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    let listed = String::from_utf8(daemon.cli(&["pool", "list"]).stdout).unwrap();
    assert!(listed.contains("ENABLED"), "{listed}");
}

#[test]
fn a_start_goes_on_without_a_folder_of_state() {
    let member = echo();
    let mut daemon = Daemon::start(&[member]);
    let text = fs::read_to_string(daemon.file()).unwrap();
    let blocked = daemon.dir.path().join("events.jsonl/state");
    let state = daemon.dir.path().join("state");
    let text = text.replace(state.to_str().unwrap(), blocked.to_str().unwrap());
    fs::write(daemon.file(), text).unwrap();
    let began = daemon.restart();
    assert!(
        began.contains("nothing that is set now survives a restart"),
        "{began}"
    );
    session(daemon.address());
    let set = daemon.cli(&["member", "disable", &member.to_string()]);
    assert_eq!(set.status.code(), Some(0));
    let said = String::from_utf8_lossy(&set.stdout).into_owned();
    assert!(said.contains("does not survive a restart"), "{said}");
}

#[test]
fn a_start_goes_on_without_the_addresses_of_a_name() {
    let (member, other) = (echo(), echo());
    let mut daemon = Daemon::start(&[member, other]);
    let text = fs::read_to_string(daemon.file()).unwrap();
    let text = text.replace(&other.to_string(), "no-such-host.invalid:25");
    fs::write(daemon.file(), text).unwrap();
    let began = daemon.restart();
    assert!(began.contains("the name cannot be resolved"), "{began}");
    for _ in 0..3 {
        session(daemon.address());
    }
    let shown = daemon.cli(&["pool", "show", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["names"][0]["host"], "no-such-host.invalid");
    assert!(shown["names"][0]["failure"].is_string(), "{shown}");
    assert_eq!(shown["pools"][0]["members"].as_array().unwrap().len(), 1);
    // As a reload does, and what is said of the name waits for its addresses.
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(0));
    let said = daemon.cli(&["member", "disable", "no-such-host.invalid:25"]);
    assert_eq!(said.status.code(), Some(0));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("no address"), "{text}");
}
