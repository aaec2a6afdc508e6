//! The daemon with its destinations, the flood, and the account.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use smtp_lb::admin::api::{Counters, LogReport};
use smtp_lb::event::{DestinationState, DestinationStatus};
use smtp_lb_tests::certs::Certs;
use smtp_lb_tests::flood;
use smtp_lb_tests::log_collector::{LogCollector, Speaks};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::until;

use crate::host::{Files, Host};

/// Waits for what must come: a collector that was away is tried again within 30 s at the latest, and what it
/// has missed must pass.
const PATIENCE: Duration = Duration::from_mins(2);

/// How much is told in each scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Events in a second.
    pub(super) rate: u32,
    pub(super) seconds: u32,
}

impl Load {
    /// What is asked for by `LOSSES_RATE` and `LOSSES_SECONDS`, or what a test may take.
    pub(super) fn get() -> Self {
        let read = |name: &str, default| {
            let text = std::env::var(name).ok();
            text.map_or(default, |text| text.parse().unwrap())
        };
        Self {
            rate: read("LOSSES_RATE", 4000),
            seconds: read("LOSSES_SECONDS", 2),
        }
    }

    /// Events of one scenario.
    pub(super) fn events(self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }

    /// A part of its time.
    pub(super) fn part(self, of: u32) -> Duration {
        Duration::from_secs(self.seconds.into()) / of
    }
}

/// All that takes part.
pub(super) struct Stage {
    pub(super) host: Host,
    pub(super) site: Site,
    pub(super) certs: Certs,
    pub(super) load: Load,
    /// Scenarios so far.
    scenarios: u64,
}

/// `127.0.0.1` in the daemon's namespace.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// Whom the flood is for.
const FAMILY: Family = Family::V4;

impl Stage {
    /// Starts the daemon with these destinations, TOML without their heads, `{folder}` for its folder. The
    /// server TLS profile `logs` is there. `before` makes folders ready.
    pub(super) fn start(destinations: &[(&str, &str)], before: impl FnOnce(&Path)) -> Self {
        let site = Site::new().unwrap();
        let certs = Certs::new().unwrap();
        let files = Files::new();
        before(files.folder.path());
        fs::write(files.folder.path().join("token"), "s3cret\n").unwrap();
        let text = configuration(&files, &certs, destinations);
        let host = Host::start_with(&site, files, &text);
        Self {
            host,
            site,
            certs,
            load: Load::get(),
            scenarios: 0,
        }
    }

    /// Waits until all collectors are reached.
    pub(super) fn await_up(&self) {
        until("all collectors", PATIENCE, || {
            let report: LogReport = self.host.cli().json(&["log", "status"])?;
            let mut destinations = report.destinations.iter();
            let up = destinations.all(|it| it.state == DestinationState::Up);
            Ok(up.then_some(()))
        })
        .unwrap();
    }

    /// Floods, and does something while it goes on: `fault` after a quarter of the time, `mend` after three.
    /// Then all must come to rest, and add up.
    pub(super) fn scenario(
        &mut self,
        what: &str,
        fault: impl FnOnce(),
        mend: impl FnOnce(),
    ) -> LogReport {
        let load = self.load;
        std::thread::scope(|scope| {
            let site = &self.site;
            let flood = scope.spawn(move || flood(site, load));
            std::thread::sleep(load.part(4));
            fault();
            std::thread::sleep(load.part(2));
            mend();
            flood.join().unwrap();
        });
        self.scenarios += 1;
        self.at_rest(what)
    }

    /// Waits until nothing is on its way, and makes the account.
    fn at_rest(&self, what: &str) -> LogReport {
        let patience = PATIENCE + 3 * self.load.part(1);
        let least = self.load.events() * self.scenarios / 2;
        let (counters, report) = until(format!("{what}: rest"), patience, || {
            let counters: Counters = self.host.cli().json(&["firewall", "counters"])?;
            let report: LogReport = self.host.cli().json(&["log", "status"])?;
            let told = report.publisher.published;
            let rest = report.bus.queued == 0
                && told == counters.events.sent
                && report
                    .destinations
                    .iter()
                    .all(|it| it.queued == 0 && it.offered == told);
            Ok(rest.then_some((counters, report)))
        })
        .unwrap_or_else(|error| {
            let report = self.host.cli().text(&["log", "status"]).unwrap_or_default();
            panic!(
                "{error:#}\n{report}\n{}",
                fs::read_to_string(self.host.files.log()).unwrap_or_default()
            )
        });
        crate::host::check(&counters);
        let events = &counters.events;
        assert!(
            events.asked >= least,
            "{what}: there was a flood: {events:?}"
        );
        assert_eq!(report.bus.lost, 0, "{what}: the bus has room for all of it");
        let ring = report.ring.unwrap();
        assert_eq!(
            (ring.asked, ring.sent, ring.rate_limited, ring.lost),
            (
                events.asked,
                events.sent,
                events.rate_limited,
                events.ring_full
            ),
            "{what}"
        );
        let publisher = &report.publisher;
        assert_eq!(
            report.bus.accepted,
            publisher.published + publisher.unrouted,
            "{what}: {publisher:?}"
        );
        for destination in &report.destinations {
            account(
                what,
                events.asked,
                events.rate_limited + events.ring_full,
                destination,
            );
        }
        report
    }
}

/// `asked = delivered + each loss counter`.
fn account(what: &str, asked: u64, before: u64, destination: &DestinationStatus) {
    let lost = &destination.lost;
    let each = [
        lost.overflow,
        lost.too_large,
        lost.shutdown,
        lost.aged,
        lost.corrupt,
    ];
    assert_eq!(each.iter().sum::<u64>(), lost.total(), "all are there");
    assert_eq!(
        asked,
        before + destination.sent + lost.total(),
        "{what}: {destination:?}"
    );
    assert_eq!(
        (lost.shutdown, lost.aged, lost.corrupt),
        (0, 0, 0),
        "{what}: {destination:?}"
    );
}

/// The destination of that name.
pub(super) fn find<'a>(report: &'a LogReport, name: &str) -> &'a DestinationStatus {
    let mut destinations = report.destinations.iter();
    destinations
        .find(|destination| destination.name == name)
        .unwrap()
}

/// A collector in the daemon's namespace.
pub(super) fn collector(stage: &Stage, port: u16, speaks: Speaks, tls: bool) -> LogCollector {
    let leaf = tls.then(|| stage.certs.server("logs", &["127.0.0.1"]).unwrap());
    LogCollector::start(&stage.site.host, local(port), speaks, leaf.as_ref()).unwrap()
}

/// Packets at the rate, evenly.
fn flood(site: &Site, load: Load) {
    const SLICES: u32 = 50;
    let source: IpAddr = FAMILY.untrusted();
    let began = Instant::now();
    for slice in 0..load.seconds * SLICES {
        flood::syn(
            &site.outside,
            &[source],
            FAMILY.service(),
            load.rate / SLICES,
        )
        .unwrap();
        let next = began + Duration::from_secs(1) * (slice + 1) / SLICES;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn configuration(files: &Files, certs: &Certs, destinations: &[(&str, &str)]) -> String {
    let folder = files.folder.path().display().to_string();
    let (pins, ca) = (files.pins.path().display(), certs.ca());
    let mut text = format!(
        r#"[general]
workers = 1
grace = "5s"
state_path = "{folder}/state"

[admin]
socket = "{folder}/admin.sock"

[firewall]
mode = "firewall"
enforcement = "xdp-native"
interfaces = ["ext0"]
pin_path = "{pins}"
event_rate = 1000000
event_burst = 1000000
log_default = false

[[firewall.policy]]
name = "mail"

[[firewall.policy.rule]]
name = "others"
action = "drop"
log = true

[[virtual_server]]
name = "inbound"
listen = ["{}"]
pool = "mx"
firewall_policy = "mail"
log_profile = "all"

[[pool]]
name = "mx"
members = ["{}:25"]

[[server_tls]]
name = "logs"
ca = "{}"

[log]
bus_capacity = 4000000

[[log.profile]]
name = "all"
publisher = "all"
"#,
        FAMILY.service(),
        FAMILY.mx1(),
        ca.display(),
    );
    let mut names = Vec::new();
    for (name, rest) in destinations {
        let rest = rest.replace("{folder}", &folder);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n[[log.destination]]\nname = \"{name}\"\n{rest}\n");
        names.push(format!("{name:?}"));
    }
    let _ = write!(
        text,
        "\n[[log.publisher]]\nname = \"all\"\ndestinations = [{}]\n",
        names.join(", ")
    );
    text
}
