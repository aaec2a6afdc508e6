//! With a queue on disk nothing is lost, over TLS and over HTTPS with acknowledgement.

use std::cell::RefCell;

use smtp_lb_tests::log_collector::{LogCollector, Pace, Speaks};

use super::stage::{Stage, collector, find};

/// A destination that must not lose anything, and its collector.
fn loses_nothing(name: &str, settings: &str, port: u16, speaks: Speaks, more: &[Pace]) {
    let mut stage = Stage::start(&[(name, settings)], |_| {});
    let collector = RefCell::new(collector(&stage, port, speaks, true));
    let check = |what: &str,
                 stage: &mut Stage,
                 fault: &dyn Fn(&mut LogCollector),
                 mend: &dyn Fn(&mut LogCollector)| {
        let report = stage.scenario(
            what,
            || fault(&mut collector.borrow_mut()),
            || mend(&mut collector.borrow_mut()),
        );
        let destination = find(&report, name);
        assert_eq!(destination.lost.total(), 0, "{what}: {destination:?}");
        let seen = collector.borrow().seen();
        assert_eq!(seen.faults(), [""; 0], "{what}");
        assert_eq!(seen.gaps(), [], "{what}");
        assert_eq!(seen.distinct(), destination.sent, "{what}: {destination:?}");
        println!(
            "{name}, {what}: {} delivered, {} of them again, over {} connections",
            seen.distinct(),
            seen.records() - seen.distinct(),
            seen.connections()
        );
    };
    stage.await_up();
    let nothing = |_: &mut LogCollector| {};
    check("undisturbed", &mut stage, &nothing, &nothing);
    check("killed", &mut stage, &LogCollector::kill, &|it| {
        it.revive().unwrap();
    });
    check("restarted", &mut stage, &|it| it.revive().unwrap(), &|it| {
        it.revive().unwrap();
    });
    for pace in [Pace::Stalled, Pace::Slow].iter().chain(more) {
        check(
            &format!("{pace:?}"),
            &mut stage,
            &|it| it.set(*pace),
            &|it| it.set(Pace::Full),
        );
    }
}

#[test]
fn over_tls() {
    let settings = r#"type = "syslog"
transport = "tls"
server_tls = "logs"
address = "127.0.0.1:6514"
queue = 1000000
disk = { confirm = "300ms" }
"#;
    loses_nothing("tls", settings, 6514, Speaks::Stream, &[]);
}

#[test]
fn over_hec_by_https() {
    let settings = r#"type = "hec"
server_tls = "logs"
address = "127.0.0.1:8088"
token = "file:{folder}/token"
queue = 1000000
disk = { confirm = "300ms" }
"#;
    loses_nothing("hec", settings, 8088, Speaks::Hec, &[Pace::Busy]);
}
