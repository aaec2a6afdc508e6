//! Pools of collectors, watched: who is away gets nothing, and who comes back gets its share slowly.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use smtp_lb::admin::api::{LogReport, TestReport};
use smtp_lb_tests::log_collector::{LogCollector, Speaks};
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host};
use crate::over_both;

fn text(files: &Files, family: Family) -> String {
    let folder = files.folder.path().display();
    let pins = files.pins.path().display();
    let members = |port| {
        let of = |ip| SocketAddr::new(ip, port);
        format!(
            "members = [\"{}\", \"{}\"]",
            of(family.mx1()),
            of(family.mx2())
        )
    };
    let (udp, tcp) = (members(514), members(601));
    let times = "interval = \"100ms\"\ntimeout = \"500ms\"\nslow_ramp = \"1h\"";
    format!(
        "[general]\nworkers = 1\nstate_path = \"{folder}/state\"\n\
         [admin]\nsocket = \"{folder}/admin.sock\"\n[firewall]\npin_path = \"{pins}\"\n\
         [[virtual_server]]\nname = \"inbound\"\nlisten = [\"{}\"]\npool = \"mx\"\n\
         [[pool]]\nname = \"mx\"\nmembers = [\"{}:25\"]\n\
         [[log.pool]]\nname = \"echo\"\n{udp}\nmonitor = \"icmp\"\n{times}\n\
         [[log.pool]]\nname = \"port\"\n{tcp}\nmonitor = \"tcp\"\n{times}\n\
         [[log.destination]]\nname = \"icmp\"\ntype = \"syslog\"\npool = \"echo\"\n\
         [[log.destination]]\nname = \"tcp\"\ntype = \"syslog\"\npool = \"port\"\ntransport = \"tcp\"\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"icmp\", \"tcp\"]\n",
        family.service(),
        if family == Family::V4 {
            "127.0.0.1"
        } else {
            "[::1]"
        },
    )
}

/// A destination with its two collectors.
struct Watched<'a> {
    host: &'a Host,
    name: &'static str,
    collectors: RefCell<[LogCollector; 2]>,
}

impl Watched<'_> {
    /// Sends test records; how many each of the two got of them.
    fn send(&self, count: u64) -> [u64; 2] {
        let records = || [0, 1].map(|at| self.collectors.borrow()[at].seen().records());
        let before = records();
        let arguments = ["log", "test", self.name, "--count", &count.to_string()];
        let tested: TestReport = self.host.cli().json(&arguments).unwrap();
        assert_eq!((tested.settled, tested.lost), (true, 0), "{tested:?}");
        until(format!("{count} records of {}", self.name), LONG, || {
            let now = records();
            let came = [now[0] - before[0], now[1] - before[1]];
            Ok((came[0] + came[1] == count).then_some(came))
        })
        .unwrap()
    }

    /// Waits until the first one is said to be away, or to be there.
    fn await_first(&self, address: SocketAddr, up: bool) {
        until(format!("{address} up: {up}"), LONG, || {
            let report: LogReport = self.host.cli().json(&["log", "status"])?;
            let mut destinations = report.destinations.iter();
            let target = &destinations.find(|it| it.name == self.name).unwrap().target;
            Ok((target.contains(&format!("[{address} down]")) != up).then_some(()))
        })
        .unwrap();
    }
}

fn collectors(site: &Site, family: Family, port: u16, speaks: Speaks) -> [LogCollector; 2] {
    let start = |netns: &Arc<Netns>, ip| {
        LogCollector::start(netns, SocketAddr::new(ip, port), speaks, None).unwrap()
    };
    [
        start(&site.mx1, family.mx1()),
        start(&site.mx2, family.mx2()),
    ]
}

over_both! {
    fn by_echo_requests(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let text = text(&files, family);
        let host = Host::start_with(&site, files, &text);
        let collectors = RefCell::new(collectors(&site, family, 514, Speaks::Udp));
        let watched = Watched { host: &host, name: "icmp", collectors };
        let first = SocketAddr::new(family.mx1(), 514);
        watched.await_first(first, true);
        assert_eq!(watched.send(640), [320, 320], "they take turns");
        // Its host goes away; its port says nothing.
        let silence = if family == Family::V4 { "net/ipv4/icmp_echo_ignore_all" } else { "net/ipv6/icmp/echo_ignore_all" };
        site.mx1.sysctl(silence, "1").unwrap();
        watched.await_first(first, false);
        // What is left of a turn that it had.
        let [left, rest] = watched.send(320);
        assert!(left <= 32 && left + rest == 320, "{left}");
        assert_eq!(watched.send(320), [0, 320]);
        site.mx1.sysctl(silence, "0").unwrap();
        watched.await_first(first, true);
        let [slowly, rest] = watched.send(320);
        assert!(slowly <= 64 && slowly + rest == 320, "the ramp has just begun: {slowly}");
    }

    fn by_connections(family: Family) {
        let site = Site::new().unwrap();
        let files = Files::new();
        let text = text(&files, family);
        let host = Host::start_with(&site, files, &text);
        let collectors = RefCell::new(collectors(&site, family, 601, Speaks::Stream));
        let watched = Watched { host: &host, name: "tcp", collectors };
        let first = SocketAddr::new(family.mx1(), 601);
        watched.await_first(first, true);
        watched.send(100);
        watched.collectors.borrow_mut()[0].kill();
        watched.await_first(first, false);
        assert_eq!(watched.send(100), [0, 100]);
        watched.collectors.borrow_mut()[0].revive().unwrap();
        watched.await_first(first, true);
        assert_eq!(watched.send(100), [0, 100], "a connection that serves is kept");
    }
}
