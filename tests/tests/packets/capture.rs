//! Captures: the frames themselves, with the verdict that each got, and nothing when nobody asks.

use smtp_lb::config::plan::FirewallMode;
use smtp_lb::firewall::{CaptureRequest, CapturedPacket};

use super::frames::{SYN, tcp};
use super::stand::Bench;
use super::table::plan;

fn request(rule: Option<&str>, verdicts: &[&str], snap: u32, packets: u64) -> CaptureRequest {
    CaptureRequest {
        verdicts: verdicts.iter().map(|word| (*word).to_owned()).collect(),
        rule: rule.map(str::to_owned),
        policy: None,
        context: None,
        snap,
        packets,
        seconds: 60,
    }
}

/// Runs the frames; what the capture gave, whether it goes on, and what it lost.
fn captured(
    bench: &mut Bench,
    request: &CaptureRequest,
    frames: &[Vec<u8>],
) -> (Vec<CapturedPacket>, bool, u64) {
    let mut capture = bench
        .stand
        .capture(&bench.compiled, request)
        .expect("a capture");
    for frame in frames {
        bench.stand.run(frame).expect("runs");
    }
    let mut packets = Vec::new();
    let more = capture.read(100_000, &mut packets);
    (packets, more, capture.lost())
}

/// One that passes, one that a rule drops, one that the default drops, one that is no packet.
fn frames() -> Vec<Vec<u8>> {
    let mut arp = vec![0xff; 60];
    arp[12..14].copy_from_slice(&[8, 6]);
    vec![
        tcp("10.0.0.1", "192.0.2.1", 25, SYN).bytes(),
        tcp("10.66.0.1", "192.0.2.1", 25, SYN).bytes(),
        tcp("203.0.113.9", "192.0.2.77", 9, SYN).bytes(),
        arp,
    ]
}

#[test]
fn a_capture_is_the_frames_and_what_became_of_them() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let frames = frames();
    let said: Vec<String> = frames.iter().map(|frame| bench.userspace(frame)).collect();
    let (packets, more, lost) = captured(&mut bench, &request(None, &[], 1536, 100), &frames);
    assert!(more);
    assert_eq!(lost, 0);
    assert_eq!(packets.len(), frames.len());
    for ((packet, frame), said) in packets.iter().zip(&frames).zip(&said) {
        assert_eq!(packet.data, *frame);
        assert_eq!(packet.length as usize, frame.len());
        let label = packet.label.as_ref().expect("a label");
        let found = format!(
            "{} {} {}/{}/{}",
            packet.verdict, packet.reason, label.context, label.policy, label.rule
        );
        assert_eq!(found, said.trim_end_matches(" log"));
    }
    assert!(packets.is_sorted_by_key(|packet| packet.time_ns));
}

#[test]
fn a_capture_is_of_what_was_asked_for() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let frames = frames();
    for (rule, verdicts, which) in [
        (Some("blocked"), &[][..], &[1][..]),
        (None, &["drop"], &[1, 2]),
        (None, &["accept"], &[0, 3]),
        (Some("arp"), &["accept"], &[3]),
        (Some("blocked"), &["accept"], &[]),
    ] {
        let (packets, ..) = captured(&mut bench, &request(rule, verdicts, 1536, 100), &frames);
        let data: Vec<_> = packets.into_iter().map(|packet| packet.data).collect();
        let wanted: Vec<_> = which.iter().map(|n: &usize| frames[*n].clone()).collect();
        assert_eq!(data, wanted, "{rule:?} {verdicts:?}");
    }
    let refused = bench
        .stand
        .capture(&bench.compiled, &request(Some("nosuch"), &[], 1, 1));
    assert!(refused.is_err());
}

#[test]
fn a_capture_is_bounded_in_octets_frames_and_room() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let frame = frames()[1].clone();
    let mut long = frame.clone();
    long.resize(3000, 7);
    let both = [frame.clone(), long.clone()];
    let (packets, ..) = captured(&mut bench, &request(None, &[], 40, 100), &both);
    for (packet, frame) in packets.iter().zip(&both) {
        assert_eq!(packet.data, frame[..40]);
        assert_eq!(packet.length as usize, frame.len());
    }
    let (packets, ..) = captured(&mut bench, &request(None, &[], 1536, 100), &[long.clone()]);
    assert_eq!(packets[0].data, long[..1536]);

    let many = vec![frame.clone(); 10];
    let (packets, more, lost) = captured(&mut bench, &request(None, &[], 1536, 3), &many);
    assert_eq!(
        (packets.len(), more, lost),
        (3, false, 0),
        "the count is reached"
    );

    // What does not fit is counted, and there is room again for the next.
    let flood = vec![frame.clone(); 4000];
    let (packets, _, lost) = captured(&mut bench, &request(None, &[], 1536, 100_000), &flood);
    assert!(lost > 0);
    assert_eq!(packets.len() as u64 + lost, 4000);
    let (packets, _, lost) = captured(&mut bench, &request(None, &[], 1536, 100), &many);
    assert_eq!((packets.len(), lost), (10, 0));
}

#[test]
fn nothing_is_captured_when_nobody_asks_and_only_one_may() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let all = request(None, &[], 1536, 100);
    let first = bench.stand.capture(&bench.compiled, &all).expect("first");
    let second = bench.stand.capture(&bench.compiled, &all);
    assert!(second.is_err_and(|error| error.to_string().contains("another")));
    drop(first);
    for frame in frames() {
        bench.stand.run(&frame).expect("runs");
    }
    let (packets, ..) = captured(&mut bench, &all, &[]);
    assert_eq!(packets, []);
}

#[test]
fn the_last_hit_moves_with_each_packet() {
    let mut bench = Bench::new(&plan(FirewallMode::Firewall));
    let frame = frames()[1].clone();
    let last = |bench: &Bench| {
        let counters = bench.stand.counters(&bench.compiled).expect("counters");
        let mut rows = counters.rows.into_iter();
        let row = rows.find(|row| row.label.rule == "blocked" && row.label.context != "host");
        row.expect("the rule").last_hit_ns
    };
    assert_eq!(last(&bench), None);
    bench.kernel(&frame);
    let first = last(&bench).expect("hit");
    // Past a tick of any kernel.
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(last(&bench), Some(first), "not without a packet");
    bench.kernel(&frame);
    assert!(last(&bench).expect("hit") > first);
}
