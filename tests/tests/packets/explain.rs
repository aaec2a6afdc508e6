//! What `firewall explain` asks is what the table asks.

use smtp_lb::config::plan::FirewallMode;
use smtp_lb::firewall::{ExplainRequest, frame};

use super::stand::Bench;
use super::table::plan;

fn ask(bench: &mut Bench, src: &str, dst: &str, protocol: u8, dport: u16) -> String {
    let request = ExplainRequest {
        src: src.parse().expect("an address"),
        dst: dst.parse().expect("an address"),
        protocol,
        sport: 1025,
        dport,
        tcp_flags: 2,
        interface: None,
        vlan: None,
        icmp: None,
    };
    bench.kernel(&frame(&request).expect("one family"))
}

#[test]
fn made_up_packets_are_decided_like_real_ones() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let cases = [
        (
            "10.0.0.1",
            "192.0.2.1",
            6,
            25,
            "accept policy virtual-server:mail/edge/trusted log",
        ),
        (
            "10.66.0.1",
            "192.0.2.1",
            6,
            25,
            "drop policy virtual-server:mail/edge/blocked log",
        ),
        (
            "10.66.9.1",
            "192.0.2.1",
            6,
            22,
            "accept failsafe failsafe//ssh",
        ),
        (
            "10.3.3.3",
            "192.0.2.77",
            17,
            53,
            "accept policy host/host/dns log",
        ),
        (
            "203.0.113.1",
            "192.0.2.77",
            1,
            0,
            "accept policy host/host/ping",
        ),
        (
            "203.0.113.1",
            "192.0.2.77",
            132,
            0,
            "drop default host/host/default",
        ),
        (
            "2001:db8:66::1",
            "2001:db8:f::1",
            6,
            25,
            "drop policy virtual-server:mail/edge/blocked log",
        ),
        (
            "2001:db9::1",
            "2001:db8:f::1",
            58,
            0,
            "accept policy host/host/ping6",
        ),
    ];
    for (src, dst, protocol, port, said) in cases {
        assert_eq!(
            ask(&mut bench, src, dst, protocol, port),
            said,
            "{src} to {dst}"
        );
    }
}

#[test]
fn families_do_not_mix() {
    let request = ExplainRequest {
        src: "10.0.0.1".parse().expect("an address"),
        dst: "::1".parse().expect("an address"),
        protocol: 6,
        sport: 0,
        dport: 25,
        tcp_flags: 2,
        interface: None,
        vlan: None,
        icmp: None,
    };
    assert!(frame(&request).is_err());
}

#[test]
fn tags_and_types_are_asked_about() {
    use smtp_lb::config::plan::Action;

    use super::plans::{empty, policy, rule};

    let mut plan = empty(FirewallMode::Firewall);
    let mut tagged = rule("tagged", Action::Accept, &[]);
    tagged.vlan = Some((77, 77));
    tagged.protocol = Some(1);
    let mut unreachable = rule("unreachable", Action::Accept, &[]);
    unreachable.protocol = Some(1);
    unreachable.icmp = vec![(0x0304, 0x0304)];
    let host = policy(&mut plan, "host", vec![tagged, unreachable]);
    plan.firewall.host_policy = Some(host);
    let mut bench = Bench::new(&plan);
    let mut ask = |vlan, icmp| {
        let request = ExplainRequest {
            src: "203.0.113.9".parse().expect("an address"),
            dst: "192.0.2.1".parse().expect("an address"),
            protocol: 1,
            sport: 0,
            dport: 0,
            tcp_flags: 0,
            interface: None,
            vlan,
            icmp,
        };
        bench.kernel(&frame(&request).expect("a frame"))
    };
    assert_eq!(ask(None, None), "drop default host/host/default");
    assert_eq!(ask(Some(78), None), "drop default host/host/default");
    assert_eq!(ask(Some(77), None), "accept policy host/host/tagged log");
    assert_eq!(ask(None, Some((3, 3))), "drop default host/host/default");
    assert_eq!(
        ask(None, Some((3, 4))),
        "accept policy host/host/unreachable log"
    );
}
