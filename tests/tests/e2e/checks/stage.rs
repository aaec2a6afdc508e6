//! A daemon on loopback with security profiles, its name server, its member and its clients.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use smtp_lb_tests::daemon::binary;
use smtp_lb_tests::dns_relay::DnsRelay;
use smtp_lb_tests::knot::Knot;
use smtp_lb_tests::smtp_client::Client;
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
    "cnull CNAME none",
    "cfails CNAME fails",
    "dangling CNAME nowhere",
    "loop1 CNAME loop2",
    "loop2 CNAME loop1",
    "silent MX 10 mail",
    // Lists of them have it.
    "51.2.0.192.bl A 127.0.0.2",
];
/// Questions that get no answer: of this name, and of the addresses 198.51.100.0/24.
const SILENT: &[&[u8]] = &[b"\x06silent\x04good\x04test", b"\x03100\x0251\x03198"];

/// All that ask DNS.
pub(super) const BY_DNS: &str = r#"
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

/// A daemon with a profile, and a member.
pub(super) struct Stage {
    child: Child,
    folder: TempDir,
    listen: SocketAddr,
    pub(super) relay: DnsRelay,
    pub(super) member: SmtpServer,
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
    pub(super) fn start(checks: &str, reverse: &[&str], on_list: bool) -> Self {
        Self::with(
            &[("inbound".to_owned(), checks.to_owned())],
            reverse,
            on_list,
        )
    }

    /// A virtual server for each of these profiles, on ports from 2525 on.
    pub(super) fn with(profiles: &[(String, String)], reverse: &[&str], on_list: bool) -> Self {
        let huge: Vec<String> = (0..60)
            .map(|at| format!("\"{at} {}\"", "x".repeat(240)))
            .flat_map(|text| ["huge", "hugefails"].map(|name| format!("{name} TXT {text}")))
            .chain((0..500).map(|at| format!("huge A 10.0.{}.{}", at / 250, at % 250)))
            .chain([
                "huge TXT \"v=spf1 a:mail.good.test -all\"".to_owned(),
                "hugefails TXT \"v=spf1 -all\"".to_owned(),
                "hugefails MX 10 mail".to_owned(),
            ])
            .collect();
        let mut lines = LINES.to_vec();
        lines.extend(huge.iter().map(String::as_str));
        if on_list {
            lines.push("7.2.0.192.bl A 127.0.0.2");
        }
        let mut back = vec!["9 PTR nobody.good.test."];
        back.extend(reverse);
        let zones: [(&str, &[&str]); 5] = [
            ("good.test", &lines),
            ("2.0.192.in-addr.arpa", &back),
            ("100.51.198.in-addr.arpa", &["7 PTR mail.good.test."]),
            ("113.0.203.in-addr.arpa", &[]),
            ("broken.test", &[]),
        ];
        let knot = Knot::start(&zones).unwrap();
        let relay = DnsRelay::start(knot.address(), SILENT).unwrap();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let member = SmtpServer::start(None, "member.test", &[at]).unwrap();
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let listen = SocketAddr::from(([127, a | 64, b, c.max(1)], 2525));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let mut config = format!(
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
            [[pool]]
            name = "mail"
            members = ["{}"]
            [[log.destination]]
            name = "file"
            type = "file"
            path = "{path}/events.json"
            [[log.publisher]]
            name = "file"
            destinations = ["file"]
            [[log.profile]]
            name = "all"
            publisher = "file"
            sessions = "close"
            "#,
            relay.address(),
            member.addresses()[0],
        );
        for (at, (name, checks)) in (0..).zip(profiles) {
            let listen = SocketAddr::new(listen.ip(), listen.port() + at);
            write!(
                config,
                r#"
                [[virtual_server]]
                name = "{name}"
                listen = ["{listen}"]
                pool = "mail"
                smtp_profile = "{name}"
                log_profile = "all"
                accept_proxy = {{ from = ["127.0.0.0/8"] }}
                [[smtp_profile]]
                name = "{name}"
                {checks}
                "#
            )
            .unwrap();
        }
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
    pub(super) fn kill(&mut self) {
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

    pub(super) fn client(&self) -> Client {
        // Not of loopback: the names of that are known without asking.
        self.client_at(0, "192.0.2.7")
    }

    /// A client of that address at one of the virtual servers.
    pub(super) fn client_at(&self, server: usize, address: &str) -> Client {
        let mut client = self.comer_at(server, address);
        client.greeted().unwrap();
        client.hello().unwrap();
        client
    }

    /// The same, before it was greeted.
    pub(super) fn comer_at(&self, server: usize, address: &str) -> Client {
        let port = self.listen.port() + u16::try_from(server).unwrap();
        let stream = TcpStream::connect(SocketAddr::new(self.listen.ip(), port)).unwrap();
        let mut client = Client::over(stream).unwrap();
        let header = format!("PROXY TCP4 {address} 203.0.113.25 4711 25\r\n");
        client.write(header.as_bytes()).unwrap();
        client
    }

    /// Events of a kind that were told so far.
    pub(super) fn events(&self, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("events.json")).unwrap_or_default();
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        events
            .filter(|event: &Value| event["event"] == kind)
            .collect()
    }

    /// The reply to MAIL of that sender.
    pub(super) fn mail(&self, sender: &str) -> String {
        let mut client = self.client();
        let reply = client.ask(&format!("MAIL FROM:<{sender}>")).unwrap();
        reply.to_string()
    }

    pub(super) fn cli(&self, args: &[&str]) -> Value {
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
