//! Frames cut short at every octet.

use smtp_lb::config::plan::FirewallMode;

use super::frames::{DEST, Frame, HOP, SYN, icmp, tcp, udp};
use super::stand::Bench;
use super::table::plan;

/// The shortest frame that a test run takes.
const ETHERNET: usize = 14;

fn cut_everywhere(frame: &Frame, whole: usize, accepted_short: bool) {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let octets = frame.bytes();
    for length in ETHERNET..=octets.len() {
        let cut = &octets[..length];
        let kernel = bench.kernel(cut);
        assert_eq!(kernel, bench.userspace(cut), "cut to {length} octets");
        if length < whole && !accepted_short {
            assert!(
                kernel.starts_with("drop malformed"),
                "{length} octets: {kernel}"
            );
        }
    }
}

#[test]
fn tcp_over_ipv4() {
    cut_everywhere(&tcp("10.0.0.1", "192.0.2.1", 25, SYN), 14 + 40, false);
}

#[test]
fn tcp_over_ipv4_with_options_in_two_vlans() {
    let frame = tcp("10.0.0.1", "192.0.2.1", 25, SYN).options(5).qinq(1, 2);
    cut_everywhere(&frame, 22 + 60, false);
}

#[test]
fn tcp_over_ipv6_behind_headers() {
    let frame = tcp("2001:db8::1", "2001:db8:f::1", 25, SYN).extensions(&[HOP, DEST]);
    cut_everywhere(&frame, 14 + 40 + 16 + 20, false);
}

#[test]
fn udp_over_ipv6_in_a_vlan() {
    let frame = udp("2001:db8::1", "2001:db8:f::1", 53, 53).vlan(5);
    cut_everywhere(&frame, 18 + 40 + 8, false);
}

#[test]
fn an_icmp_error_and_what_it_quotes() {
    let quoted = tcp("192.0.2.1", "10.0.0.1", 25, SYN).packet();
    let frame = icmp("203.0.113.1", "192.0.2.1", 3, 4, &quoted);
    cut_everywhere(&frame, 14 + 20 + 8, false);
    let quoted = tcp("2001:db8:f::1", "2001:db9::1", 25, SYN).packet();
    let frame = icmp("2001:db9::9", "2001:db8:f::1", 2, 0, &quoted);
    cut_everywhere(&frame, 14 + 40 + 8, false);
}

#[test]
fn a_first_fragment() {
    let frame = tcp("10.0.0.1", "192.0.2.1", 25, SYN).fragment(0, true);
    // The frame ends before what the header promises: a tiny fragment, not a malformed packet.
    cut_everywhere(&frame, 0, true);
}
