//! The table: what each packet is, and what must become of it.
//!
//! Each row is held against the loaded program (action, counter, event, explanation), against
//! the same code in userspace, and against what is written here.

use smtp_lb::config::plan::{Action, FirewallMode, Plan};

use super::frames::{
    ACK, AUTH, DEST, Frame, HOP, ROUTING, RST, SYN, SYN_ACK, ethernet, icmp, ip, tcp, tcp_ports,
    udp,
};
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
    (ssh.protocol, ssh.port, ssh.log) = (Some(6), Some((22, 22)), false);
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
    (dns.protocol, dns.port) = (Some(17), Some((53, 53)));
    let mut web = rule("web", Action::Accept, &["10.0.0.0/8", "2001:db8::/32"]);
    (web.protocol, web.port) = (Some(6), Some((8000, 8080)));
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

fn sources(t: &mut Table) {
    t.add(
        "first address of the trusted network",
        &tcp("10.0.0.0", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add(
        "last address of the trusted network",
        &tcp("10.255.255.255", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add(
        "just before it",
        &tcp("9.255.255.255", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "just after it",
        &tcp("11.0.0.0", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add("0.0.0.0", &tcp("0.0.0.0", MAIL, 25, SYN), MAIL_DEFAULT);
    t.add(
        "255.255.255.255",
        &tcp("255.255.255.255", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "blocked within trusted",
        &tcp("10.66.0.1", MAIL, 25, SYN),
        BLOCKED,
    );
    t.add(
        "last blocked",
        &tcp("10.66.255.255", MAIL, 25, SYN),
        BLOCKED,
    );
    t.add(
        "before blocked",
        &tcp("10.65.255.255", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add("after blocked", &tcp("10.67.0.0", MAIL, 25, SYN), TRUSTED);
    t.add("one host", &tcp("10.1.2.3", MAIL, 25, SYN), HOSTS);
    t.add("the host before", &tcp("10.1.2.2", MAIL, 25, SYN), TRUSTED);
    t.add("the host after", &tcp("10.1.2.4", MAIL, 25, SYN), TRUSTED);
    t.add("a rule without log", &tcp("10.5.1.1", MAIL, 25, SYN), QUIET);
    t.add(
        "a disabled rule",
        &tcp("198.51.100.7", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 first of trusted",
        &tcp("2001:db8::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 last of trusted",
        &tcp("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 before trusted",
        &tcp("2001:db7:ffff::1", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 after trusted",
        &tcp("2001:db9::", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 blocked",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN),
        BLOCKED,
    );
    t.add(
        "v6 last blocked",
        &tcp("2001:db8:66:ffff:ffff::1", MAIL6, 25, SYN),
        BLOCKED,
    );
    t.add(
        "v6 after blocked",
        &tcp("2001:db8:67::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 one host",
        &tcp("2001:db8:1:2::3", MAIL6, 25, SYN),
        HOSTS,
    );
    t.add(
        "v6 the host before",
        &tcp("2001:db8:1:2::2", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the host after",
        &tcp("2001:db8:1:2::4", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the same /64",
        &tcp("2001:db8:1:2::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 end of that /64",
        &tcp("2001:db8:1:2:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the next /64",
        &tcp("2001:db8:1:3::3", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add("v6 ::", &tcp("::", MAIL6, 25, SYN), MAIL_DEFAULT);
    t.add(
        "v6 all ones",
        &tcp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v4 mapped into v6 is v6",
        &tcp("::ffff:10.0.0.1", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
}

fn contexts(t: &mut Table) {
    t.add(
        "another port of the address",
        &tcp("10.0.0.1", MAIL, 26, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "another address",
        &tcp("10.0.0.1", OTHER, 25, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "wildcard listener",
        &tcp("10.0.0.1", OTHER, 587, SYN),
        SUBMIT,
    );
    t.add(
        "wildcard listener, blocked",
        &tcp("10.66.0.1", MAIL, 587, SYN),
        SUBMIT_BLOCKED,
    );
    t.add(
        "wildcard listener, default",
        &tcp("192.0.2.200", MAIL, 587, SYN),
        SUBMIT_DEFAULT,
    );
    t.add(
        "v6 wildcard listener",
        &tcp("2001:db8::1", MAIL6, 587, SYN),
        SUBMIT,
    );
    t.add(
        "v6 wildcard, blocked",
        &tcp("2001:db8:66::1", OPEN6, 587, SYN),
        SUBMIT_BLOCKED,
    );
    t.add(
        "v6 wildcard, default",
        &tcp("fe80::1", MAIL6, 587, SYN),
        SUBMIT_DEFAULT,
    );
    t.add("no policy", &tcp("10.0.0.1", OPEN, 25, SYN), OPEN_DEFAULT);
    t.add(
        "no policy, blocked elsewhere",
        &tcp("10.66.0.1", OPEN, 25, SYN),
        OPEN_DEFAULT,
    );
    t.add(
        "v6 no policy",
        &tcp("2001:db8::1", OPEN6, 25, SYN),
        OPEN_DEFAULT,
    );
    t.add(
        "UDP to a virtual server's port",
        &udp("10.0.0.1", MAIL, 5, 25),
        HOST_DEFAULT,
    );
    t.add(
        "v6 UDP to it",
        &udp("2001:db8::1", MAIL6, 5, 25),
        HOST_DEFAULT,
    );
    t.add(
        "ping to a virtual server's address",
        &icmp("10.66.0.1", MAIL, 8, 0, b""),
        PING,
    );
    t.add("port 0", &tcp("10.0.0.1", MAIL, 0, SYN), HOST_DEFAULT);
    t.add(
        "port 65535",
        &tcp("10.0.0.1", MAIL, 65535, SYN),
        HOST_DEFAULT,
    );
}

fn failsafe(t: &mut Table) {
    t.add("failsafe before all", &tcp("10.66.9.1", MAIL, 22, SYN), SSH);
    t.add(
        "its network, another port",
        &tcp("10.66.9.1", MAIL, 23, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "its network, a virtual server",
        &tcp("10.66.9.1", MAIL, 25, SYN),
        BLOCKED,
    );
    t.add(
        "another network, its port",
        &tcp("10.66.8.255", MAIL, 22, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "its port over UDP",
        &udp("10.66.9.1", MAIL, 5, 22),
        HOST_DEFAULT,
    );
    t.add("v6 failsafe", &tcp("2001:db8:66:9::1", MAIL6, 22, SYN), SSH);
    t.add(
        "v6 failsafe, ACK",
        &tcp("2001:db8:66:9::1", MAIL6, 22, ACK),
        SSH,
    );
    t.add(
        "v6 its network, 25",
        &tcp("2001:db8:66:9::1", MAIL6, 25, SYN),
        BLOCKED,
    );
    t.add(
        "v6 another network",
        &tcp("2001:db8:66:a::1", MAIL6, 22, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "failsafe in a VLAN",
        &tcp("10.66.9.255", MAIL, 22, SYN).vlan(9),
        SSH,
    );
    t.add(
        "failsafe behind options",
        &tcp("10.66.9.255", MAIL, 22, SYN).options(3),
        SSH,
    );
    t.add(
        "failsafe's first fragment",
        &tcp("10.66.9.1", MAIL, 22, SYN).fragment(0, true),
        SSH,
    );
}

fn host(t: &mut Table) {
    t.add("ping", &icmp("203.0.113.5", OTHER, 8, 0, b"abcd"), PING);
    t.add(
        "ping answer",
        &icmp("203.0.113.5", OTHER, 0, 0, b"abcd"),
        PING,
    );
    t.add(
        "v6 ping",
        &icmp("2001:db9::5", MAIL6, 128, 0, b"abcd"),
        PING6,
    );
    t.add(
        "ICMPv6 over IPv4",
        &ip("203.0.113.5", OTHER, 58, vec![128; 8]),
        PING6,
    );
    t.add(
        "ICMP over IPv6",
        &ip("2001:db9::5", MAIL6, 1, vec![8; 8]),
        PING,
    );
    t.add("DNS from inside", &udp("10.3.3.3", OTHER, 1000, 53), DNS);
    t.add(
        "DNS from outside",
        &udp("203.0.113.5", OTHER, 1000, 53),
        HOST_DEFAULT,
    );
    t.add(
        "DNS over TCP",
        &tcp("10.3.3.3", OTHER, 53, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "port range, below",
        &tcp("10.3.3.3", OTHER, 7999, SYN),
        HOST_DEFAULT,
    );
    t.add("port range, first", &tcp("10.3.3.3", OTHER, 8000, SYN), WEB);
    t.add(
        "port range, within",
        &tcp("10.3.3.3", OTHER, 8042, SYN),
        WEB,
    );
    t.add("port range, last", &tcp("10.3.3.3", OTHER, 8080, SYN), WEB);
    t.add(
        "port range, above",
        &tcp("10.3.3.3", OTHER, 8081, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "v6 port range",
        &tcp("2001:db8:5::1", OPEN6, 8080, SYN),
        WEB,
    );
    t.add(
        "v6 port range, outside",
        &tcp("2001:db9:5::1", OPEN6, 8080, SYN),
        HOST_DEFAULT,
    );
    t.add("GRE", &ip("203.0.113.5", OTHER, 47, vec![0; 16]), GRE);
    t.add("v6 GRE", &ip("2001:db9::5", OPEN6, 47, vec![0; 16]), GRE);
    t.add(
        "SCTP",
        &ip("203.0.113.5", OTHER, 132, vec![0; 16]),
        HOST_DEFAULT,
    );
    t.add("ESP", &ip("10.0.0.1", OTHER, 50, vec![0; 16]), HOST_DEFAULT);
    t.add(
        "v6 ESP",
        &ip("2001:db8::1", OPEN6, 50, vec![0; 16]),
        HOST_DEFAULT,
    );
    t.add(
        "v6 no next header",
        &ip("2001:db8::1", OPEN6, 59, vec![]),
        HOST_DEFAULT,
    );
    t.add(
        "protocol 255",
        &ip("10.0.0.1", OTHER, 255, vec![]),
        HOST_DEFAULT,
    );
}

fn flags(t: &mut Table) {
    t.add(
        "ACK of a trusted client",
        &tcp("10.0.0.1", MAIL, 25, ACK),
        TRUSTED,
    );
    t.add(
        "RST of a blocked client",
        &tcp("10.66.0.1", MAIL, 25, RST),
        BLOCKED,
    );
    t.add(
        "SYN and ACK from nowhere",
        &tcp("203.0.113.5", OTHER, 40_000, SYN_ACK),
        HOST_DEFAULT,
    );
    t.add(
        "ACK from nowhere",
        &tcp("203.0.113.5", OTHER, 40_000, ACK),
        HOST_DEFAULT,
    );
    t.add(
        "RST from nowhere",
        &tcp("203.0.113.5", OTHER, 40_000, RST),
        HOST_DEFAULT,
    );
    t.add("no flags", &tcp("10.0.0.1", MAIL, 25, 0), TRUSTED);
    t.add("all flags", &tcp("10.66.0.1", MAIL, 25, 0xff), BLOCKED);
    t.add(
        "v6 SYN and ACK from nowhere",
        &tcp("2001:db9::5", MAIL6, 40_000, SYN_ACK),
        HOST_DEFAULT,
    );
    t.add(
        "source port 25",
        &tcp_ports("203.0.113.5", MAIL, 25, 40_000, SYN),
        HOST_DEFAULT,
    );
    t.add(
        "UDP answer that nobody asked for",
        &udp("203.0.113.5", OTHER, 53, 40_000),
        HOST_DEFAULT,
    );
    t.add(
        "v6 UDP answer that nobody asked for",
        &udp("2001:db9::5", OPEN6, 53, 40_000),
        HOST_DEFAULT,
    );
    t.add("DHCP answer", &udp("203.0.113.1", OTHER, 67, 68), DHCP);
    t.add("DHCPv6 answer", &udp("fe80::1", "fe80::2", 547, 546), DHCP);
    t.add(
        "DHCP the wrong way",
        &udp("203.0.113.1", OTHER, 68, 67),
        HOST_DEFAULT,
    );
    t.add(
        "DHCP ports of the other family",
        &udp("203.0.113.1", OTHER, 547, 546),
        HOST_DEFAULT,
    );
}

fn vlans(t: &mut Table) {
    t.add(
        "one tag",
        &tcp("10.0.0.1", MAIL, 25, SYN).vlan(100),
        TRUSTED,
    );
    t.add(
        "one tag, blocked",
        &tcp("10.66.0.1", MAIL, 25, SYN).vlan(100),
        BLOCKED,
    );
    t.add(
        "priority bits",
        &tcp("10.66.0.1", MAIL, 25, SYN).vlan(0xe064),
        BLOCKED,
    );
    t.add(
        "two tags",
        &tcp("10.0.0.1", MAIL, 25, SYN).qinq(100, 200),
        TRUSTED,
    );
    t.add(
        "two tags, blocked",
        &tcp("10.66.0.1", MAIL, 25, SYN).qinq(100, 200),
        BLOCKED,
    );
    t.add(
        "three tags are not followed",
        &tcp("10.66.0.1", MAIL, 25, SYN).vlan(1).vlan(2).vlan(3),
        NON_IP,
    );
    t.add(
        "v6 one tag",
        &tcp("2001:db8::1", MAIL6, 25, SYN).vlan(100),
        TRUSTED,
    );
    t.add(
        "v6 two tags, blocked",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).qinq(1, 2),
        BLOCKED,
    );
    t.add(
        "ping in a VLAN",
        &icmp("203.0.113.5", OTHER, 8, 0, b"").vlan(7),
        PING,
    );
    t.raw(
        "ARP in a VLAN",
        ethernet(0x8100, &[0, 5, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]),
        ARP,
    );
}

fn options(t: &mut Table) {
    t.add(
        "one word of options",
        &tcp("10.0.0.1", MAIL, 25, SYN).options(1),
        TRUSTED,
    );
    t.add(
        "ten words of options",
        &tcp("10.66.0.1", MAIL, 25, SYN).options(10),
        BLOCKED,
    );
    t.add(
        "options and a tag",
        &tcp("10.66.0.1", MAIL, 25, SYN).options(10).vlan(3),
        BLOCKED,
    );
    t.add(
        "options before UDP",
        &udp("10.3.3.3", OTHER, 1000, 53).options(2),
        DNS,
    );
    t.add(
        "hop-by-hop",
        &tcp("2001:db8::1", MAIL6, 25, SYN).extensions(&[HOP]),
        TRUSTED,
    );
    t.add(
        "routing",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).extensions(&[ROUTING]),
        BLOCKED,
    );
    t.add(
        "destination options",
        &tcp("2001:db8::1", MAIL6, 25, SYN).extensions(&[DEST]),
        TRUSTED,
    );
    t.add(
        "authentication",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).extensions(&[AUTH]),
        BLOCKED,
    );
    t.add(
        "four headers",
        &tcp("2001:db8::1", MAIL6, 25, SYN).extensions(&[HOP, DEST, ROUTING, AUTH]),
        TRUSTED,
    );
    t.add(
        "eight headers",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).extensions(&[DEST; 8]),
        BLOCKED,
    );
    t.add(
        "nine headers",
        &tcp("2001:db8::1", MAIL6, 25, SYN).extensions(&[DEST; 9]),
        UNPARSABLE,
    );
    t.add(
        "twenty headers",
        &tcp("2001:db8::1", MAIL6, 25, SYN).extensions(&[DEST; 20]),
        UNPARSABLE,
    );
    t.add(
        "headers in a VLAN",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN)
            .extensions(&[HOP, DEST])
            .vlan(4),
        BLOCKED,
    );
    t.add(
        "headers before UDP",
        &udp("2001:db8::1", OPEN6, 5, 53).extensions(&[HOP]),
        HOST_DEFAULT,
    );
    t.add(
        "headers before ping",
        &icmp("2001:db9::5", MAIL6, 128, 0, b"").extensions(&[DEST]),
        PING6,
    );
}

fn fragments(t: &mut Table) {
    t.add(
        "first fragment",
        &tcp("10.0.0.1", MAIL, 25, SYN).fragment(0, true),
        TRUSTED,
    );
    t.add(
        "first fragment, blocked",
        &tcp("10.66.0.1", MAIL, 25, SYN).fragment(0, true),
        BLOCKED,
    );
    t.add(
        "later fragment",
        &tcp("10.0.0.1", MAIL, 25, SYN).fragment(100, true),
        LATER,
    );
    t.add(
        "last fragment",
        &tcp("10.66.0.1", MAIL, 25, SYN).fragment(100, false),
        LATER,
    );
    t.add(
        "fragment at the end of space",
        &udp("10.0.0.1", OTHER, 5, 53).fragment(0x1fff, false),
        LATER,
    );
    t.add(
        "second fragment over TCP flags",
        &tcp("10.0.0.1", MAIL, 25, SYN).fragment(1, true),
        TINY,
    );
    t.add(
        "UDP fragment at 8",
        &udp("10.0.0.1", OTHER, 5, 53).fragment(1, false),
        LATER,
    );
    t.add(
        "first fragment of 8 octets",
        &tcp("10.0.0.1", MAIL, 25, SYN).short(8).fragment(0, true),
        TINY,
    );
    t.add(
        "first fragment of 19 octets",
        &tcp("10.0.0.1", MAIL, 25, SYN).short(19).fragment(0, true),
        TINY,
    );
    t.add(
        "first fragment of 20 octets",
        &tcp("10.0.0.1", MAIL, 25, SYN).short(20).fragment(0, true),
        TRUSTED,
    );
    t.add(
        "first UDP fragment of 7 octets",
        &udp("10.0.0.1", OTHER, 5, 53).short(7).fragment(0, true),
        TINY,
    );
    t.add(
        "first UDP fragment of 8 octets",
        &udp("10.0.0.1", OTHER, 5, 53).short(8).fragment(0, true),
        DNS,
    );
    t.add(
        "ping, first fragment",
        &icmp("203.0.113.5", OTHER, 8, 0, b"ab").fragment(0, true),
        PING,
    );
    t.add(
        "ping, later fragment has no ports to ask for",
        &icmp("203.0.113.5", OTHER, 8, 0, b"ab").fragment(9, false),
        PING,
    );
    t.add(
        "v6 first fragment",
        &tcp("2001:db8::1", MAIL6, 25, SYN).fragment(0, true),
        TRUSTED,
    );
    t.add(
        "v6 first fragment, blocked",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).fragment(0, true),
        BLOCKED,
    );
    t.add(
        "v6 whole in a fragment header",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).fragment(0, false),
        BLOCKED,
    );
    t.add(
        "v6 later fragment",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN).fragment(100, true),
        LATER,
    );
    t.add(
        "v6 tiny first fragment",
        &tcp("2001:db8::1", MAIL6, 25, SYN)
            .short(8)
            .fragment(0, true),
        TINY,
    );
    t.add(
        "v6 fragment behind other headers",
        &tcp("2001:db8::1", MAIL6, 25, SYN)
            .extensions(&[HOP, DEST])
            .fragment(0, true),
        TRUSTED,
    );
    t.add(
        "fragment in a VLAN",
        &tcp("10.66.0.1", MAIL, 25, SYN).fragment(0, true).vlan(8),
        BLOCKED,
    );
}

fn neighbors(t: &mut Table) {
    t.add(
        "router solicitation",
        &icmp("fe80::1", "ff02::2", 133, 0, b"").hops(255),
        ND,
    );
    t.add(
        "router advertisement",
        &icmp("fe80::1", "ff02::1", 134, 0, &[0; 8]).hops(255),
        ND,
    );
    t.add(
        "neighbour solicitation",
        &icmp("2001:db8:66::1", MAIL6, 135, 0, &[0; 16]).hops(255),
        ND,
    );
    t.add(
        "neighbour advertisement",
        &icmp("2001:db8:66::1", MAIL6, 136, 0, &[0; 16]).hops(255),
        ND,
    );
    t.add(
        "redirect",
        &icmp("fe80::1", MAIL6, 137, 0, &[0; 32]).hops(255),
        ND,
    );
    t.add(
        "solicitation from afar",
        &icmp("2001:db9::1", MAIL6, 135, 0, &[0; 16]).hops(254),
        PING6,
    );
    t.add(
        "listener query",
        &icmp("fe80::1", "ff02::1", 130, 0, &[0; 20])
            .hops(1)
            .extensions(&[HOP]),
        ND,
    );
    t.add(
        "listener report",
        &icmp("fe80::1", "ff02::16", 143, 0, &[0; 20])
            .hops(1)
            .extensions(&[HOP]),
        ND,
    );
    t.add(
        "listener report from afar",
        &icmp("2001:db9::1", "ff02::16", 143, 0, &[0; 20]),
        PING6,
    );
    t.add(
        "neighbour types over IPv4",
        &icmp("203.0.113.5", OTHER, 135, 0, &[0; 16]).hops(255),
        PING,
    );
    t.add(
        "solicitation in a VLAN",
        &icmp("fe80::1", MAIL6, 135, 0, &[0; 16]).hops(255).vlan(2),
        ND,
    );
}

fn others(t: &mut Table) {
    t.raw("ARP", ethernet(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]), ARP);
    t.raw("LLDP", ethernet(0x88cc, &[2, 7, 4]), NON_IP);
    t.raw("802.3 length", ethernet(0x0026, &[0x42, 0x42, 3]), NON_IP);
    t.raw("MPLS", ethernet(0x8847, &[0; 20]), NON_IP);
    t.raw("PPPoE", ethernet(0x8864, &[0; 20]), NON_IP);
    t.raw("Ethernet header alone", ethernet(0x88cc, &[]), NON_IP);
}

fn malformed(t: &mut Table) {
    let good = tcp("10.0.0.1", MAIL, 25, SYN).bytes();
    let with = |at: usize, octet: u8| {
        let mut frame = good.clone();
        frame[at] = octet;
        frame
    };
    t.raw("version 5", with(14, 0x55), MALFORMED);
    t.raw("version 6 under the wrong type", with(14, 0x65), MALFORMED);
    t.raw("IHL 4", with(14, 0x44), MALFORMED);
    t.raw("IHL past the total length", with(14, 0x4f), MALFORMED);
    t.raw("total length 0", with(17, 0), MALFORMED);
    t.raw("total length 19", with(17, 19), MALFORMED);
    t.raw(
        "total length 39: half a TCP header",
        with(17, 39),
        MALFORMED,
    );
    t.raw("TCP offset 4", with(46, 0x40), MALFORMED);
    t.raw("tag without a type", ethernet(0x8100, &[0, 1]), MALFORMED);
    t.raw(
        "IPv4 of 19 octets",
        ethernet(0x0800, &[0x45; 19]),
        MALFORMED,
    );
    t.raw(
        "IPv6 of 39 octets",
        ethernet(0x86dd, &[0x60; 39]),
        MALFORMED,
    );
    let good6 = tcp("2001:db8::1", MAIL6, 25, SYN).bytes();
    let mut four = good6.clone();
    four[14] = 0x40;
    t.raw("version 4 under the type of 6", four, MALFORMED);
    let mut short = good6.clone();
    short[19] = 19;
    t.raw("payload length 19: half a TCP header", short, MALFORMED);
    let mut long = tcp("2001:db8::1", MAIL6, 25, SYN)
        .extensions(&[DEST])
        .bytes();
    long[55] = 200;
    t.raw("extension header past the end", long, MALFORMED);
    t.raw(
        "UDP of 7 octets",
        udp("10.0.0.1", OTHER, 5, 53).short(7).bytes(),
        MALFORMED,
    );
    t.raw(
        "ICMP of 4 octets",
        icmp("10.0.0.1", OTHER, 8, 0, b"").short(4).bytes(),
        MALFORMED,
    );
}

fn table() -> Vec<Row> {
    let mut table = Table::default();
    for part in [
        sources, contexts, failsafe, host, flags, vlans, options, fragments, neighbors, others,
        malformed,
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
