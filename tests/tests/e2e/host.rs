//! The host under test: a configuration and the daemon that runs it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smtp_lb::admin::api::{Counters, MemberStatus, Status};
use smtp_lb::firewall::Count;
use smtp_lb_tests::bpffs::Pins;
use smtp_lb_tests::daemon::{Cli, Daemon};
use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::syslog_server::SyslogServer;
use smtp_lb_tests::wait::{LONG, settled, until};
use tempfile::TempDir;

/// smtp-lb on the host of a site. Dropped, it is killed and its pins removed.
pub(crate) struct Host {
    pub(crate) daemon: Daemon,
    pub(crate) files: Files,
}

/// What the daemon leaves when it is gone.
pub(crate) struct Files {
    pub(crate) pins: Pins,
    pub(crate) folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            pins: Pins::new().unwrap(),
            folder: temporary("host").unwrap(),
        }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("smtp-lb.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("smtp-lb.log")
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.folder.path().join("events.json")
    }

    /// A firewall that lets only the trusted client to one virtual server, whose pool has both
    /// mail servers; all of one family. Everything is told to everyone.
    pub(crate) fn text(&self, family: Family) -> String {
        let folder = self.folder.path().display();
        let pins = self.pins.path().display();
        let (trusted, service) = (family.trusted(), family.service());
        let mx1 = SocketAddr::new(family.mx1(), 25);
        let mx2 = SocketAddr::new(family.mx2(), 25);
        let syslog = SocketAddr::new(family.syslog(), 514);
        format!(
            r#"[general]
workers = 2
grace = "5s"
state_path = "{folder}/state"

[admin]
socket = "{folder}/admin.sock"

[firewall]
mode = "firewall"
enforcement = "xdp-native"
interfaces = ["ext0"]
pin_path = "{pins}"
event_rate = 1000
event_burst = 1000
log_profile = "all"

[[firewall.policy]]
name = "mail"

[[firewall.policy.rule]]
name = "trusted"
protocol = "tcp"
source = ["{trusted}"]
port = 25
action = "accept"
log = false

[[firewall.policy.rule]]
name = "others"
action = "drop"
log = true

[[virtual_server]]
name = "inbound"
listen = ["{service}"]
pool = "mx"
firewall_policy = "mail"
log_profile = "all"

[[pool]]
name = "mx"
members = [
    {{ name = "mx1", address = "{mx1}" }},
    {{ name = "mx2", address = "{mx2}" }},
]
monitors = ["smtp"]

[[monitor]]
name = "smtp"
type = "smtp"
interval = "200ms"
timeout = "1s"
domain = "lb.inside.example"

[log]
system_profile = "all"

[[log.destination]]
name = "udp"
type = "syslog"
address = "{syslog}"
transport = "udp"

[[log.destination]]
name = "tcp"
type = "syslog"
address = "{syslog}"
transport = "tcp"

[[log.destination]]
name = "file"
type = "file"
path = "{folder}/events.json"

[[log.publisher]]
name = "everyone"
destinations = ["udp", "tcp", "file"]

[[log.profile]]
name = "all"
publisher = "everyone"
"#
        )
    }
}

/// Replaces a part of a configuration that must be there.
pub(crate) fn with(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "no {old:?} in the configuration");
    text.replace(old, new)
}

impl Host {
    /// Starts it with the configuration of the family.
    pub(crate) fn start(site: &Site, family: Family) -> Self {
        let files = Files::new();
        let text = files.text(family);
        Self::start_with(site, files, &text)
    }

    /// Starts it with another configuration.
    pub(crate) fn start_with(site: &Site, files: Files, text: &str) -> Self {
        Self::start_in(site, files, text, &[])
    }

    /// As [`start_with`](Self::start_with), with variables in its environment that name files.
    pub(crate) fn start_in(
        site: &Site,
        files: Files,
        text: &str,
        environment: &[(&str, &Path)],
    ) -> Self {
        fs::write(files.config(), text).unwrap();
        let (config, socket, log) = (files.config(), files.socket(), files.log());
        let daemon = Daemon::start_with(&site.host, &config, &socket, &log, environment).unwrap();
        Self { daemon, files }
    }

    /// Starts it again over what the former one left, which must be gone.
    pub(crate) fn restart(&mut self, site: &Site) {
        let files = &self.files;
        self.daemon =
            Daemon::start(&site.host, &files.config(), &files.socket(), &files.log()).unwrap();
    }

    pub(crate) fn cli(&self) -> &Cli {
        self.daemon.cli()
    }

    pub(crate) fn status(&self) -> Status {
        self.cli().json(&["status"]).unwrap()
    }

    pub(crate) fn member(&self, name: &str) -> MemberStatus {
        self.status()
            .pools
            .into_iter()
            .flat_map(|pool| pool.members)
            .find(|member| member.name == name)
            .unwrap()
    }

    /// Waits until a member is in this state.
    pub(crate) fn await_member(&self, name: &str, state: &str) -> MemberStatus {
        until(format!("{name} {state}"), LONG, || {
            Ok(Some(self.member(name)).filter(|member| member.state == state))
        })
        .unwrap()
    }

    /// The counters once they stand still, with what must hold of them at any time.
    pub(crate) fn counters(&self) -> Counters {
        let ask = || self.cli().json(&["firewall", "counters"]);
        let counters: Counters = settled(LONG, ask).unwrap();
        check(&counters);
        counters
    }
}

/// `received = Σ verdicts = Σ rules`, `asked = sent + rate-limited + ring-full`.
pub(crate) fn check(counters: &Counters) {
    for part in [|count: &Count| count.packets, |count: &Count| count.bytes] {
        let received = part(&counters.received);
        let verdicts = [&counters.accepted, &counters.dropped, &counters.rejected];
        let verdicts: u64 = verdicts.into_iter().map(part).sum();
        let rows: u64 = counters.rows.iter().map(|row| part(&row.count)).sum();
        assert_eq!(received, verdicts, "{counters:#?}");
        assert_eq!(received, rows, "{counters:#?}");
    }
    let events = &counters.events;
    assert_eq!(
        events.asked,
        events.sent + events.rate_limited + events.ring_full,
        "{events:?}"
    );
}

/// Packets that a rule of the virtual server decided.
pub(crate) fn packets(counters: &Counters, rule: &str) -> u64 {
    counters
        .rows
        .iter()
        .filter(|row| row.label.virtual_server() == Some("inbound") && row.label.rule == rule)
        .map(|row| row.count.packets)
        .sum()
}

/// A session from the trusted client, greeted and helloed.
pub(crate) fn session(site: &Site, family: Family) -> Client {
    let from = Some(family.trusted());
    let mut client = Client::connect(Some(&site.outside), from, family.service(), LONG).unwrap();
    client.hello().unwrap();
    client
}

/// A whole session with one message; its digest.
pub(crate) fn send(site: &Site, family: Family, id: &str) -> u64 {
    let mut client = session(site, family);
    let message = Message::new(id, 2000);
    client.send(&message).unwrap();
    client.quit().unwrap();
    message.digest()
}

/// Tries to connect as the untrusted client, which must not succeed.
pub(crate) fn knock(site: &Site, family: Family) {
    let error = smtp_lb_tests::smtp_client::connect(
        Some(&site.outside),
        Some(family.untrusted()),
        family.service(),
        Duration::from_millis(300),
    )
    .unwrap_err();
    assert!(
        format!("{error:#}").contains("timed out"),
        "no answer of any kind must come: {error:#}"
    );
}

/// The small mail servers, both.
pub(crate) fn sinks(site: &Site, family: Family) -> [SmtpServer; 2] {
    [
        sink(&site.mx1, "mx1", family.mx1()),
        sink(&site.mx2, "mx2", family.mx2()),
    ]
}

/// The small log server, for those who only want records taken.
pub(crate) fn log_server(site: &Site, family: Family) -> SyslogServer {
    SyslogServer::start(Some(&site.syslog), SocketAddr::new(family.syslog(), 514)).unwrap()
}

pub(crate) fn sink(
    netns: &smtp_lb_tests::netns::Netns,
    name: &str,
    address: std::net::IpAddr,
) -> SmtpServer {
    let name = format!("{name}.inside.example");
    SmtpServer::start(Some(netns), &name, &[SocketAddr::new(address, 25)]).unwrap()
}

/// Digests of all that arrived, in order of size.
pub(crate) fn arrived(sinks: &[SmtpServer]) -> Vec<u64> {
    let mut digests: Vec<u64> = sinks
        .iter()
        .flat_map(SmtpServer::deliveries)
        .map(|delivery| delivery.digest)
        .collect();
    digests.sort_unstable();
    digests
}
