//! Captures of what the filter decides, and what replaying them says.

use std::fs::File;
use std::process::{Child, Stdio};

use smtp_lb::pcap::{Packet, Reader};
use smtp_lb_common::packet::parse;
use smtp_lb_tests::daemon::binary;
use smtp_lb_tests::flood;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, knock, send, sinks, with};
use crate::over_both;

/// Begins a capture, and waits until frames are captured.
fn begin(site: &Site, host: &Host, path: &str, arguments: &[&str]) -> Child {
    let child = site
        .host
        .command(binary().unwrap())
        .arg("--socket")
        .arg(host.files.socket())
        .args(["--json", "firewall", "capture", "--write", path])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The file begins when the daemon has agreed.
    until("a capture file", LONG, || {
        Ok(std::fs::metadata(path)
            .is_ok_and(|meta| meta.len() > 0)
            .then_some(()))
    })
    .unwrap();
    child
}

/// What the command told at its end.
fn end(child: Child) -> serde_json::Value {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packets(path: &str) -> Vec<Packet> {
    let mut reader = Reader::new(File::open(path).unwrap()).unwrap();
    std::iter::from_fn(|| reader.packet().unwrap()).collect()
}

fn replay(host: &Host, arguments: &[&str]) -> serde_json::Value {
    let config = host.files.config();
    let arguments = [
        &["firewall", "replay", "--config", config.to_str().unwrap()],
        arguments,
    ]
    .concat();
    host.cli().json(&arguments).unwrap()
}

over_both! {
    fn a_rule_s_frames_are_captured_and_replayed_with_the_same_verdict(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        let path = host.files.folder.path().join("drops.pcapng");
        let path = path.to_str().unwrap();
        let arguments = ["--verdict", "drop", "--rule", "others", "-n", "3", "--time", "60s"];
        let child = begin(&site, &host, path, &arguments);
        send(&site, family, "not captured");
        // At least one SYN each, in a time that no retransmission needs.
        for _ in 0..3 {
            knock(&site, family);
        }
        let told = end(child);
        assert_eq!((&told["captured"], &told["why"]), (&3.into(), &"count".into()), "{told}");
        let packets = packets(path);
        assert_eq!(packets.len(), 3);
        let comment = "drop reason=policy context=virtual-server:inbound policy=mail rule=others";
        for packet in &packets {
            assert_eq!(packet.comment.as_deref(), Some(comment));
            assert_eq!(packet.data.len(), packet.length as usize);
            let parsed = parse(packet.data.as_slice());
            assert_eq!(parsed.packet.dport, 25, "{parsed:?}");
            assert_eq!(parsed.packet.v6, family == Family::V6);
        }
        let told = replay(&host, &[path]);
        let rows = told["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{told}");
        assert_eq!((&rows[0]["verdict"], &rows[0]["packets"]), (&"drop".into(), &3.into()));
        assert_eq!(rows[0]["label"]["rule"], "others");

        // Against what runs nothing differs; against rules that let everybody in, all do.
        let told = replay(&host, &[path, "--against-running"]);
        assert_eq!(told["differences"], serde_json::json!([]));
        let open = with(&host.files.text(family), "name = \"others\"\naction = \"drop\"",
            "name = \"others\"\naction = \"accept\"");
        let other = host.files.folder.path().join("open.toml");
        std::fs::write(&other, open).unwrap();
        let told = replay(&host, &[path, "--against", other.to_str().unwrap()]);
        assert_eq!(told["differences"][0]["packets"], 3, "{told}");
        let listed = host.cli().text(&["firewall", "replay", "--config",
            host.files.config().to_str().unwrap(), "--list", path]).unwrap();
        assert_eq!(listed.matches("drop (policy) virtual-server:inbound mail others").count(), 3,
            "{listed}");
    }

    fn a_capture_ends_in_time_and_with_its_client_and_counts_what_it_loses(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        let path = host.files.folder.path().join("all.pcapng");
        let path = path.to_str().unwrap();
        let child = begin(&site, &host, path, &["--time", "2s", "-n", "1000000"]);
        let second = host.cli().output(&["firewall", "capture", "-w", "/dev/null"]).unwrap();
        assert_eq!(second.status.code(), Some(9), "one at a time");
        let before = host.counters();
        let sent = flood::syn(&site.outside, &[family.untrusted()], family.service(), 20_000).unwrap();
        let told = end(child);
        assert_eq!(told["why"], "time", "{told}");
        let all = told["captured"].as_u64().unwrap() + told["lost"].as_u64().unwrap();
        let after = host.counters();
        let received = after.received.packets - before.received.packets;
        assert!(all <= received + 100 && all > sent / 10, "{told}, {received} received");
        assert_eq!(packets(path).len() as u64, told["captured"].as_u64().unwrap());

        let mut child = begin(&site, &host, &format!("{path}2"), &["--time", "1h", "-n", "1000000"]);
        child.kill().unwrap();
        child.wait().unwrap();
        until("room for the next", LONG, || {
            let arguments = ["firewall", "capture", "-w", "/dev/null", "--time", "1s"];
            Ok(host.cli().output(&arguments)?.status.success().then_some(()))
        })
        .unwrap();
        let output = host.cli().output(&["firewall", "capture", "-w", "/dev/null", "--rule", "nosuch"]);
        assert_eq!(output.unwrap().status.code(), Some(9));
    }
}
