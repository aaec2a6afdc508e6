//! Options, extension headers, fragments, and headers that lie.

use super::super::frames::{AUTH, DEST, HOP, ROUTING, SYN, ethernet, icmp, tcp, udp};
use super::{
    BLOCKED, DNS, HOST_DEFAULT, LATER, MAIL, MAIL6, MALFORMED, OPEN6, OTHER, PING, PING6, TINY,
    TRUSTED, Table, UNPARSABLE,
};

pub(super) fn options(t: &mut Table) {
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

pub(super) fn fragments(t: &mut Table) {
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

pub(super) fn malformed(t: &mut Table) {
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
