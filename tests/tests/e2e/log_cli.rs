//! `events follow`, `log status` and `log test`, as an operator has them, and what is told of operators.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use smtp_lb::admin::api::{LogReport, TestReport};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, knock, log_server, with};

const FAMILY: Family = Family::V4;

/// `events follow` with arguments of its own.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(site: &Site, host: &Host, arguments: &[&str]) -> Self {
        let mut command = site.host.command(smtp_lb_tests::daemon::binary().unwrap());
        command.arg("--socket").arg(host.files.socket());
        command.args(["events", "follow"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            output
                .lines()
                .try_for_each(|line| sender.send(line.unwrap()))
        });
        Self { child, lines }
    }

    /// The next line that it prints.
    fn next(&self) -> String {
        self.lines.recv_timeout(LONG).unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(host: &Host) -> LogReport {
    host.cli().json(&["log", "status"]).unwrap()
}

#[test]
fn followers_get_what_they_ask_for_as_they_ask_for_it() {
    let site = Site::new().unwrap();
    let host = Host::start(&site, FAMILY);
    let untrusted = FAMILY.untrusted();
    let source = format!("src_ip={untrusted}/28");
    let json = Follower::start(
        &site,
        &host,
        &["--json", "--filter", "event=firewall", "--filter", &source],
    );
    let cef = Follower::start(
        &site,
        &host,
        &["--format", "cef", "--filter", "action!=accept"],
    );
    let syslog = Follower::start(
        &site,
        &host,
        &["--format", "rfc5424", "--filter", "event=administration"],
    );
    let people = Follower::start(
        &site,
        &host,
        &["--filter", "rule=oth*", "--filter", "dest_port<26"],
    );
    let none = Follower::start(
        &site,
        &host,
        &["--filter", "event=firewall", "--filter", "dest_port>25"],
    );
    until("five followers", LONG, || {
        Ok((report(&host).followers.count == 5).then_some(()))
    })
    .unwrap();

    knock(&site, FAMILY);
    host.cli().text(&["reload"]).unwrap();

    let event: Value = serde_json::from_str(&json.next()).unwrap();
    assert_eq!(
        (&event["event"], &event["rule"]),
        (&"firewall".into(), &"others".into())
    );
    assert_eq!(event["src_ip"], untrusted.to_string());
    let record = cef.next();
    let (_, record) = record.split_once(" CEF:0|smtp-lb|smtp-lb|").unwrap();
    assert!(record.contains("|firewall|packet drop|6|rt="), "{record}");
    assert!(record.contains(&format!(" src={untrusted} ")), "{record}");
    let record = syslog.next();
    assert!(
        record.starts_with("<133>1 ") && record.contains(" ADMINISTRATION [smtp-lb@32473 "),
        "{record}"
    );
    let config = host.files.config().display().to_string();
    let head = format!("operation=\"reload\" object=\"{config}\" by=\"uid 0, pid ");
    assert!(record.contains(&head), "{record}");
    assert!(
        record.contains(&format!(
            " result=\"done\"][meta sequenceId=\"1\"] reload of {config} by uid 0"
        )),
        "{record}"
    );
    let line = people.next();
    assert!(
        line.contains(" firewall ") && line.contains("rule=others"),
        "{line}"
    );
    drop(json);
    let others = none.lines.try_iter().collect::<Vec<_>>();
    assert_eq!(others, [""; 0], "no packet was for a port above 25");

    for (arguments, said) in [
        (["--filter", "colour=red"], "no event has a field `colour`"),
        (["--filter", "action"], "`action` is no condition"),
        (["--format", "xml"], "there is no format \"xml\""),
    ] {
        let output = host
            .cli()
            .output(&[&["events", "follow"], &arguments[..]].concat())
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(said),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn destinations_are_shown_and_tried() {
    let site = Site::new().unwrap();
    let server = log_server(&site, FAMILY);
    let files = Files::new();
    let text = files.text(FAMILY);
    // Nobody listens there.
    let dead = "name = \"dead\"\ntype = \"syslog\"\naddress = \"127.0.0.1:1\"\ntransport = \"tcp\"\n\n[[log.publisher]]";
    let text = with(
        &text,
        "[[log.publisher]]",
        &format!("[[log.destination]]\n{dead}"),
    );
    let host = Host::start_with(&site, files, &text);

    for name in ["file", "udp", "tcp"] {
        let tested: TestReport = host
            .cli()
            .json(&["log", "test", name, "--count", "100"])
            .unwrap();
        assert!(tested.settled && tested.lost == 0, "{name}: {tested:?}");
        assert_eq!(tested.given, 100, "{name}");
        let text = host.cli().text(&["log", "test", name]).unwrap();
        assert!(text.starts_with("given 1, sent "), "{name}: {text}");
    }
    until("202 test records", LONG, || {
        let records = server.records();
        let came = records
            .iter()
            .filter(|(_, record)| format!("{record:?}").contains("log_test"));
        Ok((came.count() == 202).then_some(()))
    })
    .unwrap();
    assert_eq!(server.faults(), [""; 0]);

    let output = host
        .cli()
        .output(&["log", "test", "dead", "--within", "1"])
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("refused"),
        "{output:?}"
    );
    let output = host.cli().output(&["log", "test", "gone"]).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("no log destination \"gone\""),
        "{errors}"
    );

    let report = report(&host);
    let of = |name: &str| {
        report
            .destinations
            .iter()
            .find(|it| it.name == name)
            .unwrap()
    };
    for name in ["file", "udp", "tcp"] {
        let it = of(name);
        assert!(
            it.sent >= 101 && it.lost.total() == 0 && it.failures == 0,
            "{it:?}"
        );
    }
    let dead = of("dead");
    assert!(dead.queued == 1 && dead.failures > 0, "{dead:?}");
    assert!(
        dead.last_error
            .as_deref()
            .is_some_and(|it| it.contains("refused")),
        "{dead:?}"
    );
    let shown = host.cli().text(&["log", "status"]).unwrap();
    let row = shown.lines().find(|line| line.contains("dead")).unwrap();
    for part in ["syslog-tcp", "127.0.0.1:1", "retrying", "refused"] {
        assert!(row.contains(part), "{row}");
    }
    assert!(
        shown.contains("bus: accepted ") && shown.contains("LOST BY"),
        "{shown}"
    );
}

/// What each operation is called, who asked for it, and whether it was done.
#[test]
fn what_operators_do_is_told_with_who_did_it() {
    let site = Site::new().unwrap();
    let host = Host::start(&site, FAMILY);
    let good = fs::read_to_string(host.files.config()).unwrap();
    host.cli().text(&["reload"]).unwrap();
    fs::write(
        host.files.config(),
        with(&good, "pool = \"mx\"", "pool = \"nowhere\""),
    )
    .unwrap();
    assert!(!host.cli().output(&["reload"]).unwrap().status.success());
    fs::write(host.files.config(), &good).unwrap();
    host.cli().text(&["member", "disable", "mx1"]).unwrap();
    host.cli().text(&["log", "test", "file"]).unwrap();
    let config = host.files.config().display().to_string();
    let expected = [
        ("reload", &*config, "done"),
        ("reload", &*config, "refused"),
        ("member set", "mx1: disabled", "done"),
        ("log test", "file", "done"),
    ];
    let told = until("all operations", LONG, || {
        let text = fs::read_to_string(host.files.events())?;
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let events: Vec<_> = events.collect();
        let told = events
            .iter()
            .filter(|event| event["event"] == "administration")
            .count();
        Ok((told == expected.len()).then_some(events))
    })
    .unwrap();
    let mut administration = told
        .iter()
        .filter(|event| event["event"] == "administration");
    for (operation, object, result) in expected {
        let event = administration.next().unwrap();
        assert_eq!(
            (&event["operation"], &event["object"], &event["result"]),
            (&operation.into(), &object.into(), &result.into()),
            "{event}"
        );
        assert!(
            event["by"].as_str().unwrap().starts_with("uid 0, pid "),
            "{event}"
        );
    }
    let member = told
        .iter()
        .find(|event| event["event"] == "member")
        .unwrap();
    assert_eq!(
        (&member["member"], &member["change"]),
        (&"mx1".into(), &"disabled".into()),
        "{member}"
    );
    assert!(
        member["by"].as_str().unwrap().starts_with("uid 0, pid "),
        "{member}"
    );
}
