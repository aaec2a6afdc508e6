//! Firewall mode lets answers in to what the host began, and to nothing else.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use smtp_lb::config::plan::FirewallMode;

use super::frames::{ACK, Frame, SYN, SYN_ACK, icmp, tcp_ports};
use super::plans::empty;
use super::stand::Bench;

const REPLY: &str = "accept reply built-in//reply";
const ERROR: &str = "accept icmp-error built-in//icmp-error";
const DEFAULT: &str = "drop default host//default";

fn segment(from: SocketAddr, to: SocketAddr, flags: u8) -> Frame {
    let (src, dst) = (from.ip().to_string(), to.ip().to_string());
    tcp_ports(&src, &dst, from.port(), to.port(), flags)
}

fn datagram(from: SocketAddr, to: SocketAddr) -> Frame {
    let (src, dst) = (from.ip().to_string(), to.ip().to_string());
    super::frames::udp(&src, &dst, from.port(), to.port())
}

/// An error from a router about a packet that went from `ours` to `theirs`.
fn error(ours: SocketAddr, quoted: &Frame) -> Frame {
    let (router, kind) = if ours.is_ipv4() {
        ("192.0.2.254", 3)
    } else {
        ("2001:db8::254", 1)
    };
    icmp(router, &ours.ip().to_string(), kind, 1, &quoted.packet())
}

#[test]
fn tcp_answers_pass_over_both_families() {
    let mut bench = Bench::new(&empty(FirewallMode::Firewall));
    for any in [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ] {
        let listener = TcpListener::bind(any).expect("a listener");
        let theirs = listener.local_addr().expect("an address");
        let client = TcpStream::connect(theirs).expect("a connection");
        let ours = client.local_addr().expect("an address");
        assert_eq!(bench.kernel(&segment(theirs, ours, ACK).bytes()), REPLY);
        assert_eq!(bench.kernel(&segment(theirs, ours, SYN_ACK).bytes()), REPLY);
        // A connection begins with a SYN, whoever else is connected.
        assert_eq!(bench.kernel(&segment(theirs, ours, SYN).bytes()), DEFAULT);
        let mut stranger = theirs;
        stranger.set_port(1);
        assert_eq!(bench.kernel(&segment(stranger, ours, ACK).bytes()), DEFAULT);
        // The listener is no connection.
        assert_eq!(
            bench.kernel(&segment(stranger, theirs, ACK).bytes()),
            DEFAULT
        );
        assert_eq!(
            bench.kernel(&error(ours, &segment(ours, theirs, ACK)).bytes()),
            ERROR
        );
        assert_eq!(
            bench.kernel(&error(ours, &segment(ours, stranger, ACK)).bytes()),
            DEFAULT
        );
    }
}

#[test]
fn udp_answers_pass_to_connected_sockets_only() {
    let mut bench = Bench::new(&empty(FirewallMode::Firewall));
    for any in [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ] {
        let server = UdpSocket::bind(any).expect("a socket");
        let theirs = server.local_addr().expect("an address");
        let client = UdpSocket::bind(any).expect("a socket");
        client.connect(theirs).expect("connects");
        let ours = client.local_addr().expect("an address");
        assert_eq!(bench.kernel(&datagram(theirs, ours).bytes()), REPLY);
        let mut stranger = theirs;
        stranger.set_port(1);
        assert_eq!(bench.kernel(&datagram(stranger, ours).bytes()), DEFAULT);
        // A server's socket waits for anyone: that is what rules are for.
        assert_eq!(bench.kernel(&datagram(stranger, theirs).bytes()), DEFAULT);
        assert_eq!(
            bench.kernel(&error(ours, &datagram(ours, theirs)).bytes()),
            ERROR
        );
        assert_eq!(
            bench.kernel(&error(ours, &datagram(ours, stranger)).bytes()),
            DEFAULT
        );
    }
}

#[test]
fn errors_that_quote_nonsense_are_no_answers() {
    let mut bench = Bench::new(&empty(FirewallMode::Firewall));
    for length in [0, 1, 8, 19, 20, 23] {
        let frame = icmp("192.0.2.254", "127.0.0.1", 3, 1, &vec![0x45; length]);
        assert_eq!(bench.kernel(&frame.bytes()), DEFAULT);
        let frame = icmp("2001:db8::254", "::1", 1, 1, &vec![0x60; length + 20]);
        assert_eq!(bench.kernel(&frame.bytes()), DEFAULT);
    }
}
