//! Without a queue on disk: what smtp-lb says it sent it did send, what it did not is counted, and what was
//! lost behind it leaves a gap in the numbers.

use std::cell::RefCell;

use smtp_lb::event::DestinationStatus;
use smtp_lb_tests::log_collector::{LogCollector, Pace, Seen, Speaks};
use smtp_lb_tests::wait::{LONG, settled};

use super::stage::{Stage, collector, find};

const TCP: &str = r#"type = "syslog"
transport = "tcp"
address = "127.0.0.1:601"
queue = 1000
"#;
const UDP: &str = r#"type = "syslog"
transport = "udp"
address = "127.0.0.1:514"
queue = 1000
"#;

/// Datagrams of the namespace that came to a socket, to none, and to one without room.
fn datagrams(stage: &Stage) -> (u64, u64, u64) {
    let printed = stage.site.host.run("nstat", &["-asz"]).unwrap();
    let counter = |name: &str| {
        let mut lines = printed.lines().map(str::split_whitespace);
        let mut line = lines
            .find(|words| words.clone().next() == Some(name))
            .unwrap();
        line.nth(1).unwrap().parse::<u64>().unwrap()
    };
    (
        counter("UdpInDatagrams"),
        counter("UdpNoPorts"),
        counter("UdpRcvbufErrors"),
    )
}

/// What has a number and was not delivered is in a counter or in a gap.
fn numbers(what: &str, destination: &DestinationStatus, seen: &Seen) {
    assert_eq!(seen.faults(), [""; 0], "{what}");
    assert!(
        seen.distinct() <= destination.sent,
        "{what}: {destination:?}"
    );
    assert!(seen.highest() <= destination.offered, "{what}");
    let gaps: u64 = seen
        .gaps()
        .iter()
        .map(|(first, last)| last - first + 1)
        .sum();
    assert_eq!(seen.distinct() + gaps, seen.highest(), "{what}");
    println!(
        "{}, {what}: {} asked for, {} sent, {} delivered, {} lost in memory",
        destination.name,
        destination.offered,
        destination.sent,
        seen.distinct(),
        destination.lost.total()
    );
}

/// What happens to both collectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Undisturbed,
    Paced(Pace),
    Killed,
    Restarted,
}

impl Trouble {
    fn begins(self, collector: &mut LogCollector) {
        match self {
            Self::Undisturbed => {}
            Self::Paced(pace) => collector.set(pace),
            Self::Killed => collector.kill(),
            Self::Restarted => collector.revive().unwrap(),
        }
    }

    fn ends(self, collector: &mut LogCollector) {
        match self {
            Self::Undisturbed => {}
            Self::Paced(_) => collector.set(Pace::Full),
            Self::Killed | Self::Restarted => collector.revive().unwrap(),
        }
    }

    /// Is a socket closed behind which something may be lost?
    fn closes(self, stage: &Stage) -> bool {
        match self {
            Self::Undisturbed | Self::Paced(Pace::Slow) => false,
            // A write that makes no progress for 10 s ends its connection.
            Self::Paced(_) => stage.load.seconds > 10,
            Self::Killed | Self::Restarted => true,
        }
    }
}

#[test]
fn losses_are_counted() {
    let mut stage = Stage::start(&[("tcp", TCP), ("udp", UDP)], |_| {});
    let both = RefCell::new([
        collector(&stage, 601, Speaks::Stream, false),
        collector(&stage, 514, Speaks::Udp, false),
    ]);
    stage.await_up();
    // Lost behind sockets so far: of TCP in buffers of kernels, of UDP in the queues of sockets that were
    // closed, of which the kernel keeps no count.
    let mut behind = [0; 2];
    for trouble in [
        Trouble::Undisturbed,
        Trouble::Paced(Pace::Slow),
        Trouble::Paced(Pace::Stalled),
        Trouble::Killed,
        Trouble::Restarted,
    ] {
        let what = format!("{trouble:?}");
        let report = stage.scenario(
            &what,
            || {
                both.borrow_mut()
                    .iter_mut()
                    .for_each(|it| trouble.begins(it));
            },
            || both.borrow_mut().iter_mut().for_each(|it| trouble.ends(it)),
        );
        let collectors = both.borrow();
        let (tcp, udp) = (find(&report, "tcp"), find(&report, "udp"));
        // What is in buffers of the kernel is read when the collector gets to it.
        let seen = settled(LONG, || {
            Ok([0, 1].map(|at| collectors[at].seen().distinct()))
        })
        .unwrap();
        numbers(&what, tcp, &collectors[0].seen());
        numbers(&what, udp, &collectors[1].seen());
        let (taken, nobody, full) = datagrams(&stage);
        assert!(seen[1] <= taken, "{what}");
        let now = [tcp.sent - seen[0], udp.sent - (taken + nobody + full)];
        if !trouble.closes(&stage) {
            assert_eq!(now, behind, "{what}: sockets that last lose nothing");
        }
        behind = now;
    }
}
