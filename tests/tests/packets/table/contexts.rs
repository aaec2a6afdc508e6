//! Whose policy is asked, and the failsafe list before all.

use super::super::frames::{ACK, RST, SYN, SYN_ACK, icmp, ip, tcp, tcp_ports, udp};
use super::{
    BLOCKED, DHCP, DNS, GRE, HOST_DEFAULT, MAIL, MAIL6, OPEN, OPEN_DEFAULT, OPEN6, OTHER, PING,
    PING6, SSH, SUBMIT, SUBMIT_BLOCKED, SUBMIT_DEFAULT, TRUSTED, Table, WEB,
};

pub(super) fn contexts(t: &mut Table) {
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

pub(super) fn failsafe(t: &mut Table) {
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

pub(super) fn host(t: &mut Table) {
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

pub(super) fn flags(t: &mut Table) {
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
