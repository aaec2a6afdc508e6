//! A full disk, under the queue of a destination and under a file: what does not fit in memory meanwhile is
//! counted, and nothing else is lost.

use std::cell::RefCell;
use std::fs;

use smtp_lb_tests::log_collector::Speaks;
use smtp_lb_tests::tmpfs::Tmpfs;

use super::stage::{Load, Stage, collector, find};

#[test]
fn what_has_no_room_is_counted() {
    let load = Load::get();
    // A quarter of a scenario's records, of some 450 octets, fits.
    let kib = (load.events() * 450 / 1024 / 4).max(256);
    let mounted = RefCell::new(Vec::new());
    let queue = (load.events() / 10).to_string();
    let tls = r#"type = "syslog"
transport = "tls"
server_tls = "logs"
address = "127.0.0.1:6514"
queue = QUEUE
disk = { confirm = "300ms" }
"#
    .replace("QUEUE", &queue);
    let file = "type = \"file\"\npath = \"{folder}/full/events.json\"\nqueue = QUEUE\n"
        .replace("QUEUE", &queue);
    let mut stage = Stage::start(&[("tls", &tls), ("file", &file)], |folder| {
        for folder in [folder.join("state/log/tls"), folder.join("full")] {
            fs::create_dir_all(&folder).unwrap();
            mounted
                .borrow_mut()
                .push(Tmpfs::mount(&folder, kib).unwrap());
        }
    });
    let collector = RefCell::new(collector(&stage, 6514, Speaks::Stream, true));
    let more = |times: u64| {
        for tmpfs in mounted.borrow().iter() {
            tmpfs.resize(kib * times).unwrap();
        }
    };
    for (round, what) in ["full", "full again"].iter().enumerate() {
        let report = stage.scenario(
            what,
            || collector.borrow_mut().kill(),
            || {
                collector.borrow_mut().revive().unwrap();
                more(40 * (round as u64 + 1));
            },
        );
        let (tls, file) = (find(&report, "tls"), find(&report, "file"));
        if round == 0 {
            for destination in [tls, file] {
                assert!(destination.lost.overflow > 0, "{what}: {destination:?}");
                let error = destination.last_error.as_deref().unwrap_or_default();
                assert!(!error.is_empty(), "{destination:?}");
            }
        }
        let seen = collector.borrow().seen();
        assert_eq!(seen.faults(), [""; 0], "{what}");
        assert_eq!(seen.distinct(), tls.sent, "{what}: {tls:?}");
        let text =
            fs::read_to_string(stage.host.files.folder.path().join("full/events.json")).unwrap();
        let whole = text
            .lines()
            .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert_eq!(whole.count() as u64, file.sent, "{what}: {file:?}");
        assert!(
            text.ends_with('\n') && text.lines().count() as u64 == file.sent,
            "{what}"
        );
        println!(
            "{what}: {} asked for; tls {} delivered, {} lost; file {} written, {} lost",
            tls.offered,
            tls.sent,
            tls.lost.total(),
            file.sent,
            file.lost.total()
        );
    }
}
