//! The table: what each packet is, and what must become of it.
//!
//! Each row is held against the loaded program (action, counter, event, explanation), against
//! the same code in userspace, and against what is written here.

mod addresses;
mod contexts;
mod headers;
mod link;

use smtp_lb::config::plan::{Action, FirewallMode, Plan};

use super::frames::{Frame, SYN, tcp};
use super::plans::{empty, policy, rule, server};
use super::stand::Bench;

/// The plan that the table is about.
pub(crate) fn plan(mode: FirewallMode) -> Plan {
    let mut plan = empty(mode);
    let mut ssh = rule(
        "ssh",
        Action::Accept,
        &["10.66.9.0/24", "2001:db8:66:9::/64"],
    );
    (ssh.protocol, ssh.ports, ssh.log) = (Some(6), vec![(22, 22)], false);
    plan.firewall.failsafe = vec![ssh];

    let mut off = rule("off", Action::Accept, &["198.51.100.0/24"]);
    off.enabled = false;
    let mut quiet = rule("quiet", Action::Drop, &["10.5.0.0/16"]);
    quiet.log = false;
    let edge = policy(
        &mut plan,
        "edge",
        vec![
            rule(
                "blocked",
                Action::Drop,
                &["10.66.0.0/16", "2001:db8:66::/48"],
            ),
            off,
            quiet,
            rule(
                "hosts",
                Action::Drop,
                &["10.1.2.3/32", "2001:db8:1:2::3/128"],
            ),
            rule("trusted", Action::Accept, &["10.0.0.0/8", "2001:db8::/32"]),
        ],
    );
    let mut ping = rule("ping", Action::Accept, &[]);
    (ping.protocol, ping.log) = (Some(1), false);
    let mut ping6 = ping.clone();
    (ping6.name, ping6.protocol) = ("ping6".to_owned(), Some(58));
    let mut dns = rule("dns", Action::Accept, &["10.0.0.0/8"]);
    (dns.protocol, dns.ports) = (Some(17), vec![(53, 53)]);
    let mut web = rule("web", Action::Accept, &["10.0.0.0/8", "2001:db8::/32"]);
    (web.protocol, web.ports) = (Some(6), vec![(8000, 8080)]);
    let mut gre = rule("gre", Action::Drop, &[]);
    gre.protocol = Some(47);
    let host = policy(&mut plan, "host", vec![ping, ping6, dns, web, gre]);
    plan.firewall.host_policy = Some(host);
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(edge),
    );
    server(
        &mut plan,
        "submit",
        &["0.0.0.0:587", "[::]:587"],
        Some(edge),
    );
    server(
        &mut plan,
        "open",
        &["192.0.2.9:25", "[2001:db8:f::9]:25"],
        None,
    );
    plan
}

const MAIL: &str = "192.0.2.1";
const MAIL6: &str = "2001:db8:f::1";
const OPEN: &str = "192.0.2.9";
const OPEN6: &str = "2001:db8:f::9";
const OTHER: &str = "192.0.2.77";

const TRUSTED: &str = "accept policy virtual-server:mail/edge/trusted log";
const BLOCKED: &str = "drop policy virtual-server:mail/edge/blocked log";
const HOSTS: &str = "drop policy virtual-server:mail/edge/hosts log";
const QUIET: &str = "drop policy virtual-server:mail/edge/quiet";
const SUBMIT: &str = "accept policy virtual-server:submit/edge/trusted log";
const SUBMIT_BLOCKED: &str = "drop policy virtual-server:submit/edge/blocked log";
const SSH: &str = "accept failsafe failsafe//ssh";
const PING: &str = "accept policy host/host/ping";
const PING6: &str = "accept policy host/host/ping6";
const DNS: &str = "accept policy host/host/dns log";
const WEB: &str = "accept policy host/host/web log";
const GRE: &str = "drop policy host/host/gre log";
const MALFORMED: &str = "drop malformed built-in//malformed";
const TINY: &str = "drop tiny-fragment built-in//tiny-fragment";
const UNPARSABLE: &str = "drop unparsable built-in//unparsable";
const NON_IP: &str = "accept non-ip built-in//non-ip";
const ARP: &str = "accept arp built-in//arp";
const ND: &str = "accept neighbor-discovery built-in//neighbor-discovery";
/// What the default decides depends on the mode: `*` stands for its verdict.
const MAIL_DEFAULT: &str = "* default virtual-server:mail/edge/default";
const SUBMIT_DEFAULT: &str = "* default virtual-server:submit/edge/default";
const OPEN_DEFAULT: &str = "* default virtual-server:open//default";
const HOST_DEFAULT: &str = "* default host/host/default";
const LATER: &str = "* later-fragment built-in//later-fragment";
/// Passes in firewall mode as DHCP, by the default otherwise.
const DHCP: &str = "accept dhcp built-in//dhcp | accept default host/host/default";

struct Row {
    name: &'static str,
    frame: Vec<u8>,
    expected: &'static str,
}

#[derive(Default)]
struct Table {
    rows: Vec<Row>,
}

impl Table {
    fn add(&mut self, name: &'static str, frame: &Frame, expected: &'static str) {
        self.raw(name, frame.bytes(), expected);
    }

    fn raw(&mut self, name: &'static str, frame: Vec<u8>, expected: &'static str) {
        self.rows.push(Row {
            name,
            frame,
            expected,
        });
    }
}

fn table() -> Vec<Row> {
    let mut table = Table::default();
    for part in [
        addresses::sources,
        contexts::contexts,
        contexts::failsafe,
        contexts::host,
        contexts::flags,
        link::vlans,
        headers::options,
        headers::fragments,
        link::neighbors,
        link::others,
        headers::malformed,
    ] {
        part(&mut table);
    }
    table.rows
}

/// What the row says in `mode`.
fn expected(row: &Row, mode: FirewallMode) -> String {
    let (firewall, adc) = row
        .expected
        .split_once(" | ")
        .unwrap_or((row.expected, row.expected));
    match mode {
        FirewallMode::Firewall => firewall.replace('*', "drop"),
        FirewallMode::Adc => adc.replace('*', "accept"),
    }
}

fn run(mode: FirewallMode) {
    let rows = table();
    assert!(rows.len() >= 120, "{} rows", rows.len());
    let mut bench = Bench::new(&plan(mode));
    let mut wrong = Vec::new();
    for row in &rows {
        let said = expected(row, mode);
        let userspace = bench.userspace(&row.frame);
        let kernel = bench.kernel(&row.frame);
        if kernel != said || userspace != said {
            wrong.push(format!(
                "{}:\n  table     {said}\n  kernel    {kernel}\n  userspace {userspace}",
                row.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_table_holds_in_firewall_mode() {
    run(FirewallMode::Firewall);
}

#[test]
fn the_table_holds_in_adc_mode() {
    run(FirewallMode::Adc);
}

#[test]
fn what_the_default_decides_is_told_if_asked() {
    let mut plan = plan(FirewallMode::Firewall);
    plan.firewall.log_default = true;
    let mut bench = Bench::new(&plan);
    let frame = tcp("203.0.113.5", OTHER, 26, SYN).bytes();
    assert_eq!(bench.kernel(&frame), "drop default host/host/default log");
    assert_eq!(
        bench.userspace(&frame),
        "drop default host/host/default log"
    );
}
