//! Bad input: each gives an error that names the cause, and exits with a code that the manual
//! page documents.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use smtp_lb_tests::daemon::{Cli, binary};
use smtp_lb_tests::site::{Family, Site};

use crate::host::{Files, Host, with};

const CONFIG: i32 = 3;
const BIND: i32 = 4;
const PRIVILEGE: i32 = 5;
const INTERFACE: i32 = 6;
const UNREACHABLE: i32 = 8;
const ALREADY_RUNNING: i32 = 10;

/// The command must fail so, name each of these, and not panic.
fn fails(what: &str, output: &Output, code: i32, named: &[&str]) {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.contains("panicked"), "{what}: {said}");
    assert_eq!(output.status.code(), Some(code), "{what}: {said}");
    for name in named {
        assert!(said.contains(name), "{what}: no {name:?} in: {said}");
    }
}

/// The daemon, which must end by itself.
fn smtp_lb(site: &Site) -> Command {
    let mut command = site.host.command("timeout");
    command.args(["--signal=KILL", "30"]).arg(binary().unwrap());
    command
}

fn run(site: &Site, config: &Path) -> Output {
    let mut command = smtp_lb(site);
    command
        .args(["run", "--config"])
        .arg(config)
        .output()
        .unwrap()
}

fn run_text(site: &Site, files: &Files, text: &str) -> Output {
    fs::write(files.config(), text).unwrap();
    run(site, &files.config())
}

#[test]
fn broken_files() {
    let site = Site::new().unwrap();
    let files = Files::new();
    let good = files.text(Family::V4);
    let twice = "source = [\"192.0.2.1\", \"192.0.2.1\"]";
    let cases = [
        (
            "not TOML",
            with(&good, "[general]", "[general"),
            vec!["general"],
        ),
        (
            "an unknown key",
            with(&good, "event_rate", "event_rat"),
            vec!["event_rat", "event_rate"],
        ),
        (
            "an unknown table",
            with(&good, "[general]", "[genral]"),
            vec!["genral", "general"],
        ),
        (
            "an address listed twice",
            with(&good, "source = [\"10.77.0.10\"]", twice),
            vec!["192.0.2.1"],
        ),
        (
            "a member listed twice",
            with(&good, "10.78.0.12:25", "10.78.0.11:25"),
            vec!["10.78.0.11:25"],
        ),
        (
            "a pool that is not there",
            with(&good, "pool = \"mx\"", "pool = \"mxx\""),
            vec!["mxx", "mx"],
        ),
        (
            "a duration without a unit",
            with(&good, "\"200ms\"", "\"200\""),
            vec!["200"],
        ),
        ("nothing at all", String::from("\u{0}"), vec![]),
    ];
    for (what, text, mut named) in cases {
        let path = files.config().display().to_string();
        named.push(&path);
        fails(what, &run_text(&site, &files, &text), CONFIG, &named);
        let checked = smtp_lb(&site)
            .arg("check")
            .arg(files.config())
            .output()
            .unwrap();
        fails(what, &checked, CONFIG, &named);
    }
    // A start goes on without an address of a member's: DNS may be away. Whoever checks is told.
    let text = with(&good, "10.78.0.12:25", "no-such-host.invalid:25");
    fs::write(files.config(), text).unwrap();
    let checked = smtp_lb(&site)
        .arg("check")
        .arg(files.config())
        .output()
        .unwrap();
    let what = "a name that does not resolve";
    fails(what, &checked, CONFIG, &["no-such-host.invalid"]);
    // Several at once are all told.
    let text = with(&good, "event_rate", "event_rat");
    let text = with(&text, "pool = \"mx\"", "pool = \"mxx\"");
    fails(
        "two errors",
        &run_text(&site, &files, &text),
        CONFIG,
        &["event_rat", "mxx"],
    );
    fs::remove_file(files.config()).unwrap();
    let missing = run(&site, &files.config());
    fails("no file", &missing, CONFIG, &["smtp-lb.toml"]);
}

#[test]
fn a_port_in_use() {
    let site = Site::new().unwrap();
    let files = Files::new();
    for family in Family::BOTH {
        let service = family.service();
        let listener = site
            .host
            .inside(|| Ok(TcpListener::bind(service)?))
            .unwrap();
        let output = run_text(&site, &files, &files.text(family));
        fails("a port in use", &output, BIND, &[&service.to_string()]);
        drop(listener);
    }
}

#[test]
fn no_such_interface() {
    let site = Site::new().unwrap();
    let files = Files::new();
    let text = with(&files.text(Family::V4), "[\"ext0\"]", "[\"ext9\"]");
    fails(
        "no interface",
        &run_text(&site, &files, &text),
        INTERFACE,
        &["ext9"],
    );
}

#[test]
fn no_privilege() {
    let site = Site::new().unwrap();
    let files = Files::new();
    // A port that anyone may listen on: XDP alone is at fault.
    let text = with(&files.text(Family::V4), "10.77.0.1:25", "10.77.0.1:2525");
    fs::write(files.config(), text).unwrap();
    let output = site
        .host
        .command("setpriv")
        .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
        .args(["timeout", "--signal=KILL", "30"])
        .arg(binary().unwrap())
        .args(["run", "--config"])
        .arg(files.config())
        .output()
        .unwrap();
    fails("no privilege", &output, PRIVILEGE, &["CAP_"]);
}

#[test]
fn a_daemon_that_is_not_there_or_there_already() {
    let site = Site::new().unwrap();
    let files = Files::new();
    let cli = Cli {
        netns: site.host.clone(),
        socket: files.socket(),
    };
    for arguments in [
        vec!["status"],
        vec!["reload"],
        vec!["firewall", "list"],
        vec!["firewall", "counters"],
        vec!["events", "follow"],
    ] {
        let output = cli.output(&arguments).unwrap();
        fails("no daemon", &output, UNREACHABLE, &["admin.sock"]);
    }
    let host = Host::start(&site, Family::V4);
    let again = run(&site, &host.files.config());
    fails("a second daemon", &again, ALREADY_RUNNING, &[]);
    host.status();
}

#[test]
fn the_manual_page_has_every_code() {
    let output = Command::new(binary().unwrap()).arg("man").output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let exit = page.split("EXIT").nth(1).expect("a section on exit codes");
    for code in [
        CONFIG,
        BIND,
        PRIVILEGE,
        INTERFACE,
        7,
        UNREACHABLE,
        9,
        ALREADY_RUNNING,
        70,
    ] {
        assert!(
            exit.lines().any(|line| line
                .trim_start_matches(r"\fB")
                .trim_end_matches(r"\fR")
                .trim()
                .eq(&code.to_string())),
            "no {code} in: {exit}"
        );
    }
}
