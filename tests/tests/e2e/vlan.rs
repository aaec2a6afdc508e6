//! VLANs: a tag in the frame and a tag that the card has taken off are filtered alike.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;

use smtp_lb_tests::netns::{Bridge, Netns};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, packets, with};
use crate::over_both;

/// A SYN to the service from an untrusted client, in VLAN 7.
fn tagged(family: Family) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 9, 0x81, 0, 0, 7]);
    let (from, to) = (family.untrusted(), family.service());
    match (from, to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
            frame.extend([from.octets(), to.octets()].concat());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
            frame.extend([from.octets(), to.octets()].concat());
        }
        _ => panic!("one family"),
    }
    frame.extend([
        0x80, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    frame
}

/// Puts a frame on an interface as it is, five times.
fn put(netns: &Netns, interface: &str, frame: &[u8]) {
    for _ in 0..5 {
        let mut socat = netns
            .command("socat")
            .args(["-u", "STDIN", &format!("INTERFACE:{interface}")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        socat.stdin.take().unwrap().write_all(frame).unwrap();
        assert!(socat.wait().unwrap().success());
    }
}

/// Events so far that came by `interface` and name this VLAN, or none.
fn told(host: &Host, interface: &str, vlan: Option<u16>) -> usize {
    let events = fs::read_to_string(host.files.events()).unwrap_or_default();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events
        .filter(|event| event["interface"] == interface && event["rule"] == "others")
        .filter(|event| event["vlan"].as_u64() == vlan.map(u64::from))
        .count()
}

over_both! {
    fn tags_in_the_frame_and_tags_taken_off(family: Family) {
        let site = Site::new().unwrap();
        // A switch takes the tag off and hands it on beside the frame, as a card does that strips
        // it; a plain cable hands it on as it came.
        let switch = Bridge::new("wan").unwrap();
        switch.plug(&site.host, "ext1", &[]).unwrap();
        switch.plug(&site.outside, "eth1", &[]).unwrap();
        let files = Files::new();
        let text = with(&files.text(family), "[\"ext0\"]", "[\"ext0\", \"ext1\"]");
        let host = Host::start_with(&site, files, &text);

        for (from, by, vlan) in [("eth0", "ext0", Some(7)), ("eth1", "ext1", None)] {
            let before = packets(&host.counters(), "others");
            put(&site.outside, from, &tagged(family));
            until(format!("five events by {by}"), LONG, || {
                Ok((told(&host, by, vlan) == 5).then_some(()))
            })
            .unwrap();
            assert_eq!(packets(&host.counters(), "others"), before + 5);
        }
    }
}
