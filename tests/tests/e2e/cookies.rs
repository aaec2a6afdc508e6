//! SYN cookies from the card: real clients get through while others flood, and what was set is set back.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use smtp_lb::admin::api::{Counters, SynProtectionStatus};
use smtp_lb::firewall::Word;
use smtp_lb_tests::flood;
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, arrived, send, sinks, with};
use crate::over_both;
use crate::reject::site;

/// Rounds of a flood at the most, each of as many SYNs, and the pause between two: well past every mark here, and
/// no more than two cores bear beside the rest.
const ROUNDS: usize = 10_000;
const ROUND: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);
/// As many sources: more than any queue holds.
const SOURCES: u16 = 10_000;

/// Everybody may connect, and SYNs are answered so.
fn text(files: &Files, family: Family, protection: &str) -> String {
    let text = with(
        &files.text(family),
        "action = \"drop\"\nlog = true",
        "action = \"accept\"\nlog = false",
    );
    with(
        &text,
        "firewall_policy = \"mail\"",
        &format!("firewall_policy = \"mail\"\n{protection}"),
    )
}

/// Sources that nobody has, which the host has a way to: the outside takes what is sent there, and says nothing.
fn forged(site: &Site, family: Family) -> Vec<IpAddr> {
    let (route, gateway) = match family {
        Family::V4 => ("route", family.trusted()),
        Family::V6 => ("-6 route", family.trusted()),
    };
    site.host
        .ip(&format!("{route} replace default via {gateway} dev ext0"))
        .unwrap();
    (1..=SOURCES)
        .map(|n| match family {
            Family::V4 => {
                let [high, low] = n.to_be_bytes();
                Ipv4Addr::new(198, 18, high, low).into()
            }
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 1).into(),
        })
        .collect()
}

fn setting(site: &Site) -> String {
    let read = site
        .host
        .inside(|| Ok(fs::read_to_string("/proc/sys/net/ipv4/tcp_syncookies")?));
    read.unwrap().trim().to_owned()
}

fn await_setting(site: &Site, value: &str) {
    until(format!("tcp_syncookies = {value}"), LONG, || {
        Ok((setting(site) == value).then_some(()))
    })
    .unwrap();
}

/// A counter of the kernel's.
fn kernel(netns: &Netns, name: &str) -> u64 {
    let counted = netns.run("nstat", &["-asz", name]).unwrap();
    let line = counted.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

fn answered(counters: &Counters) -> u64 {
    let rows = counters.rows.iter();
    let rows =
        rows.filter(|row| row.label.rule == "syn-cookie" && row.label.verdict == Word::Accept);
    rows.map(|row| row.count.packets).sum()
}

/// Counters from the pins, whether the daemon answers or not.
fn pinned(host: &Host) -> Counters {
    let pins = host.files.pins.path().display().to_string();
    host.cli()
        .json(&["firewall", "counters", "--pin-path", &pins])
        .unwrap()
}

fn protection(host: &Host) -> SynProtectionStatus {
    let mut status = host.status().firewall;
    assert_eq!(status.warnings, [""; 0]);
    status.syn_protection.remove(0)
}

fn await_protection(host: &Host, on: bool) -> SynProtectionStatus {
    until(format!("protection {on}"), LONG, || {
        Ok(Some(protection(host)).filter(|it| it.on == on))
    })
    .unwrap()
}

/// What was told of floods, as mark and change.
fn told(host: &Host) -> Vec<String> {
    let file = fs::read_to_string(host.files.events()).unwrap_or_default();
    let events = file
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let floods = events.filter(|event| event["event"] == "flood");
    floods
        .map(|event| {
            assert_eq!(event["virtual_server"], "inbound");
            format!(
                "{} {}",
                event["mark"].as_str().unwrap(),
                event["change"].as_str().unwrap()
            )
        })
        .collect()
}

/// However what holds it ends, the flood does, too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Floods the service for as long as `meanwhile` takes.
fn flooded<T>(site: &Site, family: Family, sources: &[IpAddr], meanwhile: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in sources.chunks(ROUND).cycle().take(ROUNDS) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let count = u32::try_from(round.len()).unwrap();
                flood::syn(&site.outside, round, family.service(), count).unwrap();
                thread::sleep(PAUSE);
            }
        });
        let _done = Done(&done);
        meanwhile()
    })
}

over_both! {
    fn always(family: Family) {
        let (site, _peer) = site();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let text = text(&files, family, "syn_protection = \"always\"");
        let mut host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        await_setting(&site, "2");
        let state = await_protection(&host, true);
        assert_eq!((state.mode.as_str(), state.by.as_slice()), ("always", &["always".to_owned()][..]));
        let mut digests: Vec<u64> = (0..5)
            .map(|n| send(&site, family, &format!("behind a cookie {n}")))
            .collect();
        digests.sort_unstable();
        assert_eq!(arrived(&sinks), digests);
        // Each connection began with one, which the kernel took.
        assert_eq!(answered(&host.counters()), 5);
        assert_eq!(kernel(&site.host, "TcpExtSyncookiesRecv"), 5);
        assert_eq!(kernel(&site.host, "TcpExtSyncookiesSent"), 0, "none of its own");
        let shown = host.cli().text(&["firewall", "list"]).unwrap();
        assert!(shown.contains("SYN PROTECTION OF") && shown.contains("always"), "{shown}");
        let top = host.cli().text(&["firewall", "top", "--once", "--interval", "100ms"]).unwrap();
        assert!(top.contains("SYN PROTECTION OF"), "{top}");
        let service = family.outer().to_string();
        let client = family.untrusted().to_string();
        let explained = host.cli().text(
            &["firewall", "explain", "--src", &client, "--dst", &service, "--dport", "25"],
        ).unwrap();
        assert!(explained.contains("answered by a cookie"), "{explained}");
        host.daemon.stop(LONG).unwrap();
        assert_eq!(setting(&site), "1");
        assert_eq!(told(&host), ["always began", "always ended"]);
    }

    fn past_the_rate_while_it_lasts(family: Family) {
        let (site, _peer) = site();
        let sinks = sinks(&site, family);
        let sources = forged(&site, family);
        let files = Files::new();
        let text = text(&files, family, "syn_protection = \"auto\"\nsyn_rate = 500");
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        let mut digests = vec![send(&site, family, "quiet")];
        assert_eq!(answered(&host.counters()), 0);
        assert!(!protection(&host).on);
        assert_eq!(setting(&site), "1");
        flooded(&site, family, &sources, || {
            let state = await_protection(&host, true);
            assert_eq!(state.by, ["syn_rate"]);
            assert!(state.since.is_some());
            await_setting(&site, "2");
            let before = kernel(&site.host, "TcpExtSyncookiesSent");
            let answered_before = answered(&pinned(&host));
            for n in 0..10 {
                digests.push(send(&site, family, &format!("in the flood {n}")));
            }
            // The card answers, and not the kernel.
            let answered = until("1,000 answers", LONG, || {
                let answered = answered(&pinned(&host)) - answered_before;
                Ok((answered > 1_000).then_some(answered))
            })
            .unwrap();
            let sent = kernel(&site.host, "TcpExtSyncookiesSent") - before;
            assert!(sent < answered / 100, "{answered} and {sent}");
        });
        digests.sort_unstable();
        assert_eq!(arrived(&sinks), digests);
        await_protection(&host, false);
        await_setting(&site, "1");
        host.counters();
        until("both events", LONG, || {
            Ok((told(&host) == ["syn_rate began", "syn_rate ended"]).then_some(()))
        })
        .unwrap();
        let before = answered(&host.counters());
        send(&site, family, "quiet again");
        assert_eq!(answered(&host.counters()), before);
    }

    /// The same flood without protection: the kernel has to answer all of it.
    fn without_it_the_kernel_bears_all(family: Family) {
        let (site, _peer) = site();
        let _sinks = sinks(&site, family);
        let sources = forged(&site, family);
        let files = Files::new();
        let text = text(&files, family, "");
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        let passed = flooded(&site, family, &sources, || {
            until("a kernel that sends cookies itself", LONG, || {
                let sent = kernel(&site.host, "TcpExtSyncookiesSent");
                Ok((sent > 1_000).then_some(sent))
            })
            .unwrap()
        });
        assert!(passed > 1_000);
        assert_eq!(answered(&host.counters()), 0);
        assert_eq!(setting(&site), "1");
    }
}

#[test]
fn a_daemon_that_is_killed_in_a_flood_goes_on_and_sets_back_what_it_had_set() {
    let family = Family::V4;
    let (site, _peer) = site();
    let sinks = sinks(&site, family);
    let sources = forged(&site, family);
    let files = Files::new();
    let text = text(&files, family, "syn_protection = \"auto\"\nsyn_rate = 500");
    let mut host = Host::start_with(&site, files, &text);
    host.await_member("mx1", "up");
    let digest = flooded(&site, family, &sources, || {
        await_protection(&host, true);
        await_setting(&site, "2");
        host.daemon.process().kill().unwrap();
        assert_eq!(setting(&site), "2", "nobody is there to set it back");
        host.restart(&site);
        await_protection(&host, true);
        host.await_member("mx1", "up");
        send(&site, family, "after the kill")
    });
    assert_eq!(arrived(&sinks), [digest]);
    assert_eq!(setting(&site), "2");
    await_protection(&host, false);
    await_setting(&site, "1");
    host.counters();
}

#[test]
fn a_detach_sets_back_what_a_killed_daemon_had_set() {
    let family = Family::V4;
    let (site, _peer) = site();
    let _sinks = sinks(&site, family);
    let files = Files::new();
    let text = text(&files, family, "syn_protection = \"always\"");
    let mut host = Host::start_with(&site, files, &text);
    await_setting(&site, "2");
    host.daemon.process().kill().unwrap();
    assert_eq!(setting(&site), "2");
    let pins = host.files.pins.path().display().to_string();
    let said = host
        .cli()
        .text(&["firewall", "detach", "--pin-path", &pins])
        .unwrap();
    assert!(
        said.contains("net.ipv4.tcp_syncookies is 1 again"),
        "{said}"
    );
    assert_eq!(setting(&site), "1");
}

/// Holds a process to so many descriptors.
fn descriptors(site: &Site, process: u32, most: u64) {
    let (process, most) = (process.to_string(), format!("--nofile={most}:"));
    site.host
        .run("prlimit", &["--pid", &process, &most])
        .unwrap();
}

/// A daemon that has no descriptor left takes no connection: they wait until the queue is past its mark.
#[test]
fn past_the_accept_queue() {
    let family = Family::V4;
    let (site, _peer) = site();
    let sinks = sinks(&site, family);
    site.host.sysctl("net/core/somaxconn", "16").unwrap();
    let files = Files::new();
    let text = text(
        &files,
        family,
        "syn_protection = \"auto\"\nsyn_accept_queue = 50",
    );
    let text = with(&text, "workers = 2", "workers = 1");
    let mut host = Host::start_with(&site, files, &text);
    host.await_member("mx1", "up");
    send(&site, family, "quiet");
    assert!(!protection(&host).on);
    let process = host.daemon.process().id();
    descriptors(&site, process, 3);
    let connect = || -> TcpStream {
        let from = Some(family.trusted());
        smtp_client::connect(Some(&site.outside), from, family.service(), LONG).unwrap()
    };
    let waiting: Vec<TcpStream> = (0..9).map(|_| connect()).collect();
    // It watches, and sets what is to be set, with no descriptor left.
    await_setting(&site, "2");
    let before = answered(&pinned(&host));
    let one_more = connect();
    assert_eq!(answered(&pinned(&host)), before + 1);
    descriptors(&site, process, 1_000);
    let state = await_protection(&host, true);
    assert_eq!(state.by, ["syn_accept_queue"]);
    drop((waiting, one_more));
    host.await_member("mx1", "up");
    send(&site, family, "in time");
    await_protection(&host, false);
    await_setting(&site, "1");
    assert_eq!(arrived(&sinks).len(), 2);
    until("both events", LONG, || {
        let told = told(&host);
        Ok((told == ["syn_accept_queue began", "syn_accept_queue ended"]).then_some(()))
    })
    .unwrap();
}
