//! Tags, neighbours, and what is no IP at all.

use super::super::frames::{HOP, SYN, ethernet, icmp, tcp};
use super::{ARP, BLOCKED, MAIL, MAIL6, ND, NON_IP, OTHER, PING, PING6, TRUSTED, Table};

pub(super) fn vlans(t: &mut Table) {
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

pub(super) fn neighbors(t: &mut Table) {
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

pub(super) fn others(t: &mut Table) {
    t.raw("ARP", ethernet(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]), ARP);
    t.raw("LLDP", ethernet(0x88cc, &[2, 7, 4]), NON_IP);
    t.raw("802.3 length", ethernet(0x0026, &[0x42, 0x42, 3]), NON_IP);
    t.raw("MPLS", ethernet(0x8847, &[0; 20]), NON_IP);
    t.raw("PPPoE", ethernet(0x8864, &[0; 20]), NON_IP);
    t.raw("Ethernet header alone", ethernet(0x88cc, &[]), NON_IP);
}
