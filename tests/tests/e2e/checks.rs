//! Security checks that ask DNS or the store: a daemon on loopback, a real name server behind a relay that
//! counts what is asked, and a client.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use smtp_lb_tests::daemon::binary;
use smtp_lb_tests::knot::Knot;
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::wait::{LONG, until};
use tempfile::TempDir;

const LINES: &[&str] = &[
    "@ MX 10 mail",
    "@ TXT \"v=spf1 a:mail.good.test -all\"",
    "mail A 192.0.2.7",
    "plain A 192.0.2.7",
    "none MX 0 .",
    "fails MX 10 mail",
    "fails TXT \"v=spf1 -all\"",
    "soft MX 10 mail",
    "soft TXT \"v=spf1 ~all\"",
    "c1 CNAME c2",
    "c2 CNAME c3",
    "c3 CNAME @",
];

/// All that ask DNS.
const BY_DNS: &str = r#"
    [smtp_profile.client_dns]
    alarm = true
    block = true
    [smtp_profile.dnsbl]
    alarm = true
    block = true
    lists = [{ zone = "bl.good.test" }]
    [smtp_profile.sender_domain]
    alarm = true
    block = true
    [smtp_profile.spf]
    alarm = true
    block = true
"#;

/// Datagrams to a name server and back, counted.
struct Relay {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let (asked, ends) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (count, end) = (Arc::clone(&asked), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let mut datagram = [0; 4096];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut datagram) else {
                    continue;
                };
                count.fetch_add(1, Ordering::Relaxed);
                let way = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                way.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                way.send_to(&datagram[..length], server).unwrap();
                if let Ok(length) = way.recv(&mut datagram) {
                    let _ = socket.send_to(&datagram[..length], client);
                }
            }
        });
        Self {
            address,
            asked,
            ends,
            thread: Some(thread),
        }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A daemon with a profile, and a member.
struct Stage {
    child: Child,
    folder: TempDir,
    listen: SocketAddr,
    relay: Relay,
    member: SmtpServer,
    _knot: Knot,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stage {
    /// `reverse`: what the client is called.
    fn start(checks: &str, reverse: &[&str], on_list: bool) -> Self {
        let mut lines = LINES.to_vec();
        if on_list {
            lines.push("7.2.0.192.bl A 127.0.0.2");
        }
        let mut back = vec!["9 PTR nobody.good.test."];
        back.extend(reverse);
        let zones: [(&str, &[&str]); 3] = [
            ("good.test", &lines),
            ("2.0.192.in-addr.arpa", &back),
            ("broken.test", &[]),
        ];
        let knot = Knot::start(&zones).unwrap();
        let relay = Relay::start(knot.address());
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let member = SmtpServer::start(None, "member.test", &[at]).unwrap();
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let listen = SocketAddr::from(([127, a | 64, b, c.max(1)], 2525));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let config = format!(
            r#"
            [general]
            workers = 1
            state_path = "{path}/state"
            [admin]
            socket = "{path}/admin.sock"
            [firewall]
            enforcement = "userspace"
            pin_path = "{path}/pins"
            [dns]
            servers = ["{}"]
            timeout = "2s"
            [[virtual_server]]
            name = "mx"
            listen = ["{listen}"]
            pool = "mail"
            smtp_profile = "inbound"
            accept_proxy = {{ from = ["127.0.0.0/8"] }}
            [[pool]]
            name = "mail"
            members = ["{}"]
            [[smtp_profile]]
            name = "inbound"
            {checks}
            "#,
            relay.address,
            member.addresses()[0],
        );
        fs::write(folder.path().join("smtp-lb.toml"), config).unwrap();
        let child = run(&folder);
        let stage = Self {
            child,
            folder,
            listen,
            relay,
            member,
            _knot: knot,
        };
        stage.await_daemon();
        stage
    }

    /// Kills it, as `kill -9` does, and starts it again.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = run(&self.folder);
        self.await_daemon();
    }

    fn await_daemon(&self) {
        until("a listener", LONG, || {
            Ok(TcpStream::connect(self.listen).is_ok().then_some(()))
        })
        .unwrap();
    }

    fn client(&self) -> Client {
        let mut client = Client::over(TcpStream::connect(self.listen).unwrap()).unwrap();
        // Not of loopback: the names of that are known without asking.
        let header = b"PROXY TCP4 192.0.2.7 203.0.113.25 4711 25\r\n";
        client.write(header).unwrap();
        client.greeted().unwrap();
        client.hello().unwrap();
        client
    }

    /// The reply to MAIL of that sender.
    fn mail(&self, sender: &str) -> String {
        let mut client = self.client();
        let reply = client.ask(&format!("MAIL FROM:<{sender}>")).unwrap();
        reply.to_string()
    }

    fn cli(&self, args: &[&str]) -> Value {
        let socket = self.folder.path().join("admin.sock");
        let output = Command::new(binary().unwrap())
            .arg("--json")
            .arg("--socket")
            .arg(socket)
            .args(args)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn run(folder: &TempDir) -> Child {
    let file: PathBuf = folder.path().join("smtp-lb.toml");
    Command::new(binary().unwrap())
        .arg("run")
        .arg("--config")
        .arg(file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn what_is_in_dns_passes_and_what_is_not_is_refused() {
    let stage = Stage::start(BY_DNS, &["7 PTR mail.good.test."], false);
    for (sender, reply) in [
        ("a@good.test", "250"),
        ("a@plain.good.test", "250"),
        ("a@soft.good.test", "250"),
        ("a@c1.good.test", "250"),
        ("a@none.good.test", "550 5.7.27"),
        ("a@nowhere.good.test", "450 4.1.8"),
        ("a@fails.good.test", "550 5.7.23"),
        ("a@a.broken.test", "450 4.4.3"),
    ] {
        let said = stage.mail(sender);
        assert!(said.starts_with(reply), "<{sender}>: {said}");
    }
    let list = stage.cli(&["violations", "list"]);
    let checks = list["violations"].as_array().unwrap().iter();
    let mut checks: Vec<&str> = checks.map(|it| it["check"].as_str().unwrap()).collect();
    checks.sort_unstable();
    assert_eq!(checks, ["sender-domain", "sender-domain", "spf"]);
    let one = stage.cli(&["violations", "list", "--check", "spf"]);
    let id = one["violations"][0]["id"].as_str().unwrap();
    let shown = stage.cli(&["violations", "show", id]);
    assert_eq!(shown["sender"], "a@fails.good.test");
    assert!(shown["reply"].as_str().unwrap().starts_with("550 5.7.23"));
    let stats = stage.cli(&["violations", "stats"]);
    let blocked = stats["checks"].as_array().unwrap().iter();
    let blocked: u64 = blocked.map(|it| it["blocked"].as_u64().unwrap()).sum();
    assert_eq!(blocked, 3);
}

#[test]
fn clients_without_a_name_and_clients_that_are_listed_are_refused() {
    let nameless = Stage::start(BY_DNS, &[], false);
    assert!(nameless.mail("a@good.test").starts_with("550 5.7.25"));
    drop(nameless);
    let forged = Stage::start(BY_DNS, &["7 PTR nobody.good.test."], false);
    assert!(forged.mail("a@good.test").starts_with("550 5.7.25"));
    drop(forged);
    let listed = Stage::start(BY_DNS, &["7 PTR mail.good.test."], true);
    assert!(listed.mail("a@good.test").starts_with("550 5.7.1"));
}

#[test]
fn checks_that_do_not_run_ask_nothing() {
    let stage = Stage::start(
        &BY_DNS.replace("= true", "= false"),
        &["7 PTR mail.good.test."],
        true,
    );
    assert!(stage.mail("a@nowhere.good.test").starts_with("250"));
    let message = Message::new("unchecked", 1000);
    stage.client().send(&message).unwrap();
    assert_eq!(stage.relay.asked(), 0);
    assert_eq!(stage.member.messages(), 1);
    let stats = stage.cli(&["violations", "stats"]);
    assert_eq!(stats["checks"].as_array().unwrap().len(), 0);
}

#[test]
fn alarm_alone_lets_through_and_tells() {
    let stage = Stage::start(&BY_DNS.replace("block = true", ""), &[], true);
    assert!(stage.mail("a@fails.good.test").starts_with("250"));
    let list = stage.cli(&["violations", "list", "--action", "alarm"]);
    let checks = list["violations"].as_array().unwrap().iter();
    let mut checks: Vec<&str> = checks.map(|it| it["check"].as_str().unwrap()).collect();
    checks.sort_unstable();
    assert_eq!(checks, ["client-dns", "dnsbl", "spf"]);
    assert!(stage.relay.asked() > 0);
}

#[test]
fn greylisting_is_seen_steered_and_survives_a_kill() {
    let checks = "[smtp_profile.greylist]\nalarm = true\nblock = true\n";
    let mut stage = Stage::start(checks, &[], false);
    let rcpt = |stage: &Stage| {
        let mut client = stage.client();
        client.command("MAIL FROM:<a@good.test>", 250).unwrap();
        let reply = client.ask("RCPT TO:<joe@good.test>").unwrap();
        reply.to_string()
    };
    let said = rcpt(&stage);
    assert!(said.starts_with("450 4.7.1"), "{said}");
    let listed = stage.cli(&["greylist", "list", "joe@"]);
    let entry = &listed["entries"][0];
    assert_eq!(entry["client"], "192.0.2.0/24");
    assert_eq!(entry["state"], "waits");
    assert_eq!(entry["triplet"]["sender"], "a@good.test");
    stage.cli(&["greylist", "allow", "192.0.2.7"]);
    assert!(rcpt(&stage).starts_with("250"));
    // It is on the disk within 200 ms, and what a kill finds there is whole.
    thread::sleep(Duration::from_secs(1));
    stage.kill();
    assert!(rcpt(&stage).starts_with("250"), "it is remembered");
    let removed = stage.cli(&["greylist", "remove", "192.0.2.7"]);
    assert_eq!(removed["removed"], 2);
    assert!(rcpt(&stage).starts_with("450 4.7.1"), "it is forgotten");
    assert_eq!(stage.relay.asked(), 0);
}
