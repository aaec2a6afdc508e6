//! The daemon is killed while it writes to a queue on disk, again and again: what it had accepted
//! arrives, and nothing else does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Times that it is killed.
const KILLS: u32 = 50;
/// No wait is longer for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every whole record that a collector read: its sequence number and text. All connections are read to
/// their ends.
#[derive(Default)]
struct Collector {
    numbers: BTreeSet<u64>,
    records: u64,
}

fn collect(listener: TcpListener) -> Arc<Mutex<Collector>> {
    let collector = Arc::<Mutex<Collector>>::default();
    let shared = Arc::clone(&collector);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.unwrap());
                while let Some(record) = record(&mut reader) {
                    let number = check(&record);
                    let mut collector = shared.lock().unwrap();
                    collector.numbers.insert(number);
                    collector.records += 1;
                }
            });
        }
    });
    collector
}

/// A record by its length (RFC 6587); `None`: the connection ended, in one or behind one.
fn record(reader: &mut impl BufRead) -> Option<String> {
    let mut length = Vec::new();
    reader.read_until(b' ', &mut length).ok()?;
    let length: usize = std::str::from_utf8(length.strip_suffix(b" ")?)
        .unwrap()
        .parse()
        .unwrap();
    let mut record = vec![0; length];
    reader.read_exact(&mut record).ok()?;
    Some(String::from_utf8(record).unwrap())
}

/// Sees that a record is whole, and returns its number.
fn check(record: &str) -> u64 {
    assert!(record.starts_with("<133>1 "), "{record:?}");
    let (head, text) = record.split_once("\"] ").unwrap();
    let number = head.rsplit_once("sequenceId=\"").unwrap().1;
    let detail = text.strip_prefix("log_test: ").unwrap();
    assert!(head.contains(&format!("detail=\"{detail}\"")), "{record:?}");
    let mut words = detail.split(' ');
    assert_eq!((words.next(), words.next()), (Some("test"), Some("record")));
    number.parse().unwrap()
}

fn config(dir: &Path, collector: &str) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    let [a, b, c, _] = (std::process::id() * 4).to_be_bytes();
    format!(
        "[general]\nworkers = 1\nstate_path = \"{}\"\n[admin]\nsocket = \"{}\"\n\
         [firewall]\nenforcement = \"userspace\"\npin_path = \"{}\"\n\
         [[virtual_server]]\nname = \"mx\"\nlisten = [\"127.{a}.{b}.{c}:2526\"]\npool = \"p\"\n\
         [[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:9\"]\n\
         [[log.destination]]\nname = \"siem\"\ntype = \"syslog\"\naddress = \"{collector}\"\n\
         transport = \"tcp\"\ndisk = {{ confirm = \"50ms\" }}\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"siem\"]\n",
        path("state"),
        path("admin.sock"),
        path("pins"),
    )
}

fn start(dir: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smtp-lb"))
        .args(["run", "-c"])
        .arg(dir.join("smtp-lb.toml"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let began = log.by_ref().map(Result::unwrap);
    let began: Vec<_> = began.take_while(|line| !line.contains("running")).collect();
    assert!(child.try_wait().unwrap().is_none(), "{began:?}");
    thread::spawn(move || log.for_each(drop));
    child
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-lb"));
    command
        .arg("--socket")
        .arg(dir.join("admin.sock"))
        .args(args);
    command
}

/// What is said of the destination.
fn status(dir: &Path) -> Option<Value> {
    let output = command(dir, &["log", "status", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).ok()?;
    let destination = report["destinations"][0].clone();
    let number = |name: &str| destination[name].as_u64().unwrap();
    assert_eq!(destination["lost"]["overflow"], 0);
    assert_eq!(destination["lost"]["corrupt"], 0);
    // Both halves of the ledger are not read at one instant, so nothing is said of the sum here.
    let _ = number("queued");
    Some(destination)
}

#[test]
fn what_was_accepted_survives_fifty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::fs::write(
        dir.path().join("smtp-lb.toml"),
        config(dir.path(), &address),
    )
    .unwrap();
    let collector = collect(listener);

    let mut accepted = 0;
    for kill in 0..KILLS {
        let mut daemon = start(dir.path());
        let mut load = command(dir.path(), &["log", "test", "siem", "--count", "1000000"]);
        load.stdout(Stdio::null()).stderr(Stdio::null());
        let mut load = load.spawn().unwrap();
        // At another point of its work each time.
        thread::sleep(Duration::from_millis(u64::from(kill % 10) * 7));
        if kill % 5 == 0 {
            let said = status(dir.path()).map(|said| said["disk"]["sequence"].as_u64().unwrap());
            accepted = accepted.max(said.unwrap_or(0));
        }
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        load.wait().unwrap();
    }

    let mut daemon = start(dir.path());
    let started = Instant::now();
    let last = loop {
        let said = status(dir.path()).unwrap();
        if said["queued"] == 0 && said["state"] == "up" {
            let told = said["sent"].as_u64().unwrap();
            assert_eq!(
                said["carried"].as_u64().unwrap() + said["offered"].as_u64().unwrap(),
                told
            );
            break said;
        }
        assert!(started.elapsed() < PATIENCE, "{said}");
        thread::sleep(Duration::from_millis(20));
    };
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let collector = collector.lock().unwrap();
    let newest = last["disk"]["sequence"].as_u64().unwrap();
    assert!(accepted > 0 && newest >= accepted, "{newest} {accepted}");
    let missing: Vec<_> = (1..=newest)
        .filter(|number| !collector.numbers.contains(number))
        .take(10)
        .collect();
    assert!(missing.is_empty(), "of {newest}, not there: {missing:?}");
    assert_eq!(
        collector.numbers.len() as u64,
        newest,
        "none that nobody accepted"
    );
    println!(
        "{newest} records, {} of them more than once, {} torn",
        collector.records - newest,
        last["disk"]["torn"]
    );
}
