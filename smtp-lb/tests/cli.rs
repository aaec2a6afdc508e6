//! The binary as an operator meets it: exit codes, help, and no panic anywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn smtp_lb(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smtp-lb"))
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs and compares the exit code; the complaint must hold `says` and be no panic.
#[track_caller]
fn fails(args: &[&str], code: i32, says: &str) {
    let output = smtp_lb(args);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {complaint}");
    assert!(complaint.contains(says), "{args:?}: {complaint}");
    assert!(!complaint.contains("panicked"), "{args:?}: {complaint}");
}

fn write(dir: &Path, name: &str, toml: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, toml).unwrap();
    path.to_str().unwrap().to_owned()
}

const USERSPACE: &str = "enforcement = \"userspace\"";

/// A relay with these keys of `[firewall]`, in a folder of its own.
fn relay(dir: &Path, listen: &str, firewall: &str) -> String {
    let socket = dir.join("admin.sock");
    let (socket, pins) = (socket.display(), dir.join("pins"));
    let pins = pins.display();
    let state = dir.join("state");
    let state = state.display();
    write(
        dir,
        "relay.toml",
        &format!(
            r#"
            [general]
            state_path = "{state}"
            [admin]
            socket = "{socket}"
            [firewall]
            {firewall}
            pin_path = "{pins}"
            [[virtual_server]]
            name = "mx"
            listen = ["{listen}"]
            pool = "mail"
            [[pool]]
            name = "mail"
            members = ["127.0.0.1:9"]
            "#
        ),
    )
}

#[test]
fn faults_have_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let missing = dir.join("missing").to_str().unwrap().to_owned();
    let broken = write(dir, "broken.toml", "[general\nworkers = 1\n");
    let unknown = write(dir, "unknown.toml", "[general]\nwrokers = 1\n");
    for file in [&missing, &broken, &unknown] {
        fails(&["check", file], 3, file);
        fails(&["run", "-c", file], 3, file);
    }
    fails(&["check", &unknown], 3, "workers");
    let socket = missing.as_str();
    for command in [
        &["status"][..],
        &["reload"],
        &["events", "follow"],
        &["log", "status"],
        &["log", "test", "x"],
        &["firewall", "list"],
        &["firewall", "counters"],
        &["firewall", "apply", "/dev/null"],
        &["firewall", "confirm"],
        &["firewall", "rollback"],
        &["firewall", "capture", "-w", "/dev/null"],
        &["firewall", "top", "--once"],
        &[
            "firewall",
            "explain",
            "--src",
            "192.0.2.1",
            "--dst",
            "192.0.2.2",
            "--dport",
            "25",
        ],
    ] {
        let args = [command, &["--socket", socket]].concat();
        fails(&args, 8, "not running");
    }
    fails(&["frobnicate"], 2, "unrecognized");
    fails(
        &[
            "firewall",
            "explain",
            "--src",
            "192.0.2.1",
            "--dst",
            "2001:db8::1",
        ],
        2,
        "families",
    );
}

#[test]
fn a_port_in_use_has_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = relay(
        dir.path(),
        &taken.local_addr().unwrap().to_string(),
        USERSPACE,
    );
    fails(&["run", "-c", &config], 4, "in use");
    assert!(
        !dir.path().join("admin.sock").exists(),
        "a failed start leaves its socket"
    );
}

#[test]
fn an_interface_that_is_not_there_has_its_code() {
    let dir = tempfile::tempdir().unwrap();
    for enforcement in ["auto", "xdp-native", "xdp-generic"] {
        let firewall = format!("enforcement = \"{enforcement}\"\ninterfaces = [\"nosuch0\"]");
        let config = relay(dir.path(), "127.0.0.1:25", &firewall);
        fails(&["run", "-c", &config], 6, "nosuch0");
    }
}

#[test]
fn no_privilege_has_its_code() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    let config = relay(&locked, "127.0.0.1:25", USERSPACE);
    let open = write(
        dir.path(),
        "open.toml",
        &fs::read_to_string(config).unwrap(),
    );
    // Nobody may look into the folder; root has to become nobody to feel it.
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
    let program = dir.path().join("smtp-lb");
    fs::copy(env!("CARGO_BIN_EXE_smtp-lb"), &program).unwrap();
    let socket = locked.join("admin.sock");
    for args in [
        &["run", "-c", &open][..],
        &["status", "--socket", socket.to_str().unwrap()],
    ] {
        let mut command = Command::new(&program);
        command.args(args).current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{args:?}: {complaint}");
        assert!(complaint.contains("ermission"), "{args:?}: {complaint}");
    }
    fs::set_permissions(&locked, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn check_prints_diagnostics_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "unknown.toml", "[general]\nwrokers = 1\n");
    let output = smtp_lb(&["check", "--json", &file]);
    assert_eq!(output.status.code(), Some(3));
    let diagnostics: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diagnostics[0]["line"], 2, "{diagnostics}");
    let good = relay(dir.path(), "127.0.0.1:25", USERSPACE);
    let output = smtp_lb(&["check", "--json", &good]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        serde_json::from_slice::<serde_json::Value>(&output.stdout)
            .unwrap()
            .is_array()
    );
}

#[test]
fn every_command_has_help() {
    for command in [
        &[][..],
        &["run"],
        &["check"],
        &["schema"],
        &["status"],
        &["reload"],
        &["firewall"],
        &["firewall", "list"],
        &["firewall", "counters"],
        &["firewall", "explain"],
        &["firewall", "detach"],
        &["firewall", "apply"],
        &["firewall", "confirm"],
        &["firewall", "rollback"],
        &["firewall", "replay"],
        &["firewall", "capture"],
        &["firewall", "top"],
        &["events"],
        &["events", "follow"],
        &["events", "schema"],
        &["log"],
        &["log", "status"],
        &["log", "test"],
        &["completions"],
        &["man"],
    ] {
        let output = smtp_lb(&[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(
            text(&output.stdout).contains("Usage: smtp-lb"),
            "{command:?}"
        );
    }
}

#[test]
fn what_is_generated_is_printed() {
    assert!(text(&smtp_lb(&["man"]).stdout).contains(".SH \"EXIT STATUS\""));
    let schema = smtp_lb(&["schema"]).stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    assert!(schema["properties"]["virtual_server"].is_object());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            text(&smtp_lb(&["completions", shell]).stdout).contains("smtp-lb"),
            "{shell}"
        );
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for args in [
        &["man"][..],
        &["schema"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp-lb"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut complaint = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut complaint)
            .unwrap();
        assert_eq!(
            child.wait().unwrap().code(),
            Some(0),
            "{args:?}: {complaint}"
        );
        assert_eq!(complaint, "", "{args:?}");
    }
}
